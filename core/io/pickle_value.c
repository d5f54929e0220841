/* The tree of values: bounded arena memory, containers that cannot form cycles, look-ups. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/pickle_impl.h"

struct vg_pk_chunk {
  vg_pk_chunk *next;
  size_t used, cap;
};

enum { CHUNK = 64 * 1024 };

void vg_pk_complain(const vg_pickle *p, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  vg_fail(VG_EDATA, "pickle: %s at byte %zu: %s", p->what, p->op_at, text);
}

vg_status vg_pk_memory(vg_pickle *p, void **out, size_t bytes) {
  vg_pk_chunk *c = p->chunks;
  const size_t head = (sizeof *c + 15) & ~(size_t)15;
  if (bytes > p->limit) return vg_pk_bad(p, "needs more than %zu bytes of memory", p->limit);
  bytes = (bytes + 15) & ~(size_t)15;
  if (!c || c->cap - c->used < bytes) {
    size_t cap = head + (bytes > CHUNK ? bytes : CHUNK);
    if (p->memory + cap > p->limit)
      return vg_pk_bad(p, "needs more than %zu bytes of memory", p->limit);
    c = vg_alloc(cap);
    if (!c) return VG_ENOMEM;
    *c = (vg_pk_chunk){.next = p->chunks, .used = head, .cap = cap};
    p->chunks = c;
    p->memory += cap;
  }
  *out = (char *)c + c->used;
  c->used += bytes;
  memset(*out, 0, bytes);
  return VG_OK;
}

vg_status vg_pk_new(vg_pickle *p, vg_pk **out, vg_pk_kind kind) {
  void *m;
  vg_status st = vg_pk_memory(p, &m, sizeof **out);
  if (st != VG_OK) return st;
  *out = m;
  (*out)->kind = (uint8_t)kind;
  (*out)->depth = kind >= VG_PK_LIST && kind <= VG_PK_DICT;
  return VG_OK;
}

vg_status vg_pk_new_text(vg_pickle *p, vg_pk **out, vg_pk_kind kind, const void *bytes, size_t n) {
  vg_status st = vg_pk_new(p, out, kind);
  if (st == VG_OK) (*out)->text = (vg_pk_bytes){.p = bytes, .n = n};
  return st;
}

static vg_status grow(vg_pickle *p, vg_pk_seq *s) {
  size_t cap = s->cap ? 2 * s->cap : 4;
  void *m;
  vg_status st = vg_pk_memory(p, &m, cap * sizeof *s->v);
  if (st != VG_OK) return st;
  if (s->n) memcpy(m, s->v, s->n * sizeof *s->v);
  s->v = m;
  s->cap = cap;
  return VG_OK;
}

vg_status vg_pk_append(vg_pickle *p, vg_pk *c, vg_pk *v) {
  vg_status st;
  if (c->sealed || c == v)
    return vg_pk_bad(p, "a container changes after it was stored (cyclic data is refused)");
  if (v->depth >= VG_PK_MAX_DEPTH) return vg_pk_bad(p, "nested deeper than %d", VG_PK_MAX_DEPTH);
  if (c->seq.n == c->seq.cap) VG_TRY(grow(p, &c->seq));
  if (c->depth <= v->depth) c->depth = (uint8_t)(v->depth + 1);
  v->sealed = true;
  c->seq.v[c->seq.n++] = v;
  st = VG_OK;
done:
  return st;
}

const vg_pk *vg_pickle_root(const vg_pickle *p) { return p->root; }

size_t vg_pickle_used(const vg_pickle *p) { return p->used; }

void vg_pickle_free(vg_pickle *p) {
  if (!p) return;
  for (vg_pk_chunk *c = p->chunks, *next; c; c = next) {
    next = c->next;
    vg_free(c);
  }
  vg_free(p->stack.v);
  vg_free(p->memo.v);
  vg_free(p->marks);
  vg_free(p);
}

static bool same(vg_pk_bytes b, const char *text) {
  return strlen(text) == b.n && (b.n == 0 || memcmp(b.p, text, b.n) == 0);
}

bool vg_pk_is(const vg_pk *v, const char *text) {
  return v && (v->kind == VG_PK_STR || v->kind == VG_PK_BYTES) && same(v->text, text);
}

/* From the end: a repeated key's last value wins, as in Python. */
const vg_pk *vg_pk_get(const vg_pk *dict, const char *key) {
  if (!dict || dict->kind != VG_PK_DICT) return NULL;
  for (size_t i = dict->seq.n; i >= 2; i -= 2)
    if (vg_pk_is(dict->seq.v[i - 2], key)) return dict->seq.v[i - 1];
  return NULL;
}

bool vg_pk_calls(const vg_pk *v, const char *module, const char *name) {
  return v && (v->kind == VG_PK_GLOBAL || v->kind == VG_PK_CALL) && same(v->call.module, module) &&
         same(v->call.name, name);
}
