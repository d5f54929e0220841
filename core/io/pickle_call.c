/* Globals that are understood: numpy arrays, scalars and types, OrderedDict, and the ways in which
   Python 3 writes bytes into old protocols. Each builds a value; none runs anything. */
#include <string.h>

#include "io/pickle_impl.h"
#include "io/pickle_text.h"

typedef vg_status (*builder)(vg_pickle *, vg_pk **, const vg_pk_seq *args);

static bool is_text(const vg_pk *v) { return v->kind == VG_PK_STR || v->kind == VG_PK_BYTES; }

/* Codes of plain types: kind letter and bytes of one element. */
static bool plain_code(vg_pk_bytes c, int *item) {
  static const char *const known[] = {"b1", "u1", "u2", "u4", "u8", "i1",
                                      "i2", "i4", "i8", "f2", "f4", "f8"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (c.n != 2 || memcmp(c.p, known[i], 2) != 0) continue;
    *item = c.p[1] - '0';
    return true;
  }
  return false;
}

static vg_status np_dtype(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  vg_pk_bytes code;
  int item;
  if (args->n < 1 || !is_text(args->v[0])) return vg_pk_bad(p, "a numpy type without a name");
  code = args->v[0]->text;
  if (code.n == 3 && (code.p[0] == '<' || code.p[0] == '|'))
    code = (vg_pk_bytes){.p = code.p + 1, .n = 2};
  if (!plain_code(code, &item))
    return vg_pk_bad(p, "numpy type '%.*s' is refused", (int)(code.n < 32 ? code.n : 32), code.p);
  return vg_pk_new_text(p, out, VG_PK_DTYPE, code.p, code.n);
}

/* Fills `a` from a shape, a type and bytes, which must agree. */
static vg_status fill_array(vg_pickle *p, vg_pk_array *a, const vg_pk *shape, const vg_pk *dtype,
                            const vg_pk *data) {
  size_t count = 1;
  if (shape->kind != VG_PK_TUPLE || shape->seq.n > VG_PK_MAX_DIM || dtype->kind != VG_PK_DTYPE ||
      !is_text(data) || !plain_code(dtype->text, &a->item))
    return vg_pk_bad(p, "a numpy array is not described as it should be");
  memcpy(a->code, dtype->text.p, 2);
  a->ndim = (int)shape->seq.n;
  for (int i = 0; i < a->ndim; i++) {
    const vg_pk *d = shape->seq.v[i];
    if (d->kind != VG_PK_INT || d->i < 0 || (d->i && count > (size_t)INT64_MAX / 8 / (size_t)d->i))
      return vg_pk_bad(p, "a numpy array has an impossible shape");
    a->shape[i] = d->i;
    count *= (size_t)d->i;
  }
  if (count * (size_t)a->item != data->text.n)
    return vg_pk_bad(p, "a numpy array of %zu x %d bytes holds %zu", count, a->item, data->text.n);
  a->count = (int64_t)count;
  a->data = data->text.p;
  return VG_OK;
}

static vg_status new_array(vg_pickle *p, vg_pk **out) {
  void *m;
  vg_status st;
  VG_TRY(vg_pk_memory(p, &m, sizeof(vg_pk_array)));
  VG_TRY(vg_pk_new(p, out, VG_PK_ARRAY));
  (*out)->array = m;
done:
  return st;
}

/* An empty array; BUILD fills it. */
static vg_status np_reconstruct(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  if (args->n != 3 || !vg_pk_calls(args->v[0], "numpy", "ndarray"))
    return vg_pk_bad(p, "only numpy.ndarray can be reconstructed");
  return new_array(p, out);
}

static vg_status np_frombuffer(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  vg_status st;
  if (args->n != 4) return vg_pk_bad(p, "a numpy array is not described as it should be");
  VG_TRY(new_array(p, out));
  VG_TRY(fill_array(p, (*out)->array, args->v[2], args->v[1], args->v[0]));
  (*out)->array->fortran = vg_pk_is(args->v[3], "F");
done:
  return st;
}

static vg_status np_scalar(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  const unsigned char *b;
  uint64_t u = 0;
  int item;
  vg_status st;
  if (args->n != 2 || args->v[0]->kind != VG_PK_DTYPE || !plain_code(args->v[0]->text, &item) ||
      !is_text(args->v[1]) || args->v[1]->text.n != (size_t)item)
    return vg_pk_bad(p, "a numpy number is not described as it should be");
  b = (const unsigned char *)args->v[1]->text.p;
  for (int i = item; i-- > 0;) u = u << 8 | b[i];
  switch (args->v[0]->text.p[0]) {
    case 'f':
      if (item == 2) return vg_pk_bad(p, "a numpy float16 number is refused");
      VG_TRY(vg_pk_new(p, out, VG_PK_FLOAT));
      if (item == 4) {
        float f;
        memcpy(&f, b, sizeof f);
        (*out)->f = (double)f;
      } else {
        memcpy(&(*out)->f, b, sizeof(double));
      }
      break;
    case 'b':
      VG_TRY(vg_pk_new(p, out, VG_PK_BOOL));
      (*out)->b = u != 0;
      break;
    default:
      VG_TRY(vg_pk_new(p, out, VG_PK_INT));
      if (args->v[0]->text.p[0] == 'i' && item < 8 && u >> (8 * item - 1))
        u |= UINT64_MAX << (8 * item);
      (*out)->i = (int64_t)u;
  }
done:
  return st;
}

/* _codecs.encode(text, "latin1") and bytearray(text, "latin-1"): how bytes look in protocol 2. */
static vg_status latin1_bytes(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  void *m;
  size_t n;
  vg_status st;
  if (args->n == 0) return vg_pk_new_text(p, out, VG_PK_BYTES, "", 0);
  if (args->n == 1 && args->v[0]->kind == VG_PK_BYTES)
    return vg_pk_new_text(p, out, VG_PK_BYTES, args->v[0]->text.p, args->v[0]->text.n);
  if (args->n != 2 || args->v[0]->kind != VG_PK_STR ||
      !(vg_pk_is(args->v[1], "latin1") || vg_pk_is(args->v[1], "latin-1")))
    return vg_pk_bad(p, "bytes are not written as they should be");
  VG_TRY(vg_pk_memory(p, &m, args->v[0]->text.n + 1));
  if (!vg_pk_latin1(args->v[0]->text, m, &n)) return vg_pk_bad(p, "bytes beyond latin-1");
  VG_TRY(vg_pk_new_text(p, out, VG_PK_BYTES, m, n));
done:
  return st;
}

/* OrderedDict(), OrderedDict([[key, value], ...]) of Python 2, or defaultdict(list), whose items
   follow. */
static vg_status ordered_dict(vg_pickle *p, vg_pk **out, const vg_pk_seq *args) {
  const vg_pk *list = args->n ? args->v[0] : NULL;
  vg_status st;
  VG_TRY(vg_pk_new(p, out, VG_PK_DICT));
  if (!list || list->kind == VG_PK_GLOBAL || list->kind == VG_PK_NONE) return VG_OK;
  if (args->n > 1 || list->kind != VG_PK_LIST)
    return vg_pk_bad(p, "an OrderedDict is not written as it should be");
  for (size_t i = 0; i < list->seq.n; i++) {
    const vg_pk *pair = list->seq.v[i];
    if ((pair->kind != VG_PK_LIST && pair->kind != VG_PK_TUPLE) || pair->seq.n != 2)
      return vg_pk_bad(p, "an OrderedDict is not written as it should be");
    VG_TRY(vg_pk_append(p, *out, pair->seq.v[0]));
    VG_TRY(vg_pk_append(p, *out, pair->seq.v[1]));
  }
done:
  return st;
}

static const struct known {
  const char *module, *name;
  builder build; /* NULL: a name only, not callable */
} known[] = {
    {"numpy", "dtype", np_dtype},
    {"numpy", "ndarray", NULL},
    {"numpy.core.multiarray", "_reconstruct", np_reconstruct},
    {"numpy._core.multiarray", "_reconstruct", np_reconstruct},
    {"numpy.core.multiarray", "scalar", np_scalar},
    {"numpy._core.multiarray", "scalar", np_scalar},
    {"numpy.core.numeric", "_frombuffer", np_frombuffer},
    {"numpy._core.numeric", "_frombuffer", np_frombuffer},
    {"_codecs", "encode", latin1_bytes},
    {"__builtin__", "bytes", latin1_bytes},
    {"builtins", "bytes", latin1_bytes},
    {"__builtin__", "bytearray", latin1_bytes},
    {"builtins", "bytearray", latin1_bytes},
    {"collections", "OrderedDict", ordered_dict},
};

static const struct known *find(const vg_pk *g) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (vg_pk_calls(g, known[i].module, known[i].name)) return &known[i];
  return NULL;
}

static vg_status copy_name(vg_pickle *p, char *to, size_t room, vg_pk_bytes from) {
  if (from.n == 0 || from.n >= room || memchr(from.p, 0, from.n))
    return vg_pk_bad(p, "a global's name is not a name");
  memcpy(to, from.p, from.n);
  to[from.n] = 0;
  return VG_OK;
}

vg_status vg_pk_global(vg_pickle *p, vg_pk **out, vg_pk_bytes module, vg_pk_bytes name) {
  char m[128], n[128];
  vg_pk_leave leave = VG_PK_REFUSE;
  vg_status st;
  VG_TRY(copy_name(p, m, sizeof m, module));
  VG_TRY(copy_name(p, n, sizeof n, name));
  VG_TRY(vg_pk_new(p, out, VG_PK_GLOBAL));
  (*out)->call = (vg_pk_call){.module = module, .name = name};
  if (find(*out)) return VG_OK;
  if (p->opt.allow) leave = p->opt.allow(p->opt.arg, m, n);
  (*out)->call.dict = leave == VG_PK_AS_DICT;
  if (leave == VG_PK_REFUSE)
    return vg_pk_bad(p, "global '%s.%s' is refused (only plain data is read)", m, n);
done:
  return st;
}

vg_status vg_pk_reduce(vg_pickle *p, vg_pk **out, vg_pk *fn, vg_pk *args) {
  const struct known *k;
  vg_status st;
  if (fn->kind != VG_PK_GLOBAL || args->kind != VG_PK_TUPLE)
    return vg_pk_bad(p, "a call of something that is not a known name");
  k = find(fn);
  if (k && !k->build) return vg_pk_bad(p, "%s.%s cannot be called", k->module, k->name);
  if (k) return k->build(p, out, &args->seq);
  if (fn->call.dict) return ordered_dict(p, out, &args->seq);
  if (args->depth >= VG_PK_MAX_DEPTH) return vg_pk_bad(p, "nested deeper than %d", VG_PK_MAX_DEPTH);
  VG_TRY(vg_pk_new(p, out, VG_PK_CALL));
  (*out)->call = fn->call;
  (*out)->call.args = args;
  (*out)->depth = (uint8_t)(args->depth + 1);
  args->sealed = true;
done:
  return st;
}

static vg_status build_array(vg_pickle *p, vg_pk *obj, const vg_pk *state) {
  const vg_pk_seq *s = &state->seq;
  size_t skip; /* very old numpy has no version in front */
  vg_status st;
  if (state->kind != VG_PK_TUPLE || s->n < 4 || s->n > 5 || obj->array->data)
    return vg_pk_bad(p, "a numpy array is not described as it should be");
  skip = s->n - 4;
  VG_TRY(fill_array(p, obj->array, s->v[skip], s->v[skip + 1], s->v[skip + 3]));
  if (s->v[skip + 2]->kind == VG_PK_BOOL) obj->array->fortran = s->v[skip + 2]->b;
  if (s->v[skip + 2]->kind == VG_PK_INT) obj->array->fortran = s->v[skip + 2]->i != 0;
done:
  return st;
}

/* (version, byte order, ...): only the order matters for plain types. */
static vg_status build_dtype(vg_pickle *p, const vg_pk *obj, const vg_pk *state) {
  if (state->kind != VG_PK_TUPLE || state->seq.n < 2 || !is_text(state->seq.v[1]))
    return vg_pk_bad(p, "a numpy type is not described as it should be");
  if (vg_pk_is(state->seq.v[1], ">") && obj->text.p[1] != '1')
    return vg_pk_bad(p, "big-endian numpy arrays are refused");
  return VG_OK;
}

vg_status vg_pk_build(vg_pickle *p, vg_pk *obj, vg_pk *state) {
  if (obj->sealed || obj == state)
    return vg_pk_bad(p, "a value changes after it was stored (cyclic data is refused)");
  if (state->depth >= VG_PK_MAX_DEPTH)
    return vg_pk_bad(p, "nested deeper than %d", VG_PK_MAX_DEPTH);
  switch (obj->kind) {
    case VG_PK_ARRAY: return build_array(p, obj, state);
    case VG_PK_DTYPE: return build_dtype(p, obj, state);
    case VG_PK_DICT: return VG_OK; /* attributes of an OrderedDict say nothing about its items */
    case VG_PK_CALL:
      if (obj->call.state) return vg_pk_bad(p, "a value is built twice");
      obj->call.state = state;
      if (obj->depth <= state->depth) obj->depth = (uint8_t)(state->depth + 1);
      state->sealed = true;
      return VG_OK;
    default: return vg_pk_bad(p, "a state for something that has none");
  }
}
