/* Pooling: the geometry of a call, and the workspace with the places of the maxima. */
#include "cuda/walk.h"

static bool accepts(const vg_layout *l) { return l == &vg_cuda_nhwc; }

static bool aligned(const vg_tensor *t) { return ((uintptr_t)vg_cuda_data(t) & 15) == 0; }

/* The largest number of inputs in a window. */
static int64_t widest(int64_t in, int64_t out, vg_window_rule r) {
  int64_t most = 1;
  if (!r.adaptive) return r.kernel < in ? r.kernel : in;
  for (int64_t i = 0; i < out; i++) {
    vg_window w = vg_window_at(i, in, out, r);
    if (w.to - w.from > most) most = w.to - w.from;
  }
  return most;
}

bool vg_cuda_halves(const vg_pool2d *o) {
  return !o->adaptive && o->kernel[0] == 2 && o->kernel[1] == 2 && o->stride[0] == 2 &&
         o->stride[1] == 2 && !o->pad[0] && !o->pad[1];
}

static vg_cuda_pooling describe(const vg_tensor *x, const vg_tensor *y, const vg_pool2d *o) {
  vg_cuda_pooling p = {.channels = x->shape[1],
                       .h = x->shape[2],
                       .w = x->shape[3],
                       .p = y->shape[2],
                       .q = y->shape[3],
                       .inputs = x->n,
                       .outputs = y->n,
                       .nhwc = x->layout != NULL,
                       .half = x->dtype == VG_BF16};
  int64_t tall, most = x->n > y->n ? x->n : y->n;
  for (int d = 0; d < 2; d++)
    p.rule[d] =
        (vg_window_rule){o->kernel[d], o->stride[d], o->pad[d], o->adaptive, o->count_include_pad};
  tall = widest(p.h, p.p, p.rule[0]);
  p.width = (int32_t)widest(p.w, p.q, p.rule[1]);
  p.wide = tall * p.width > 256;
  p.square2 = vg_cuda_halves(o) && 2 * p.p <= p.h && 2 * p.q <= p.w;
  p.line = p.nhwc && p.channels % (p.half ? 8 : 4) == 0 && aligned(x) && aligned(y);
  p.small = most < (int64_t)1 << 31;
  return p;
}

static vg_status max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                         const vg_pool2d *o) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_pooling p = describe(x, y, o);
  vg_status st = VG_OK;
  if (ws) VG_TRY(vg_cuda_take(ws, d, (size_t)p.outputs * (p.wide ? 4 : 1) + 1));
  VG_TRY(VG_CUDA(vg_cuda_max_pool(&p, vg_cuda_data(y), ws ? ws->ptr : NULL, vg_cuda_data(x), s)));
done:
  return st;
}

static vg_status max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws,
                         const vg_pool2d *o) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_pooling p = describe(gx, gy, o);
  return VG_CUDA(vg_cuda_max_pool_bwd(&p, vg_cuda_data(gx), vg_cuda_data(gy), ws->ptr, s));
}

static vg_status avg_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_pool2d *o) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_pooling p = describe(x, y, o);
  return VG_CUDA(vg_cuda_avg_pool(&p, vg_cuda_data(y), vg_cuda_data(x), s));
}

static vg_status avg_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_pool2d *o) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_pooling p = describe(gx, gy, o);
  return VG_CUDA(vg_cuda_avg_pool_bwd(&p, vg_cuda_data(gx), vg_cuda_data(gy), s));
}

const vg_pool_vt vg_cuda_pool = {.accepts = accepts,
                                 .max_fwd = max_fwd,
                                 .max_bwd = max_bwd,
                                 .avg_fwd = avg_fwd,
                                 .avg_bwd = avg_bwd};
