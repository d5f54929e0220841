#include "io/tensorfile.h"

#include <string.h>

#include "base/alloc.h"
#include "io/file.h"
#include "io/zip.h"

static const vg_st_dtype file_type[VG_DTYPE_COUNT] = {
    [VG_F32] = VG_ST_F32, [VG_BF16] = VG_ST_BF16, [VG_I64] = VG_ST_I64, [VG_U8] = VG_ST_U8};

/* Memory for dense and converted elements, kept from tensor to tensor. */
typedef struct room {
  void *p;
  size_t cap;
} room;

typedef struct saving {
  const vg_part *parts;
  vg_st_dtype floats;
  room dense, converted;
} saving;

static bool reserve(room *r, size_t bytes) {
  if (bytes <= r->cap) return true;
  vg_pages_free(r->p, r->cap);
  r->cap = 0;
  r->p = vg_pages_alloc(bytes);
  if (r->p) r->cap = bytes;
  return r->p != NULL;
}

static void end(saving *s) {
  vg_pages_free(s->dense.p, s->dense.cap);
  vg_pages_free(s->converted.p, s->converted.cap);
}

/* The type a tensor is written as. */
static vg_st_dtype written_as(const vg_tensor *t, vg_st_dtype floats) {
  bool is_float = t->dtype == VG_F32 || t->dtype == VG_BF16;
  return is_float && floats != VG_ST_DTYPES ? floats : file_type[t->dtype];
}

static vg_status dense_bytes(saving *s, const vg_tensor *t, const void **data) {
  if (vg_is_contiguous(t) && t->dev == vg_cpu(t->dev->ctx)) {
    *data = t->n ? vg_data(t) : NULL;
    return VG_OK;
  }
  if (!reserve(&s->dense, (size_t)t->n * vg_dtype_size(t->dtype))) return VG_ENOMEM;
  *data = s->dense.p;
  return t->n ? vg_read(t, s->dense.p) : VG_OK;
}

static vg_status fetch(void *arg, size_t i, const void **data) {
  saving *s = arg;
  const vg_tensor *t = s->parts[i].t;
  vg_st_dtype to;
  const uint16_t *narrow;
  float *wide;
  vg_status st = VG_OK;
  if (!t) {
    *data = s->parts[i].data;
    return st;
  }
  VG_TRY(dense_bytes(s, t, data));
  to = written_as(t, s->floats);
  if (to == file_type[t->dtype] || t->n == 0) return st;
  if (!reserve(&s->converted, (size_t)t->n * 8)) return VG_ENOMEM;
  wide = s->converted.p;
  if (t->dtype == VG_BF16) {
    narrow = *data;
    for (int64_t k = 0; k < t->n; k++) wide[k] = vg_bf16_to_f32(narrow[k]);
    *data = wide;
  }
  if (to == VG_ST_F32) return st;
  vg_st_store(wide + t->n, to, *data, (size_t)t->n);
  *data = wide + t->n;
done:
  return st;
}

static size_t part_size(const vg_part *p, vg_st_dtype floats) {
  return p->t ? (size_t)p->t->n * vg_st_dtype_size(written_as(p->t, floats)) : p->size;
}

vg_status vg_save_tensors(const char *path, const vg_named_tensor *tensors, size_t n,
                          const vg_st_meta *meta, size_t n_meta, vg_st_dtype floats,
                          const char *what) {
  vg_part *parts = vg_calloc(n + 1, sizeof *parts);
  saving s = {.parts = parts, .floats = floats};
  vg_st_tensor *list = vg_calloc(n + 1, sizeof *list);
  vg_st_contents c = {
      .tensors = list, .n_tensors = n, .meta = meta, .n_meta = n_meta, .fetch = fetch, .arg = &s};
  vg_status st = VG_ENOMEM;
  if (!list || !parts) goto done;
  for (size_t i = 0; i < n; i++) {
    const vg_tensor *t = tensors[i].t;
    parts[i].t = tensors[i].t;
    list[i] =
        (vg_st_tensor){.name = tensors[i].name, .dtype = written_as(t, floats), .ndim = t->ndim};
    memcpy(list[i].shape, t->shape, (size_t)t->ndim * sizeof *t->shape);
  }
  st = vg_safetensors_write(path, &c, what);
done:
  end(&s);
  vg_free(parts);
  vg_free(list);
  return st;
}

vg_status vg_save_zip(const char *path, const vg_part *parts, size_t n, vg_st_dtype floats,
                      const char *what) {
  saving s = {.parts = parts, .floats = floats};
  vg_zip_part *list = vg_calloc(n + 1, sizeof *list);
  vg_zip_contents c = {.parts = list, .n = n, .fetch = fetch, .arg = &s};
  vg_status st;
  if (!list) return VG_ENOMEM;
  for (size_t i = 0; i < n; i++)
    list[i] = (vg_zip_part){.name = parts[i].name, .size = part_size(&parts[i], floats)};
  st = vg_zip_write(path, &c, what);
  end(&s);
  vg_free(list);
  return st;
}

vg_status vg_save_raw(const char *path, const vg_part *parts, size_t n, vg_st_dtype floats,
                      const char *what) {
  saving s = {.parts = parts, .floats = floats};
  vg_replace *r = NULL, *ended;
  vg_status st;
  VG_TRY(vg_replace_begin(&r, path, what));
  for (size_t i = 0; i < n; i++) {
    const void *data;
    size_t size = part_size(&parts[i], floats);
    VG_TRY(fetch(&s, i, &data));
    if (size) VG_TRY(vg_replace_write(r, data, size));
  }
  ended = r;
  r = NULL;
  VG_TRY(vg_replace_commit(ended));
done:
  vg_replace_abort(r);
  end(&s);
  return st;
}

static vg_status type_of(vg_dtype *out, const vg_st_tensor *t) {
  vg_st_dtype want = vg_st_loaded_as(t->dtype);
  for (int d = 0; d < VG_DTYPE_COUNT; d++) {
    if (file_type[d] != want) continue;
    *out = (vg_dtype)d;
    return VG_OK;
  }
  return vg_fail(VG_EUNSUPPORTED, "load: tensor '%.200s' has type %s, which is not supported",
                 t->name, vg_st_dtype_name(t->dtype));
}

vg_status vg_load_tensor(vg_tensor **out, vg_device *dev, const vg_weights *f,
                         const vg_st_tensor *t) {
  vg_tensor *y = NULL;
  vg_dtype dtype = VG_F32;
  vg_status st;
  VG_TRY(type_of(&dtype, t));
  VG_TRY(vg_weights_verify(f, t));
  VG_TRY(vg_new(&y, dev, dtype, t->ndim, t->shape));
  VG_TRY(vg_weights_read(f, t, vg_data(y)));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

static void let_go(void *f) { vg_weights_close(f); }

vg_status vg_map_tensor(vg_tensor **out, vg_device *dev, vg_weights *f, const vg_st_tensor *t) {
  vg_dtype dtype = VG_F32;
  void *data;
  vg_status st;
  VG_TRY(type_of(&dtype, t));
  data = vg_weights_in_place(f, t);
  if (!data) return vg_load_tensor(out, dev, f, t);
  VG_TRY(vg_wrap(out, dev, dtype, t->ndim, t->shape, data, let_go, f));
  vg_weights_retain(f);
done:
  return st;
}

vg_status vg_load_tensor_into(vg_tensor *to, const vg_weights *f, const vg_st_tensor *t) {
  vg_tensor *x = NULL;
  vg_dtype dtype = VG_F32;
  vg_status st;
  if (t->ndim != to->ndim || memcmp(t->shape, to->shape, (size_t)t->ndim * sizeof *t->shape) != 0)
    return vg_fail(VG_ESHAPE, "load: '%.200s' is %s in the file, %s here", t->name,
                   vg_shape_text(t->ndim, t->shape), vg_shape_str(to));
  VG_TRY(type_of(&dtype, t));
  VG_TRY(vg_weights_verify(f, t));
  if (dtype == to->dtype && vg_is_contiguous(to) && to->dev == vg_cpu(to->dev->ctx)) {
    VG_TRY(vg_weights_read(f, t, vg_data(to))); /* no second copy in memory */
    vg_bump(to);
  } else if (dtype == to->dtype && file_type[dtype] == t->dtype && !t->stride) {
    if (to->n) VG_TRY(vg_write(to, t->data));
  } else {
    VG_TRY(vg_load_tensor(&x, vg_cpu(to->dev->ctx), f, t));
    VG_TRY(vg_copy_into(to, x));
  }
done:
  vg_release(x);
  return st;
}
