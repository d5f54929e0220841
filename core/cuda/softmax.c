/* Softmax and cross-entropy: geometry, scratch, and the names of wrong targets. */
#include "cuda/walk.h"

static vg_cuda_columns split(const vg_tensor *x, int dim) {
  vg_cuda_columns c = {.count = 1, .n = x->ndim ? x->shape[dim] : 1, .inner = 1};
  for (int d = 0; d < x->ndim; d++)
    if (d != dim) c.count *= x->shape[d];
  for (int d = dim + 1; d < x->ndim; d++) c.inner *= x->shape[d];
  return c;
}

static vg_status softmax(vg_device *d, vg_tensor *y, const vg_tensor *x, int dim, bool log_too) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_columns c = split(x, dim);
  return VG_CUDA(vg_cuda_softmax_fwd(&c, vg_cuda_data(y), vg_cuda_data(x), log_too, s));
}

static vg_status softmax_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *y,
                             int dim, bool log_too) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_columns c = split(y, dim);
  return VG_CUDA(
      vg_cuda_softmax_bwd(&c, vg_cuda_data(gx), vg_cuda_data(gy), vg_cuda_data(y), log_too, s));
}

static vg_cuda_loss loss_of(const vg_loss *p) {
  return (vg_cuda_loss){.ignore_index = p->ignore_index,
                        .label_smoothing = p->label_smoothing,
                        .mean = p->reduction == VG_LOSS_MEAN,
                        .each = p->reduction == VG_LOSS_NONE,
                        .log_probs = p->log_probs};
}

static vg_status check_targets(vg_device *d, const vg_tensor *target, const vg_loss *p,
                               int64_t classes) {
  vg_cuda_fault fault;
  int64_t first, value;
  vg_status st;
  VG_TRY(vg_cuda_take_fault(d, &fault));
  if (!fault.code) return VG_OK;
  first = (int64_t)~fault.position;
  VG_TRY(
      d->be->memory->read(d, &value, (const int64_t *)vg_cuda_data(target) + first, sizeof value));
  return vg_fail(VG_EINVAL, "%s: target %lld at position %lld is outside 0..%lld",
                 p->log_probs ? "nll_loss" : "cross_entropy", (long long)value,
                 (long long)first + 1, (long long)classes - 1);
done:
  return st;
}

static vg_status cross_entropy(vg_device *d, vg_tensor *loss, const vg_tensor *x,
                               const vg_tensor *target, const vg_loss *p) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_columns c = split(x, 1);
  vg_cuda_loss k = loss_of(p);
  vg_buf b = {0};
  void *each = vg_cuda_data(loss);
  vg_status st = VG_OK;
  if (!k.each) VG_TRY(vg_cuda_scratch(&each, &b, d, (size_t)c.count * sizeof(float)));
  VG_TRY(VG_CUDA(vg_cuda_cross_entropy(&c, vg_cuda_data(loss), each, vg_cuda_data(x),
                                       vg_cuda_data(target), &k, vg_cuda_state(d)->fault, s)));
  VG_TRY(check_targets(d, target, p, c.n));
done:
  vg_buf_give(&b);
  return st;
}

static vg_status cross_entropy_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gloss,
                                   const vg_tensor *x, const vg_tensor *target, const vg_loss *p) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_columns c = split(x, 1);
  vg_cuda_loss k = loss_of(p);
  vg_buf b = {0};
  void *counted = NULL;
  vg_status st = VG_OK;
  if (k.mean) VG_TRY(vg_cuda_scratch(&counted, &b, d, sizeof(int64_t)));
  VG_TRY(VG_CUDA(vg_cuda_cross_entropy_bwd(&c, vg_cuda_data(gx), vg_cuda_data(gloss),
                                           vg_cuda_data(x), vg_cuda_data(target), &k, counted, s)));
done:
  vg_buf_give(&b);
  return st;
}

const vg_softmax_vt vg_cuda_softmax = {.softmax = softmax,
                                       .softmax_bwd = softmax_bwd,
                                       .cross_entropy = cross_entropy,
                                       .cross_entropy_bwd = cross_entropy_bwd};
