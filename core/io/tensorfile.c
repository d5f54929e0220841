#include "io/tensorfile.h"

#include <string.h>

#include "base/alloc.h"

static const vg_st_dtype file_type[VG_DTYPE_COUNT] = {
    [VG_F32] = VG_ST_F32, [VG_BF16] = VG_ST_BF16, [VG_I64] = VG_ST_I64, [VG_U8] = VG_ST_U8};

typedef struct saving {
  const vg_named_tensor *tensors;
  void *buf; /* dense bytes of a tensor which does not lie so */
  size_t cap;
} saving;

static vg_status fetch(void *arg, size_t i, const void **data) {
  saving *s = arg;
  const vg_tensor *t = s->tensors[i].t;
  size_t bytes = (size_t)t->n * vg_dtype_size(t->dtype);
  if (vg_is_contiguous(t) && t->dev == vg_cpu(t->dev->ctx)) {
    *data = t->n ? vg_data(t) : NULL;
    return VG_OK;
  }
  if (bytes > s->cap) {
    vg_pages_free(s->buf, s->cap);
    s->cap = 0;
    s->buf = vg_pages_alloc(bytes);
    if (!s->buf) return VG_ENOMEM;
    s->cap = bytes;
  }
  *data = s->buf;
  return t->n ? vg_read(t, s->buf) : VG_OK;
}

vg_status vg_save_tensors(const char *path, const vg_named_tensor *tensors, size_t n,
                          const vg_st_meta *meta, size_t n_meta, const char *what) {
  saving s = {.tensors = tensors};
  vg_st_tensor *list = vg_calloc(n + 1, sizeof *list);
  vg_status st = VG_ENOMEM;
  if (!list) return st;
  for (size_t i = 0; i < n; i++) {
    const vg_tensor *t = tensors[i].t;
    list[i] =
        (vg_st_tensor){.name = tensors[i].name, .dtype = file_type[t->dtype], .ndim = t->ndim};
    memcpy(list[i].shape, t->shape, (size_t)t->ndim * sizeof *t->shape);
  }
  st = vg_safetensors_write(path,
                            &(vg_st_contents){.tensors = list,
                                              .n_tensors = n,
                                              .meta = meta,
                                              .n_meta = n_meta,
                                              .fetch = fetch,
                                              .arg = &s},
                            what);
  vg_pages_free(s.buf, s.cap);
  vg_free(list);
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
