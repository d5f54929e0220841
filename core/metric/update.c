/* Checks a batch and brings it into the form the kernels take. */
#include "metric/metric.h"

static bool is_float(const vg_tensor *x) { return x->dtype == VG_F32 || x->dtype == VG_BF16; }

/* scores N x C x ..., labels N x ... */
static bool scores_fit(const vg_tensor *x, const vg_tensor *target, int64_t classes) {
  bool fit = x->ndim == target->ndim + 1 && x->ndim >= 2 && x->shape[1] == classes;
  for (int d = 0; fit && d < target->ndim; d++) fit = target->shape[d] == x->shape[d ? d + 1 : 0];
  return fit;
}

static vg_status check(const vg_tensor *state, const vg_tensor *x, const vg_tensor *target,
                       int64_t classes, const vg_metric_args *a) {
  if (is_float(target))
    return vg_fail(VG_EDTYPE, "metric: targets are class numbers, int64, got %s",
                   vg_dtype_name(target->dtype));
  if (is_float(x) && !scores_fit(x, target, classes))
    return vg_fail(VG_ESHAPE,
                   "metric: want scores N x %lld x ... and targets N x ..., got %s and %s",
                   (long long)classes, vg_shape_str(x), vg_shape_str(target));
  if (!is_float(x) && !vg_same_shape(x, target))
    return vg_fail(VG_ESHAPE, "metric: want labels of the targets' shape, got %s and %s",
                   vg_shape_str(x), vg_shape_str(target));
  if (!is_float(x) && a->top_k > 1)
    return vg_fail(VG_EDTYPE, "metric: top_k %d needs scores, got labels", a->top_k);
  if (x->dev != target->dev || x->dev != state->dev)
    return vg_fail(VG_EINVAL, "metric: predictions on %s, targets on %s, counts on %s",
                   x->dev->name, target->dev->name, state->dev->name);
  return VG_OK;
}

/* Contiguous, scores as f32, labels as i64. */
static vg_status plain(vg_tensor **out, vg_tensor *x) {
  vg_tensor *cast = NULL;
  vg_status st;
  VG_TRY(vg_cast_raw(&cast, x, is_float(x) ? VG_F32 : VG_I64));
  VG_TRY(vg_relayout(out, cast, NULL));
done:
  vg_release(cast);
  return st;
}

typedef vg_status (*kernel_fn)(vg_device *, vg_tensor *, const vg_tensor *, const vg_tensor *,
                               const vg_metric_args *);

static vg_status run(kernel_fn kernel, vg_tensor *state, vg_tensor *preds, vg_tensor *target,
                     const vg_metric_args *a) {
  vg_tensor *x = NULL, *t = NULL;
  vg_status st;
  if (!kernel) return vg_unsupported(state->dev, "metric");
  VG_TRY(plain(&x, preds));
  VG_TRY(plain(&t, target));
  VG_TRY(kernel(state->dev, state, x, t, a));
  vg_bump(state);
done:
  vg_release(x);
  vg_release(t);
  return st;
}

vg_status vg_confusion_update(vg_tensor *counts, vg_tensor *preds, vg_tensor *target,
                              const vg_metric_args *a) {
  const vg_metric_vt *k = counts->dev->be->metric;
  vg_status st;
  VG_TRY(check(counts, preds, target, counts->shape[0], a));
  st = run(k ? k->confusion : NULL, counts, preds, target, a);
done:
  return st;
}

vg_status vg_calibration_update(vg_tensor *bins, vg_tensor *preds, vg_tensor *target,
                                const vg_metric_args *a) {
  const vg_metric_vt *k = bins->dev->be->metric;
  vg_status st;
  if (!is_float(preds) || preds->ndim < 2)
    return vg_fail(VG_EDTYPE, "metric: calibration needs scores N x C x ..., got %s %s",
                   vg_dtype_name(preds->dtype), vg_shape_str(preds));
  VG_TRY(check(bins, preds, target, preds->shape[1], a));
  st = run(k ? k->calibration : NULL, bins, preds, target, a);
done:
  return st;
}
