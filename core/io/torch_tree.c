/* What the pickle of a torch file means: tensors by their path, the rest as JSON. Claims about
   storages are only noted here; the container says whether they hold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "io/torchfile_impl.h"

enum { NAME_MAX_BYTES = 1000, KEY_MAX_BYTES = 200 };

typedef struct walker {
  vg_torchfile *f;
  vg_text path;
  size_t visits; /* left: a small pickle can refer to one value many times */
  size_t room;   /* bytes of names and JSON left */
} walker;

static vg_status walk(walker *w, const vg_pk *v);

static bool is(vg_pk_bytes b, const char *text) {
  return strlen(text) == b.n && memcmp(b.p, text, b.n) == 0;
}

/* ---- JSON ---- */

static void quote(vg_text *t, vg_pk_bytes s) {
  vg_text_add(t, "\"", 1);
  for (size_t i = 0; i < s.n;) {
    unsigned char c = (unsigned char)s.p[i];
    size_t n = vg_utf8_length(s.p + i, s.n - i);
    if (n == 0) {
      vg_text_add(t, "\\ufffd", 6);
    } else if (c < 32 || c == 127) {
      vg_text_printf(t, "\\u%04x", c);
    } else {
      if (c == '"' || c == '\\') vg_text_add(t, "\\", 1);
      vg_text_add(t, s.p + i, n);
    }
    i += n ? n : 1;
  }
  vg_text_add(t, "\"", 1);
}

static void put_float(vg_text *t, double x) {
  if (isnan(x)) {
    vg_text_printf(t, "\"NaN\"");
  } else if (isinf(x)) {
    vg_text_printf(t, x > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    vg_text_printf(t, "%.17g", x);
  }
}

static void put_global(vg_text *t, const vg_pk *v) {
  vg_text name = {0};
  vg_text_add(&name, v->call.module.p, v->call.module.n);
  vg_text_add(&name, ".", 1);
  vg_text_add(&name, v->call.name.p, v->call.name.n);
  quote(t, (vg_pk_bytes){.p = vg_text_str(&name), .n = name.len});
  t->failed |= name.failed;
  vg_text_free(&name);
}

static vg_status walk_list(walker *w, const vg_pk *v) {
  size_t base = w->path.len;
  vg_status st = VG_OK;
  vg_text_add(&w->f->plain, "[", 1);
  for (size_t i = 0; i < v->seq.n; i++) {
    if (i) vg_text_add(&w->f->plain, ",", 1);
    vg_text_printf(&w->path, base ? ".%zu" : "%zu", i);
    VG_TRY(walk(w, v->seq.v[i]));
    w->path.len = base;
  }
  vg_text_add(&w->f->plain, "]", 1);
done:
  return st;
}

/* A dict's key as text. */
static void key_text(vg_text *t, const vg_pk *k) {
  t->len = 0;
  switch (k->kind) {
    case VG_PK_STR:
    case VG_PK_BYTES: vg_text_add(t, k->text.p, k->text.n); break;
    case VG_PK_INT: vg_text_printf(t, "%lld", (long long)k->i); break;
    case VG_PK_BOOL: vg_text_printf(t, k->b ? "True" : "False"); break;
    case VG_PK_GLOBAL: vg_text_add(t, k->call.name.p, k->call.name.n); break;
    default: vg_text_printf(t, "?"); break;
  }
}

static vg_status walk_dict(walker *w, const vg_pk *v) {
  vg_text key = {0};
  size_t base = w->path.len;
  vg_status st = VG_OK;
  vg_text_add(&w->f->plain, "{", 1);
  for (size_t i = 0; i + 1 < v->seq.n; i += 2) {
    key_text(&key, v->seq.v[i]);
    if (i) vg_text_add(&w->f->plain, ",", 1);
    quote(&w->f->plain, (vg_pk_bytes){.p = vg_text_str(&key), .n = key.len});
    vg_text_add(&w->f->plain, ":", 1);
    if (base) vg_text_add(&w->path, ".", 1);
    vg_text_add(&w->path, vg_text_str(&key), key.len);
    VG_TRY(walk(w, v->seq.v[i + 1]));
    w->path.len = base;
  }
  vg_text_add(&w->f->plain, "}", 1);
  if (key.failed) st = VG_ENOMEM;
done:
  vg_text_free(&key);
  return st;
}

/* ---- tensors ---- */

typedef struct parts {
  vg_pk_bytes fn;
  const vg_pk_seq *args;
} parts;

/* The call that makes the tensor, wrappers (parameters, types) taken off; false for no tensor. */
static bool unwrap(const vg_pk *v, parts *p) {
  for (int level = 0; level < 4 && v->kind == VG_PK_CALL; level++) {
    const vg_pk_seq *a = &v->call.args->seq;
    const vg_pk *s = v->call.state;
    if (is(v->call.module, "torch._utils") && v->call.name.n >= 15 &&
        memcmp(v->call.name.p, "_rebuild_tensor", 15) == 0) {
      *p = (parts){.fn = v->call.name, .args = a};
      return true;
    }
    if (is(v->call.module, "torch._tensor") && a->n >= 3 && a->v[0]->kind == VG_PK_GLOBAL &&
        a->v[2]->kind == VG_PK_TUPLE) {
      *p = (parts){.fn = a->v[0]->call.name, .args = &a->v[2]->seq};
      return is(a->v[0]->call.module, "torch._utils");
    }
    if (is(v->call.module, "torch._utils") || is(v->call.module, "torch.nn.parameter")) {
      bool in_state = a->n == 0 && s && s->kind == VG_PK_TUPLE && s->seq.n > 0;
      if (a->n == 0 && !in_state) return false;
      v = in_state ? s->seq.v[0] : a->v[0];
    } else {
      return false;
    }
  }
  return false;
}

/* ('storage', type, key, location, elements[, view]): what is claimed, and where a view begins. */
static vg_status read_storage(walker *w, const vg_pk *id, vg_torch_tensor *t, uint64_t *offset) {
  const vg_pk *tuple = id->kind == VG_PK_PERSISTENT ? id->seq.v[0] : NULL, *view = NULL;
  const vg_pk_seq *s = tuple && tuple->kind == VG_PK_TUPLE ? &tuple->seq : NULL;
  size_t item;
  if (!s || s->n < 5 || s->n > 6 || !vg_pk_is(s->v[0], "storage") ||
      (s->v[2]->kind != VG_PK_STR && s->v[2]->kind != VG_PK_BYTES) || s->v[4]->kind != VG_PK_INT ||
      s->v[2]->text.n > KEY_MAX_BYTES)
    return vg_torch_damaged(w->f, "a storage is not described as it should be");
  if (!vg_torch_storage_type(s->v[1], &t->t.dtype))
    return vg_torch_refused(w->f, "tensor %.200s has a storage of no known type",
                            vg_text_str(&w->path));
  item = t->t.dtype == VG_ST_DTYPES ? 1 : vg_st_dtype_size(t->t.dtype);
  if (s->v[4]->i < 0 || s->v[4]->i > INT64_MAX / 8)
    return vg_torch_damaged(w->f, "a storage has an impossible size");
  t->claim =
      (vg_torch_storage){.key = s->v[2]->text, .bytes = (size_t)s->v[4]->i * item, .item = item};
  view = s->n == 6 ? s->v[5] : NULL;
  if (!view || view->kind == VG_PK_NONE) return VG_OK;
  if (view->kind != VG_PK_TUPLE || view->seq.n != 3 || view->seq.v[1]->kind != VG_PK_INT ||
      view->seq.v[1]->i < 0)
    return vg_torch_damaged(w->f, "a view of a storage is not described as it should be");
  *offset = (uint64_t)view->seq.v[1]->i;
  return VG_OK;
}

static bool whole(const vg_pk *v, int64_t *out) {
  if (v->kind != VG_PK_INT || v->i < 0) return false;
  *out = v->i;
  return true;
}

/* torch.Size((2, 3)) or (2, 3) */
static const vg_pk *tuple_of(const vg_pk *v) {
  if (vg_pk_calls(v, "torch", "Size") && v->kind == VG_PK_CALL && v->call.args->seq.n == 1)
    v = v->call.args->seq.v[0];
  return v->kind == VG_PK_TUPLE || v->kind == VG_PK_LIST ? v : NULL;
}

/* Fills shape, stride, offset and end; all products checked. */
static bool read_view(vg_torch_tensor *t, const parts *p, uint64_t view) {
  const vg_pk *size = tuple_of(p->args->v[2]), *stride = tuple_of(p->args->v[3]);
  uint64_t first, last, item = vg_st_dtype_size(t->t.dtype), step;
  int64_t offset, dense = 1;
  bool empty = false, strided = false;
  if (!size || !stride || size->seq.n != stride->seq.n || size->seq.n > VG_ST_MAX_DIM ||
      !whole(p->args->v[1], &offset) || __builtin_add_overflow((uint64_t)offset, view, &first))
    return false;
  last = first;
  t->t.ndim = (int)size->seq.n;
  for (int i = t->t.ndim - 1; i >= 0; i--) {
    if (!whole(size->seq.v[i], &t->t.shape[i]) || !whole(stride->seq.v[i], &t->stride[i]))
      return false;
    empty |= t->t.shape[i] == 0;
    strided |= t->t.shape[i] > 1 && t->stride[i] != dense;
    if (t->t.shape[i] > 0 &&
        (__builtin_mul_overflow((uint64_t)t->t.shape[i] - 1, (uint64_t)t->stride[i], &step) ||
         __builtin_add_overflow(last, step, &last) ||
         __builtin_mul_overflow(dense, t->t.shape[i], &dense)))
      return false;
  }
  if (!vg_st_bytes(&t->t, &t->t.bytes)) return false;
  t->strided = strided && !empty;
  if (__builtin_mul_overflow(first, item, &first) || __builtin_add_overflow(last, 1, &last) ||
      __builtin_mul_overflow(last, item, &last))
    return false;
  t->offset = empty ? 0 : (size_t)first;
  t->end = empty ? 0 : (size_t)last;
  return true;
}

static vg_status new_tensor(walker *w, vg_torch_tensor **out) {
  vg_torchfile *f = w->f;
  size_t n = w->path.len;
  char *name;
  if (n > NAME_MAX_BYTES) return vg_torch_refused(f, "a name of %zu bytes", n);
  if (n > w->room) return vg_torch_refused(f, "it refers to itself too often");
  w->room -= n;
  if (f->n_tensors == f->cap_tensors) {
    size_t cap = f->cap_tensors ? 2 * f->cap_tensors : 64;
    vg_torch_tensor *m = vg_realloc(f->tensors, cap * sizeof *m);
    if (!m) return VG_ENOMEM;
    f->tensors = m;
    f->cap_tensors = cap;
  }
  name = vg_strdup(n ? vg_text_str(&w->path) : "tensor");
  if (!name) return VG_ENOMEM;
  *out = &f->tensors[f->n_tensors++];
  **out = (vg_torch_tensor){.t = {.name = name}};
  return VG_OK;
}

static vg_status add_tensor(walker *w, const parts *p) {
  bool v3 = is(p->fn, "_rebuild_tensor_v3");
  uint64_t view = 0;
  vg_torch_tensor *t;
  vg_status st;
  if (!v3 && !is(p->fn, "_rebuild_tensor") && !is(p->fn, "_rebuild_tensor_v2"))
    return vg_torch_refused(w->f, "tensor %.200s is made by torch._utils.%.*s",
                            vg_text_str(&w->path), (int)(p->fn.n < 64 ? p->fn.n : 64), p->fn.p);
  if (p->args->n < (v3 ? 7u : 4u))
    return vg_torch_damaged(w->f, "tensor %.200s is not described as it should be",
                            vg_text_str(&w->path));
  VG_TRY(new_tensor(w, &t));
  VG_TRY(read_storage(w, p->args->v[0], t, &view));
  if (v3 && !vg_torch_dtype(p->args->v[6], &t->t.dtype))
    return vg_torch_refused(w->f, "tensor %.200s has a type that has no equal here", t->t.name);
  if (t->t.dtype == VG_ST_DTYPES)
    return vg_torch_damaged(w->f, "tensor %.200s has no type", t->t.name);
  if (!read_view(t, p, view) || (t->t.bytes && t->end > t->claim.bytes))
    return vg_torch_damaged(w->f, "tensor %.200s does not fit its storage", t->t.name);
done:
  return st;
}

/* Namespaces become their fields, anything else its name and arguments. */
static vg_status walk_call(walker *w, const vg_pk *v) {
  const vg_pk *s = v->call.state;
  vg_status st;
  if (s && s->kind == VG_PK_DICT) return walk_dict(w, s);
  if (vg_pk_calls(v, "torch", "Size") || is(v->call.name, "set") || is(v->call.name, "frozenset"))
    return v->call.args->seq.n == 1 ? walk(w, v->call.args->seq.v[0]) : walk_list(w, v->call.args);
  vg_text_add(&w->f->plain, "[", 1);
  put_global(&w->f->plain, v);
  vg_text_add(&w->f->plain, ",", 1);
  VG_TRY(walk_list(w, v->call.args));
  vg_text_add(&w->f->plain, "]", 1);
done:
  return st;
}

static vg_status walk(walker *w, const vg_pk *v) {
  vg_text *out = &w->f->plain;
  parts p;
  if (w->visits-- == 0 || out->len > w->room)
    return vg_torch_refused(w->f, "it refers to itself too often");
  if (out->failed || w->path.failed) return VG_ENOMEM;
  switch (v->kind) {
    case VG_PK_BOOL: vg_text_printf(out, v->b ? "true" : "false"); break;
    case VG_PK_INT: vg_text_printf(out, "%lld", (long long)v->i); break;
    case VG_PK_FLOAT: put_float(out, v->f); break;
    case VG_PK_STR: quote(out, v->text); break;
    case VG_PK_BYTES: vg_text_printf(out, "\"%zu bytes\"", v->text.n); break;
    case VG_PK_GLOBAL: put_global(out, v); break;
    case VG_PK_LIST:
    case VG_PK_TUPLE: return walk_list(w, v);
    case VG_PK_DICT: return walk_dict(w, v);
    case VG_PK_CALL:
      if (!unwrap(v, &p)) return walk_call(w, v);
      vg_text_printf(out, "null");
      return add_tensor(w, &p);
    default: vg_text_printf(out, "null"); break; /* None, numpy, storages without a tensor */
  }
  return VG_OK;
}

/* ---- storages ---- */

static int compare_keys(vg_pk_bytes a, vg_pk_bytes b) {
  int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
  return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_key(const void *x, const void *y) {
  const vg_torch_tensor *a = *(const vg_torch_tensor *const *)x,
                        *b = *(const vg_torch_tensor *const *)y;
  return compare_keys(a->claim.key, b->claim.key);
}

/* One storage a key; tensors that share it must agree on its size. */
static vg_status collect_storages(vg_torchfile *f) {
  vg_torch_tensor **order = vg_calloc(f->n_tensors + 1, sizeof *order);
  vg_status st = VG_OK;
  f->storages = vg_calloc(f->n_tensors + 1, sizeof *f->storages);
  if (!order || !f->storages) st = VG_ENOMEM;
  for (size_t i = 0; st == VG_OK && i < f->n_tensors; i++) order[i] = &f->tensors[i];
  if (st == VG_OK && f->n_tensors) qsort(order, f->n_tensors, sizeof *order, by_key);
  for (size_t i = 0; st == VG_OK && i < f->n_tensors; i++) {
    vg_torch_storage *s = f->n_storages ? &f->storages[f->n_storages - 1] : NULL;
    if (!s || compare_keys(s->key, order[i]->claim.key) != 0)
      f->storages[f->n_storages++] = order[i]->claim;
    else if (s->bytes != order[i]->claim.bytes)
      st = vg_torch_damaged(f, "tensor %.200s claims another size of a storage it shares",
                            order[i]->t.name);
    order[i]->storage = f->n_storages - 1;
  }
  vg_free(order);
  return st;
}

static int key_of_storage(const void *x, const void *y) {
  return compare_keys(((const vg_torch_storage *)x)->key, ((const vg_torch_storage *)y)->key);
}

vg_torch_storage *vg_torch_find_storage(const vg_torchfile *f, vg_pk_bytes key) {
  vg_torch_storage k = {.key = key};
  if (f->n_storages == 0) return NULL;
  return bsearch(&k, f->storages, f->n_storages, sizeof k, key_of_storage);
}

vg_status vg_torch_tree(vg_torchfile *f, const vg_pickle *p) {
  walker w = {
      .f = f, .visits = 2 * vg_pickle_used(p) + 1000, .room = 8 * vg_pickle_used(p) + 65536};
  vg_status st;
  VG_TRY(walk(&w, vg_pickle_root(p)));
  if (f->plain.failed || w.path.failed) st = VG_ENOMEM;
  for (size_t i = 0; i < f->n_tensors; i++) /* the array has its place now */
    if (f->tensors[i].strided) f->tensors[i].t.stride = f->tensors[i].stride;
  if (st == VG_OK) VG_TRY(collect_storages(f));
done:
  vg_text_free(&w.path);
  return st;
}
