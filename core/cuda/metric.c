/* Counting for the metrics, and the names of classes that are out of range. */
#include "cuda/walk.h"

static vg_cuda_scores batch_of(const vg_tensor *x, const vg_tensor *target, int64_t classes,
                               const vg_metric_args *a) {
  vg_cuda_scores b = {.target = vg_cuda_data(target),
                      .count = target->n,
                      .classes = classes,
                      .inner = 1,
                      .ignore_index = a->ignore_index};
  if (x->dtype == VG_I64)
    b.labels = vg_cuda_data(x);
  else
    b.scores = vg_cuda_data(x);
  for (int d = 1; d < target->ndim; d++) b.inner *= target->shape[d];
  return b;
}

static vg_status checked(vg_device *d, const vg_cuda_scores *b) {
  vg_cuda_fault fault;
  int64_t first, value;
  bool label;
  vg_status st;
  VG_TRY(vg_cuda_take_fault(d, &fault));
  if (!fault.code) return VG_OK;
  first = (int64_t)~fault.position;
  label = first % 2 != 0;
  first /= 2;
  VG_TRY(d->be->memory->read(d, &value, (label ? b->labels : b->target) + first, sizeof value));
  return vg_fail(VG_EINVAL, "metric: %s %lld at position %lld is outside 0..%lld",
                 label ? "prediction" : "target", (long long)value, (long long)first + 1,
                 (long long)b->classes - 1);
done:
  return st;
}

static vg_status confusion(vg_device *d, vg_tensor *counts, const vg_tensor *x,
                           const vg_tensor *target, const vg_metric_args *a) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_scores b = batch_of(x, target, counts->shape[0], a);
  vg_status st;
  VG_TRY(
      VG_CUDA(vg_cuda_confusion(vg_cuda_data(counts), &b, a->top_k, vg_cuda_state(d)->fault, s)));
  st = checked(d, &b);
done:
  return st;
}

static vg_status calibration(vg_device *d, vg_tensor *bins, const vg_tensor *x,
                             const vg_tensor *target, const vg_metric_args *a) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_scores b = batch_of(x, target, x->shape[1], a);
  vg_buf work = {0};
  void *raw;
  vg_status st;
  VG_TRY(vg_cuda_scratch(&raw, &work, d, sizeof(uint32_t)));
  VG_TRY(VG_CUDA(vg_cuda_calibration(vg_cuda_data(bins), bins->shape[0] - 1, &b, raw,
                                     vg_cuda_state(d)->fault, s)));
  st = checked(d, &b);
done:
  vg_buf_give(&work);
  return st;
}

const vg_metric_vt vg_cuda_metric = {.confusion = confusion, .calibration = calibration};
