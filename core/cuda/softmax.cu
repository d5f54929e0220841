/* Softmax, log-softmax and cross-entropy over columns: the n values that share their outer and
   inner index. Columns that lie along memory take a warp each (short ones a thread), others a
   thread. Exponentials are f32 of x - max, sums double, in one order. */
#include "cuda/device.h"

#include <math.h>

namespace {

const int THREADS = 256, WARPS = THREADS / 32;

/* The threads of a column: LANES is 32 or 1. */
template <int LANES>
struct team {
  __device__ static int lane() { return LANES == 32 ? (int)(threadIdx.x % 32) : 0; }
  __device__ static double sum(double v) { return LANES == 32 ? vg_warp_sum(v) : v; }
  __device__ static float most(float v) {
    if (LANES == 32)
      for (int d = 16; d; d /= 2) {
        float o = __shfl_xor_sync(0xffffffffu, v, d);
        v = o > v ? o : v;
      }
    return v;
  }
};

/* Calls f(column, its first element) for the columns of this thread or warp; warps stay together.
 */
template <int LANES, typename F>
__device__ inline void each_column(const vg_cuda_columns &c, F f) {
  int64_t first = ((int64_t)blockIdx.x * THREADS + threadIdx.x) / LANES,
          step = (int64_t)gridDim.x * THREADS / LANES;
  for (int64_t i = first; i < c.count; i += step) f(i, i / c.inner * c.n * c.inner + i % c.inner);
}

/* Largest value and the sum of exp(x - largest); NaN shows in the sum. */
template <int LANES>
__device__ inline double sum_exp(const float *x, const vg_cuda_columns &c, float *largest) {
  typedef team<LANES> t;
  float m = -INFINITY;
  double sum = 0;
  for (int64_t i = t::lane(); i < c.n; i += LANES) {
    float v = x[i * c.inner];
    m = v > m ? v : m;
  }
  m = t::most(m);
  for (int64_t i = t::lane(); i < c.n; i += LANES) sum += (double)expf(x[i * c.inner] - m);
  *largest = m;
  return t::sum(sum);
}

template <int LANES>
__global__ void __launch_bounds__(THREADS)
    forward(vg_cuda_columns c, float *y, const float *x, bool log_too) {
  each_column<LANES>(c, [&](int64_t, int64_t at) {
    float m;
    double sum = sum_exp<LANES>(x + at, c, &m);
    float l = (float)log(sum), r = (float)(1 / sum);
    for (int64_t i = team<LANES>::lane(); i < c.n; i += LANES) {
      float v = x[at + i * c.inner] - m;
      y[at + i * c.inner] = log_too ? v - l : expf(v) * r;
    }
  });
}

template <int LANES>
__global__ void __launch_bounds__(THREADS)
    backward(vg_cuda_columns c, float *gx, const float *gy, const float *y, bool log_too) {
  each_column<LANES>(c, [&](int64_t, int64_t at) {
    double sum = 0;
    for (int64_t i = team<LANES>::lane(); i < c.n; i += LANES) {
      int64_t k = at + i * c.inner;
      sum += log_too ? (double)gy[k] : (double)gy[k] * (double)y[k];
    }
    float s = (float)team<LANES>::sum(sum);
    for (int64_t i = team<LANES>::lane(); i < c.n; i += LANES) {
      int64_t k = at + i * c.inner;
      gx[k] = log_too ? gy[k] - expf(y[k]) * s : y[k] * (gy[k] - s);
    }
  });
}

/* ---- cross-entropy ---- */

/* A column's loss; in every lane of its team. */
template <int LANES>
__device__ inline float column_loss(const float *x, const vg_cuda_columns &c, int64_t target,
                                    const vg_cuda_loss &p) {
  float m;
  double e = (double)p.label_smoothing, smooth = 0, log_sum;
  if (p.log_probs) return -x[target * c.inner];
  log_sum = log(sum_exp<LANES>(x, c, &m));
  if (e > 0) {
    for (int64_t i = team<LANES>::lane(); i < c.n; i += LANES)
      smooth += (double)(m - x[i * c.inner]) + log_sum;
    smooth = team<LANES>::sum(smooth) * (e / (double)c.n);
  }
  return (float)((1 - e) * ((double)(m - x[target * c.inner]) + log_sum) + smooth);
}

/* each[i] = loss of column i; NaN where the target is out of range, which is noted. */
template <int LANES>
__global__ void __launch_bounds__(THREADS)
    losses(vg_cuda_columns c, float *each, const float *x, const int64_t *target, vg_cuda_loss p,
           vg_cuda_fault *fault) {
  each_column<LANES>(c, [&](int64_t i, int64_t at) {
    int64_t t = target[i];
    float l = 0;
    if (t != p.ignore_index) {
      bool right = t >= 0 && t < c.n;
      l = right ? column_loss<LANES>(x + at, c, t, p) : NAN;
      if (!right && team<LANES>::lane() == 0) vg_note_fault(fault, i);
    }
    if (team<LANES>::lane() == 0) each[i] = l;
  });
}

/* One block: the sum or mean of all, and how many were not ignored. */
__global__ void __launch_bounds__(THREADS)
    total(int64_t count, float *loss, const float *each, const int64_t *target, vg_cuda_loss p) {
  double sum = 0;
  long long counted = 0;
  for (int64_t i = threadIdx.x; i < count; i += THREADS) {
    sum += (double)each[i];
    counted += target[i] != p.ignore_index;
  }
  sum = vg_block_sum(sum);
  counted = vg_block_sum(counted);
  if (threadIdx.x == 0) *loss = (float)(p.mean ? sum / (double)counted : sum); /* 0 / 0: NaN */
}

__global__ void __launch_bounds__(THREADS)
    count_targets(int64_t count, int64_t *counted, const int64_t *target, int64_t ignore) {
  long long n = 0;
  for (int64_t i = threadIdx.x; i < count; i += THREADS) n += target[i] != ignore;
  n = vg_block_sum(n);
  if (threadIdx.x == 0) *counted = n;
}

/* counted NULL: no mean. Targets out of range give no gradient: the forward refused them. */
template <int LANES>
__global__ void __launch_bounds__(THREADS)
    loss_bwd(vg_cuda_columns c, float *gx, const float *gloss, const float *x,
             const int64_t *target, vg_cuda_loss p, const int64_t *counted) {
  float scale = counted ? 1 / (float)*counted : 1.0f, off = p.label_smoothing / (float)c.n;
  each_column<LANES>(c, [&](int64_t i, int64_t at) {
    int64_t t = target[i];
    float m = 0, r = 0, g;
    if (t == p.ignore_index || t < 0 || t >= c.n) {
      for (int64_t k = team<LANES>::lane(); k < c.n; k += LANES) gx[at + k * c.inner] = 0;
      return;
    }
    g = p.each ? gloss[i] : *gloss * scale;
    if (!p.log_probs) r = (float)(1 / sum_exp<LANES>(x + at, c, &m));
    for (int64_t k = team<LANES>::lane(); k < c.n; k += LANES) {
      float want = off + (k == t ? 1 - p.label_smoothing : 0.0f);
      gx[at + k * c.inner] =
          p.log_probs ? (k == t ? -g : 0.0f) : g * (expf(x[at + k * c.inner] - m) * r - want);
    }
  });
}

/* Short columns are not worth a warp. */
bool by_warp(const vg_cuda_columns *c) { return c->inner == 1 && c->n > 16; }
unsigned blocks_of(const vg_cuda_columns *c) {
  return vg_blocks(c->count, by_warp(c) ? WARPS : THREADS);
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_softmax_fwd(const vg_cuda_columns *c, float *y, const float *x, bool log_too,
                                cudaStream_t stream) {
  if (c->count * c->n == 0) return cudaSuccess;
  if (by_warp(c))
    VG_LAUNCH(forward<32>, blocks_of(c), THREADS, 0, stream, *c, y, x, log_too);
  else
    VG_LAUNCH(forward<1>, blocks_of(c), THREADS, 0, stream, *c, y, x, log_too);
  return cudaGetLastError();
}

cudaError_t vg_cuda_softmax_bwd(const vg_cuda_columns *c, float *gx, const float *gy,
                                const float *y, bool log_too, cudaStream_t stream) {
  if (c->count * c->n == 0) return cudaSuccess;
  if (by_warp(c))
    VG_LAUNCH(backward<32>, blocks_of(c), THREADS, 0, stream, *c, gx, gy, y, log_too);
  else
    VG_LAUNCH(backward<1>, blocks_of(c), THREADS, 0, stream, *c, gx, gy, y, log_too);
  return cudaGetLastError();
}

cudaError_t vg_cuda_cross_entropy(const vg_cuda_columns *c, float *loss, float *each,
                                  const float *x, const int64_t *target, const vg_cuda_loss *p,
                                  vg_cuda_fault *fault, cudaStream_t stream) {
  if (c->count && by_warp(c))
    VG_LAUNCH(losses<32>, blocks_of(c), THREADS, 0, stream, *c, each, x, target, *p, fault);
  else if (c->count)
    VG_LAUNCH(losses<1>, blocks_of(c), THREADS, 0, stream, *c, each, x, target, *p, fault);
  if (!p->each) VG_LAUNCH(total, 1, THREADS, 0, stream, c->count, loss, each, target, *p);
  return cudaGetLastError();
}

cudaError_t vg_cuda_cross_entropy_bwd(const vg_cuda_columns *c, float *gx, const float *gloss,
                                      const float *x, const int64_t *target, const vg_cuda_loss *p,
                                      int64_t *counted, cudaStream_t stream) {
  if (c->count * c->n == 0) return cudaSuccess;
  if (p->mean)
    VG_LAUNCH(count_targets, 1, THREADS, 0, stream, c->count, counted, target, p->ignore_index);
  if (by_warp(c))
    VG_LAUNCH(loss_bwd<32>, blocks_of(c), THREADS, 0, stream, *c, gx, gloss, x, target, *p,
              p->mean ? counted : (const int64_t *)NULL);
  else
    VG_LAUNCH(loss_bwd<1>, blocks_of(c), THREADS, 0, stream, *c, gx, gloss, x, target, *p,
              p->mean ? counted : (const int64_t *)NULL);
  return cudaGetLastError();
}

}  // extern "C"
