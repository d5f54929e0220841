/* The stack machine: one small function per opcode, table at the end. An opcode that is not in the
   table is refused, which is what keeps a pickle from doing anything. */
#include "io/pickle.h"

#include <string.h>

#include "base/alloc.h"
#include "io/pickle_impl.h"
#include "io/pickle_text.h"

/* `arg` is a width in bytes, a count or a kind, so that opcodes which differ only in it share code.
 */
#define NO_ARG int unused __attribute__((unused))

typedef struct opcode {
  vg_status (*run)(vg_pickle *, int arg);
  int arg;
} opcode;

static vg_status take(vg_pickle *p, const unsigned char **out, size_t n) {
  if (n > p->size - p->at) return vg_pk_bad(p, "it ends in the middle of a value (cut off?)");
  *out = p->data + p->at;
  p->at += n;
  return VG_OK;
}

/* A little-endian count of `width` bytes. */
static vg_status take_number(vg_pickle *p, uint64_t *out, int width) {
  const unsigned char *b;
  vg_status st = take(p, &b, (size_t)width);
  if (st != VG_OK) return st;
  *out = 0;
  for (int i = width; i-- > 0;) *out = *out << 8 | b[i];
  return VG_OK;
}

static vg_status take_line(vg_pickle *p, vg_pk_bytes *out) {
  size_t left = p->size - p->at;
  const unsigned char *start = p->data + p->at, *end = left ? memchr(start, '\n', left) : NULL;
  if (!end) return vg_pk_bad(p, "it ends in the middle of a line (cut off?)");
  *out = (vg_pk_bytes){.p = (const char *)start, .n = (size_t)(end - start)};
  p->at += out->n + 1;
  return VG_OK;
}

static bool room(vg_pk_seq *s, size_t n) {
  size_t cap = s->cap ? s->cap : 64;
  vg_pk **v;
  if (n <= s->cap) return true;
  while (cap < n) cap *= 2;
  v = vg_realloc(s->v, cap * sizeof *v);
  if (!v) return false;
  memset(v + s->cap, 0, (cap - s->cap) * sizeof *v);
  s->v = v;
  s->cap = cap;
  return true;
}

static vg_status push(vg_pickle *p, vg_pk *v) {
  if (!room(&p->stack, p->stack.n + 1)) return VG_ENOMEM;
  p->stack.v[p->stack.n++] = v;
  return VG_OK;
}

/* The stack above the last mark belongs to it; popping below it is an error. */
static size_t floor_of(const vg_pickle *p) { return p->n_marks ? p->marks[p->n_marks - 1] : 0; }

static vg_status pop(vg_pickle *p, vg_pk **out) {
  if (p->stack.n <= floor_of(p)) return vg_pk_bad(p, "the stack is empty");
  *out = p->stack.v[--p->stack.n];
  return VG_OK;
}

static vg_status top(vg_pickle *p, vg_pk **out) {
  if (p->stack.n <= floor_of(p)) return vg_pk_bad(p, "the stack is empty");
  *out = p->stack.v[p->stack.n - 1];
  return VG_OK;
}

static vg_status pop_mark(vg_pickle *p, size_t *start) {
  if (!p->n_marks) return vg_pk_bad(p, "no mark on the stack");
  *start = p->marks[--p->n_marks];
  return VG_OK;
}

static vg_status push_kind(vg_pickle *p, vg_pk_kind kind, vg_pk **out) {
  vg_status st = vg_pk_new(p, out, kind);
  return st == VG_OK ? push(p, *out) : st;
}

static vg_status push_text(vg_pickle *p, vg_pk_kind kind, const void *bytes, size_t n) {
  vg_pk *v;
  vg_status st = vg_pk_new_text(p, &v, kind, bytes, n);
  return st == VG_OK ? push(p, v) : st;
}

static vg_status push_int(vg_pickle *p, int64_t i) {
  vg_pk *v;
  vg_status st = push_kind(p, VG_PK_INT, &v);
  if (st == VG_OK) v->i = i;
  return st;
}

static vg_status op_bool(vg_pickle *p, int b) {
  vg_pk *v;
  vg_status st = push_kind(p, VG_PK_BOOL, &v);
  if (st == VG_OK) v->b = b != 0;
  return st;
}

static vg_status op_proto(vg_pickle *p, NO_ARG) {
  uint64_t version;
  vg_status st = take_number(p, &version, 1);
  if (st == VG_OK && version > 5)
    return vg_pk_bad(p, "protocol %d is not known (0 to 5 are)", (int)version);
  return st;
}

static vg_status op_frame(vg_pickle *p, NO_ARG) {
  uint64_t n;
  return take_number(p, &n, 8);
}

static vg_status op_mark(vg_pickle *p, NO_ARG) {
  if (p->n_marks == p->cap_marks) {
    size_t cap = p->cap_marks ? 2 * p->cap_marks : 16;
    size_t *m = vg_realloc(p->marks, cap * sizeof *m);
    if (!m) return VG_ENOMEM;
    p->marks = m;
    p->cap_marks = cap;
  }
  p->marks[p->n_marks++] = p->stack.n;
  return VG_OK;
}

static vg_status op_pop(vg_pickle *p, NO_ARG) {
  vg_pk *v;
  if (p->n_marks && p->stack.n == floor_of(p)) {
    p->n_marks--;
    return VG_OK;
  }
  return pop(p, &v);
}

static vg_status op_pop_mark(vg_pickle *p, NO_ARG) {
  size_t start;
  vg_status st = pop_mark(p, &start);
  if (st == VG_OK) p->stack.n = start;
  return st;
}

static vg_status op_dup(vg_pickle *p, NO_ARG) {
  vg_pk *v;
  vg_status st = top(p, &v);
  return st == VG_OK ? push(p, v) : st;
}

static vg_status op_binint(vg_pickle *p, int width) {
  uint64_t u;
  vg_status st = take_number(p, &u, width);
  if (st != VG_OK) return st;
  return push_int(p, width == 4 ? (int64_t)(int32_t)(uint32_t)u : (int64_t)u);
}

static vg_status op_long(vg_pickle *p, int width) {
  const unsigned char *b;
  uint64_t n, u = 0;
  vg_status st;
  VG_TRY(take_number(p, &n, width));
  if (n > 8) return vg_pk_bad(p, "an integer of %llu bytes is too large", (unsigned long long)n);
  VG_TRY(take(p, &b, (size_t)n));
  if (n && b[n - 1] & 0x80) u = UINT64_MAX;
  for (size_t i = (size_t)n; i-- > 0;) u = u << 8 | b[i];
  VG_TRY(push_int(p, (int64_t)u));
done:
  return st;
}

static vg_status op_int_line(vg_pickle *p, NO_ARG) {
  vg_pk_bytes line;
  int64_t i;
  vg_status st;
  VG_TRY(take_line(p, &line));
  if (line.n == 2 && line.p[0] == '0' && (line.p[1] == '0' || line.p[1] == '1'))
    return op_bool(p, line.p[1] == '1');
  if (!vg_pk_parse_int(line, &i)) return vg_pk_bad(p, "not an integer of 64 bits");
  VG_TRY(push_int(p, i));
done:
  return st;
}

static vg_status op_float_line(vg_pickle *p, NO_ARG) {
  vg_pk_bytes line;
  vg_pk *v;
  double f;
  vg_status st;
  VG_TRY(take_line(p, &line));
  if (!vg_pk_parse_float(line, &f)) return vg_pk_bad(p, "not a number");
  VG_TRY(push_kind(p, VG_PK_FLOAT, &v));
  v->f = f;
done:
  return st;
}

static vg_status op_binfloat(vg_pickle *p, NO_ARG) {
  const unsigned char *b;
  uint64_t u = 0;
  vg_pk *v;
  vg_status st;
  VG_TRY(take(p, &b, 8));
  for (int i = 0; i < 8; i++) u = u << 8 | b[i];
  VG_TRY(push_kind(p, VG_PK_FLOAT, &v));
  memcpy(&v->f, &u, sizeof u);
done:
  return st;
}

static vg_status counted(vg_pickle *p, vg_pk_kind kind, int width) {
  const unsigned char *b;
  uint64_t n;
  vg_status st;
  VG_TRY(take_number(p, &n, width));
  if (n > SIZE_MAX / 2) return vg_pk_bad(p, "a string's length is impossible");
  VG_TRY(take(p, &b, (size_t)n));
  VG_TRY(push_text(p, kind, b, (size_t)n));
done:
  return st;
}

static vg_status op_str(vg_pickle *p, int width) { return counted(p, VG_PK_STR, width); }
static vg_status op_bytes(vg_pickle *p, int width) { return counted(p, VG_PK_BYTES, width); }

static vg_status op_text_line(vg_pickle *p, int quoted) {
  vg_pk_bytes line;
  void *m;
  size_t n;
  vg_status st;
  VG_TRY(take_line(p, &line));
  VG_TRY(vg_pk_memory(p, &m, 2 * line.n + 1)); /* latin-1 to UTF-8 at most doubles */
  if (!(quoted ? vg_pk_unquote(line, m, &n) : vg_pk_unescape(line, m, &n)))
    return vg_pk_bad(p, "a string is not quoted as it should be");
  VG_TRY(push_text(p, VG_PK_STR, m, n));
done:
  return st;
}

static vg_status op_empty(vg_pickle *p, int kind) {
  vg_pk *v;
  return push_kind(p, (vg_pk_kind)kind, &v);
}

/* Moves the stack from `start` up into `c`. */
static vg_status gather(vg_pickle *p, vg_pk *c, size_t start) {
  vg_status st = VG_OK;
  if (c->kind == VG_PK_DICT && (p->stack.n - start) % 2)
    return vg_pk_bad(p, "a dict has a key without a value");
  for (size_t i = start; i < p->stack.n; i++) VG_TRY(vg_pk_append(p, c, p->stack.v[i]));
  p->stack.n = start;
done:
  return st;
}

static vg_status op_from_mark(vg_pickle *p, int kind) {
  size_t start;
  vg_pk *c;
  vg_status st;
  VG_TRY(pop_mark(p, &start));
  VG_TRY(vg_pk_new(p, &c, (vg_pk_kind)kind));
  VG_TRY(gather(p, c, start));
  VG_TRY(push(p, c));
done:
  return st;
}

static vg_status op_tuple_of(vg_pickle *p, int n) {
  size_t start;
  vg_pk *c;
  vg_status st;
  if (p->stack.n < floor_of(p) + (size_t)n) return vg_pk_bad(p, "the stack is empty");
  start = p->stack.n - (size_t)n;
  VG_TRY(vg_pk_new(p, &c, VG_PK_TUPLE));
  VG_TRY(gather(p, c, start));
  VG_TRY(push(p, c));
done:
  return st;
}

static vg_status into(vg_pickle *p, vg_pk_kind kind, size_t start) {
  vg_pk *c;
  if (start <= floor_of(p)) return vg_pk_bad(p, "the stack is empty");
  c = p->stack.v[start - 1];
  if (c->kind != kind)
    return vg_pk_bad(p, "items for something that is not a %s",
                     kind == VG_PK_LIST ? "list" : "dict");
  return gather(p, c, start);
}

/* One item, or one key and value. */
static vg_status op_item(vg_pickle *p, int kind) {
  size_t n = kind == VG_PK_DICT ? 2 : 1;
  if (p->stack.n < n) return vg_pk_bad(p, "the stack is empty");
  return into(p, (vg_pk_kind)kind, p->stack.n - n);
}

static vg_status op_items(vg_pickle *p, int kind) {
  size_t start;
  vg_status st = pop_mark(p, &start);
  return st == VG_OK ? into(p, (vg_pk_kind)kind, start) : st;
}

/* Picklers number what they keep in order, so an index beyond the bytes read so far cannot be
   honest. */
static vg_status put_at(vg_pickle *p, uint64_t i) {
  vg_pk *v;
  vg_status st;
  VG_TRY(top(p, &v));
  if (i > p->at) return vg_pk_bad(p, "memo index %llu is impossible", (unsigned long long)i);
  if (!room(&p->memo, (size_t)i + 1)) return VG_ENOMEM;
  p->memo.v[i] = v;
  if (i >= p->memo.n) p->memo.n = (size_t)i + 1;
done:
  return st;
}

static vg_status get_at(vg_pickle *p, uint64_t i) {
  if (i >= p->memo.n || !p->memo.v[i])
    return vg_pk_bad(p, "memo entry %llu does not exist", (unsigned long long)i);
  return push(p, p->memo.v[i]);
}

/* The memo index after the opcode: a text line (width 0) or a number. */
static vg_status memo_index(vg_pickle *p, uint64_t *out, int width) {
  vg_pk_bytes line;
  int64_t i;
  vg_status st;
  if (width) return take_number(p, out, width);
  VG_TRY(take_line(p, &line));
  if (!vg_pk_parse_int(line, &i) || i < 0) return vg_pk_bad(p, "a memo index is not a number");
  *out = (uint64_t)i;
done:
  return st;
}

static vg_status op_put(vg_pickle *p, int width) {
  uint64_t i;
  vg_status st = memo_index(p, &i, width);
  return st == VG_OK ? put_at(p, i) : st;
}

static vg_status op_get(vg_pickle *p, int width) {
  uint64_t i;
  vg_status st = memo_index(p, &i, width);
  return st == VG_OK ? get_at(p, i) : st;
}

static vg_status op_memoize(vg_pickle *p, NO_ARG) { return put_at(p, p->memo.n); }

static vg_status push_global(vg_pickle *p, vg_pk_bytes module, vg_pk_bytes name) {
  vg_pk *v;
  vg_status st = vg_pk_global(p, &v, module, name);
  return st == VG_OK ? push(p, v) : st;
}

static vg_status op_global(vg_pickle *p, NO_ARG) {
  vg_pk_bytes module, name;
  vg_status st;
  VG_TRY(take_line(p, &module));
  VG_TRY(take_line(p, &name));
  VG_TRY(push_global(p, module, name));
done:
  return st;
}

static vg_status op_stack_global(vg_pickle *p, NO_ARG) {
  vg_pk *module, *name;
  vg_status st;
  VG_TRY(pop(p, &name));
  VG_TRY(pop(p, &module));
  if (module->kind != VG_PK_STR || name->kind != VG_PK_STR)
    return vg_pk_bad(p, "a global's name is not a string");
  VG_TRY(push_global(p, module->text, name->text));
done:
  return st;
}

static vg_status op_reduce(vg_pickle *p, NO_ARG) {
  vg_pk *fn, *args, *v;
  vg_status st;
  VG_TRY(pop(p, &args));
  VG_TRY(pop(p, &fn));
  VG_TRY(vg_pk_reduce(p, &v, fn, args));
  VG_TRY(push(p, v));
done:
  return st;
}

static vg_status op_build(vg_pickle *p, NO_ARG) {
  vg_pk *state, *obj;
  vg_status st;
  VG_TRY(pop(p, &state));
  VG_TRY(top(p, &obj));
  VG_TRY(vg_pk_build(p, obj, state));
done:
  return st;
}

static vg_status persistent(vg_pickle *p, vg_pk *id) {
  vg_pk *v;
  vg_status st;
  if (!p->opt.persistent_ids) return vg_pk_bad(p, "persistent ids are refused");
  VG_TRY(vg_pk_new(p, &v, VG_PK_PERSISTENT));
  VG_TRY(vg_pk_append(p, v, id));
  VG_TRY(push(p, v));
done:
  return st;
}

static vg_status op_persid(vg_pickle *p, NO_ARG) {
  vg_pk_bytes line;
  vg_pk *id;
  vg_status st;
  VG_TRY(take_line(p, &line));
  VG_TRY(vg_pk_new_text(p, &id, VG_PK_STR, line.p, line.n));
  VG_TRY(persistent(p, id));
done:
  return st;
}

static vg_status op_binpersid(vg_pickle *p, NO_ARG) {
  vg_pk *id;
  vg_status st = pop(p, &id);
  return st == VG_OK ? persistent(p, id) : st;
}

/* clang-format off */
static const opcode table[256] = {
    ['('] = {op_mark, 0}, ['0'] = {op_pop, 0}, ['1'] = {op_pop_mark, 0}, ['2'] = {op_dup, 0},
    ['F'] = {op_float_line, 0}, ['G'] = {op_binfloat, 0}, ['I'] = {op_int_line, 0},
    ['L'] = {op_int_line, 0}, ['J'] = {op_binint, 4}, ['K'] = {op_binint, 1},
    ['M'] = {op_binint, 2}, ['N'] = {op_empty, VG_PK_NONE}, ['P'] = {op_persid, 0},
    ['Q'] = {op_binpersid, 0}, ['R'] = {op_reduce, 0}, ['S'] = {op_text_line, true},
    ['V'] = {op_text_line, false}, ['T'] = {op_str, 4}, ['U'] = {op_str, 1},
    ['X'] = {op_str, 4}, ['a'] = {op_item, VG_PK_LIST}, ['s'] = {op_item, VG_PK_DICT},
    ['e'] = {op_items, VG_PK_LIST}, ['u'] = {op_items, VG_PK_DICT}, ['b'] = {op_build, 0},
    ['c'] = {op_global, 0}, ['d'] = {op_from_mark, VG_PK_DICT},
    ['l'] = {op_from_mark, VG_PK_LIST}, ['t'] = {op_from_mark, VG_PK_TUPLE},
    ['}'] = {op_empty, VG_PK_DICT}, [']'] = {op_empty, VG_PK_LIST},
    [')'] = {op_empty, VG_PK_TUPLE}, ['g'] = {op_get, 0}, ['h'] = {op_get, 1},
    ['j'] = {op_get, 4}, ['p'] = {op_put, 0}, ['q'] = {op_put, 1}, ['r'] = {op_put, 4},
    ['B'] = {op_bytes, 4}, ['C'] = {op_bytes, 1}, [0x80] = {op_proto, 0},
    [0x81] = {op_reduce, 0}, [0x85] = {op_tuple_of, 1}, [0x86] = {op_tuple_of, 2},
    [0x87] = {op_tuple_of, 3}, [0x88] = {op_bool, true}, [0x89] = {op_bool, false},
    [0x8a] = {op_long, 1}, [0x8b] = {op_long, 4}, [0x8c] = {op_str, 1}, [0x8d] = {op_str, 8},
    [0x8e] = {op_bytes, 8}, [0x93] = {op_stack_global, 0}, [0x94] = {op_memoize, 0},
    [0x95] = {op_frame, 0}, [0x96] = {op_bytes, 8},
};
/* clang-format on */

static vg_status run(vg_pickle *p) {
  vg_status st = VG_OK;
  for (;;) {
    unsigned char code;
    p->op_at = p->at;
    if (p->at == p->size) return vg_pk_bad(p, "it ends without its stop mark (cut off?)");
    code = p->data[p->at++];
    if (code == '.') break;
    if (!table[code].run) return vg_pk_bad(p, "opcode 0x%02x is refused", code);
    VG_TRY(table[code].run(p, table[code].arg));
  }
  if (p->n_marks || p->stack.n != 1) return vg_pk_bad(p, "it does not end with one value");
  p->root = p->stack.v[0];
  p->used = p->at;
done:
  return st;
}

vg_status vg_pickle_load(vg_pickle **out, const void *data, size_t size, const char *what,
                         const vg_pickle_options *opt) {
  vg_pickle *p = vg_calloc(1, sizeof *p);
  vg_status st;
  if (!p) return VG_ENOMEM;
  if (opt) p->opt = *opt;
  p->limit = p->opt.memory_limit ? p->opt.memory_limit : ((size_t)256 << 20) + 2 * size;
  p->what = what;
  p->data = data;
  p->size = size;
  VG_TRY(run(p));
  *out = p;
  p = NULL;
done:
  vg_pickle_free(p);
  return st;
}
