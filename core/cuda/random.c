/* Fills and dropout: the numbers of a draw. */
#include <math.h>

#include "base/draw.h"
#include "cuda/walk.h"

static vg_status fill(vg_device *d, vg_tensor *y, vg_stream stream, vg_cuda_draw k) {
  cudaStream_t s = vg_cuda_stream(d);
  k.line = ((uintptr_t)vg_cuda_data(y) & 15) == 0;
  return VG_CUDA(vg_cuda_random_fill(vg_cuda_data(y), (int)y->dtype, y->n, stream, &k,
                                     vg_cuda_rng_shift(d), s));
}

static vg_status uniform(vg_device *d, vg_tensor *y, vg_stream s, double lo, double hi) {
  return fill(d, y, s,
              (vg_cuda_draw){.kind = VG_CUDA_UNIFORM,
                             .a = (float)lo,
                             .b = (float)(hi - lo),
                             .top = nextafterf((float)hi, (float)lo)});
}

static vg_status normal(vg_device *d, vg_tensor *y, vg_stream s, double mean, double std) {
  return fill(d, y, s, (vg_cuda_draw){.kind = VG_CUDA_NORMAL, .a = (float)mean, .b = (float)std});
}

static vg_status bernoulli(vg_device *d, vg_tensor *y, vg_stream s, double p) {
  return fill(d, y, s, (vg_cuda_draw){.kind = VG_CUDA_BERNOULLI, .p24 = vg_in_24_bits(p)});
}

static vg_status dropout(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_stream stream,
                         double p) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_draw k = {
      .kind = VG_CUDA_DROPOUT, .p24 = vg_in_24_bits(p), .b = p < 1 ? (float)(1 / (1 - p)) : 0};
  bool nhwc = x->layout != NULL, half = x->dtype == VG_BF16;
  int64_t images = nhwc ? x->shape[0] : 1, channels = nhwc ? x->shape[1] : 1;
  int64_t pixels = nhwc ? x->shape[2] * x->shape[3] : x->n;
  if (nhwc && x->layout != &vg_cuda_nhwc)
    return vg_fail(VG_EUNSUPPORTED, "dropout: layout %s is not supported", x->layout->name);
  return VG_CUDA(vg_cuda_dropout(vg_cuda_data(y), vg_cuda_data(x), half, images, channels, pixels,
                                 nhwc, stream, &k, vg_cuda_rng_shift(d), s));
}

const vg_random_vt vg_cuda_random = {
    .uniform = uniform, .normal = normal, .bernoulli = bernoulli, .dropout = dropout};
