/* Life of tensors and their storage; views. */
#include "tensor/tensor.h"

#include <string.h>

#include "base/alloc.h"
#include "device/interrupt.h"

void (*vg_history_release)(vg_tensor *t);

static void storage_release(vg_storage *s) {
  if (!s || --s->refs > 0) return;
  if (s->note) s->note_free(s->note);
  if (s->deleter)
    s->deleter(s->deleter_arg);
  else
    vg_buf_give(&s->buf);
  vg_free(s);
}

static vg_status header_new(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                            const int64_t *shape) {
  vg_tensor *t = vg_calloc(1, sizeof *t);
  if (!t) return VG_ENOMEM;
  t->refs = 1;
  t->dtype = dtype;
  t->dev = dev;
  t->ndim = ndim;
  if (ndim) memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
  vg_dense_strides(ndim, shape, t->stride);
  t->n = vg_numel(ndim, shape);
  dev->ctx->live_tensors++;
  *out = t;
  return VG_OK;
}

vg_status vg_new_layout(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                        const int64_t *shape, const vg_layout *layout) {
  vg_tensor *t = NULL;
  int64_t elements;
  vg_status st;
  VG_TRY(vg_poll());
  VG_TRY(vg_shape_check("tensor", ndim, shape));
  VG_TRY(header_new(&t, dev, dtype, ndim, shape));
  t->layout = layout;
  elements = layout ? layout->elements(layout, ndim, shape) : t->n;
  t->storage = vg_calloc(1, sizeof *t->storage);
  if (!t->storage) VG_TRY(VG_ENOMEM);
  t->storage->refs = 1;
  t->storage->id = ++dev->ctx->next_storage;
  VG_TRY(vg_buf_take(&t->storage->buf, dev, (size_t)elements * vg_dtype_size(dtype)));
  *out = t;
  t = NULL;
done:
  vg_release(t);
  return st;
}

vg_status vg_new(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim, const int64_t *shape) {
  return vg_new_layout(out, dev, dtype, ndim, shape, NULL);
}

vg_status vg_new_like(vg_tensor **out, const vg_tensor *x) {
  return vg_new_layout(out, x->dev, x->dtype, x->ndim, x->shape, x->layout);
}

vg_status vg_new_same_walk(vg_tensor **out, const vg_tensor *x) {
  vg_status st;
  VG_TRY(vg_new_like(out, x));
  if (vg_is_dense(x)) memcpy((*out)->stride, x->stride, sizeof x->stride);
done:
  return st;
}

vg_status vg_wrap(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim, const int64_t *shape,
                  void *data, void (*deleter)(void *), void *arg) {
  vg_tensor *t = NULL;
  vg_status st;
  VG_TRY(vg_shape_check("tensor", ndim, shape));
  VG_TRY(header_new(&t, dev, dtype, ndim, shape));
  t->storage = vg_calloc(1, sizeof *t->storage);
  if (!t->storage) VG_TRY(VG_ENOMEM);
  *t->storage = (vg_storage){
      .refs = 1, .id = ++dev->ctx->next_storage, .deleter = deleter, .deleter_arg = arg};
  t->storage->buf = (vg_buf){.dev = dev, .ptr = data, .bytes = (size_t)t->n * vg_dtype_size(dtype)};
  *out = t;
  t = NULL;
done:
  vg_release(t);
  return st;
}

vg_tensor *vg_retain(vg_tensor *t) {
  if (t) t->refs++;
  return t;
}

void vg_release(vg_tensor *t) {
  if (!t || --t->refs > 0) return;
  if (t->node) vg_history_release(t);
  vg_release(t->grad); /* a gradient has no gradient: one level at most */
  storage_release(t->storage);
  t->dev->ctx->live_tensors--;
  vg_free(t);
}

static vg_status share(vg_tensor **out, const vg_tensor *x, int ndim, const int64_t *shape) {
  vg_tensor *t = NULL;
  vg_status st;
  VG_TRY(header_new(&t, x->dev, x->dtype, ndim, shape));
  t->storage = x->storage;
  t->storage->refs++;
  t->offset = x->offset;
  *out = t;
done:
  return st;
}

vg_status vg_view(vg_tensor **out, const vg_tensor *x, int ndim, const int64_t *shape,
                  const int64_t *stride, int64_t offset) {
  vg_status st;
  VG_ASSERT(!x->layout);
  VG_TRY(share(out, x, ndim, shape));
  (*out)->offset += offset;
  if (ndim) memcpy((*out)->stride, stride, (size_t)ndim * sizeof *stride);
done:
  return st;
}

vg_status vg_alias(vg_tensor **out, const vg_tensor *x) {
  vg_status st;
  VG_TRY(share(out, x, x->ndim, x->shape));
  (*out)->layout = x->layout;
  memcpy((*out)->stride, x->stride, sizeof x->stride);
done:
  return st;
}

bool vg_is_contiguous(const vg_tensor *t) {
  int64_t step = 1;
  if (t->layout) return false;
  for (int d = t->ndim - 1; d >= 0; d--) {
    if (t->shape[d] == 1) continue;
    if (t->stride[d] != step && t->n > 0) return false;
    step *= t->shape[d];
  }
  return true;
}

/* The dimension that goes on where `step` elements are done, or -1. */
static int next_dim(const vg_tensor *t, int64_t step, unsigned done) {
  for (int d = 0; d < t->ndim; d++)
    if (!(done & 1u << d) && t->shape[d] != 1 && t->stride[d] == step) return d;
  return -1;
}

bool vg_is_dense(const vg_tensor *t) {
  int64_t step = 1;
  unsigned done = 0;
  if (t->layout) return false;
  for (int d; step < t->n && (d = next_dim(t, step, done)) >= 0; done |= 1u << d)
    step *= t->shape[d];
  return step == t->n || t->n == 0;
}

static bool same_strides(const vg_tensor *a, const int64_t *stride) {
  for (int d = 0; d < a->ndim; d++)
    if (a->shape[d] != 1 && a->stride[d] != stride[d]) return false;
  return true;
}

static void channels_last(const int64_t *shape, int64_t *stride) {
  stride[1] = 1;
  stride[3] = shape[1];
  stride[2] = shape[1] * shape[3];
  stride[0] = shape[1] * shape[3] * shape[2];
}

bool vg_is_channels_last(const vg_tensor *t) {
  int64_t stride[4];
  if (t->layout || t->ndim != 4) return false;
  channels_last(t->shape, stride);
  return t->n == 0 || same_strides(t, stride);
}

int64_t vg_physical_n(const vg_tensor *t) {
  return t->layout ? t->layout->elements(t->layout, t->ndim, t->shape) : t->n;
}

bool vg_same_walk(const vg_tensor *a, const vg_tensor *b) {
  if (!vg_same_shape(a, b) || a->layout != b->layout) return false;
  return a->layout || (vg_is_contiguous(a) && vg_is_contiguous(b)) ||
         (vg_is_dense(a) && same_strides(a, b->stride));
}

vg_status vg_to_channels_last(vg_tensor **out, vg_tensor *x) {
  vg_tensor *y = NULL;
  vg_status st;
  if (x->ndim != 4)
    return vg_fail(VG_ESHAPE, "channels_last: want 4 dimensions, got %s", vg_shape_str(x));
  if (vg_is_channels_last(x)) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_new(&y, x->dev, x->dtype, 4, x->shape));
  channels_last(y->shape, y->stride);
  VG_TRY(vg_copy_into(y, x));
  y->storage->version = 0;
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}
