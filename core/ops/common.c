/* Argument checks and gradient helpers every operation uses. */
#include "ops/ops.h"

vg_status vg_dim(const char *op, int ndim, int dim, int *out) {
  int d = dim < 0 ? dim + ndim : dim;
  if (d < 0 || d >= ndim)
    return vg_fail(VG_EINVAL, "%s: dimension %d of a %d-dimensional tensor", op,
                   dim < 0 ? dim : dim + 1, ndim);
  *out = d;
  return VG_OK;
}

vg_status vg_want_dtype(const char *op, const vg_tensor *x, vg_dtype dtype) {
  if (x->dtype == dtype) return VG_OK;
  return vg_fail(VG_EDTYPE, "%s: want %s, got %s", op, vg_dtype_name(dtype),
                 vg_dtype_name(x->dtype));
}

vg_status vg_want_float(const char *op, const vg_tensor *x) {
  if (x->dtype == VG_F32 || x->dtype == VG_BF16) return VG_OK;
  return vg_fail(VG_EDTYPE, "%s: want float32 or bfloat16, got %s", op, vg_dtype_name(x->dtype));
}

vg_status vg_autocast(vg_tensor **out, const char *op, vg_tensor *x) {
  bool wanted = x->dtype == VG_F32 && x->dev->ctx->autocast == VG_BF16;
  if ((wanted || x->dtype == VG_BF16) && !x->dev->be->device->bf16)
    return vg_fail(VG_EUNSUPPORTED, "%s: bfloat16 is not implemented by backend '%s'", op,
                   x->dev->be->name);
  return vg_cast(out, x, wanted ? VG_BF16 : x->dtype);
}

vg_status vg_want_same_device(const char *op, const vg_tensor *a, const vg_tensor *b) {
  if (a->dev == b->dev) return VG_OK;
  return vg_fail(VG_EINVAL, "%s: tensors on %s and %s", op, a->dev->name, b->dev->name);
}

vg_status vg_sum_to_shape(vg_tensor **out, vg_tensor *g, int ndim, const int64_t *shape) {
  vg_tensor *plain = NULL, *sum = NULL;
  vg_reduce_dims r = {{false}};
  int extra = g->ndim - ndim;
  int64_t kept[VG_MAX_DIMS];
  bool any = extra > 0;
  vg_status st;
  for (int d = 0; d < g->ndim; d++) {
    r.reduced[d] = d < extra || (shape[d - extra] == 1 && g->shape[d] != 1);
    any = any || r.reduced[d];
    kept[d] = r.reduced[d] ? 1 : g->shape[d];
  }
  if (!any) {
    *out = vg_retain(g);
    return VG_OK;
  }
  if (!g->dev->be->reduce || !g->dev->be->reduce->reduce) return vg_unsupported(g->dev, "sum");
  VG_TRY(vg_strided(&plain, g));
  VG_TRY(vg_new(&sum, g->dev, g->dtype, g->ndim, kept));
  VG_TRY(g->dev->be->reduce->reduce(g->dev, VG_SUM, (vg_scalars){0, 0}, sum, plain, &r));
  VG_TRY(vg_view(out, sum, ndim, kept + extra, sum->stride + extra, 0));
done:
  vg_release(plain);
  vg_release(sum);
  return st;
}

vg_status vg_expand_raw(vg_tensor **out, const vg_tensor *x, int ndim, const int64_t *shape) {
  int64_t stride[VG_MAX_DIMS];
  for (int d = 0; d < ndim; d++) {
    int k = d - (ndim - x->ndim);
    stride[d] = k < 0 || (x->shape[k] == 1 && shape[d] != 1) ? 0 : x->stride[k];
  }
  return vg_view(out, x, ndim, shape, stride, 0);
}

vg_status vg_filled(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim, const int64_t *shape,
                    double value) {
  vg_tensor *y = NULL;
  vg_status st;
  if (!dev->be->elementwise || !dev->be->elementwise->fill) return vg_unsupported(dev, "fill");
  VG_TRY(vg_new(&y, dev, dtype, ndim, shape));
  VG_TRY(dev->be->elementwise->fill(dev, y, value));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}
