/* Optimiser steps and norms over many tensors in one launch. Blocks take pieces of the tensors,
   whose list comes with the launch. */
#include "cuda/device.h"

namespace {

const int THREADS = 256, LATE_THREADS = 1024;
const int64_t PIECE = VG_CUDA_PIECE;

/* Elements first..last of tensor `k`. */
struct piece {
  int k;
  int64_t first, last;
};

__device__ inline piece find(const vg_cuda_tensors &t, int64_t i) {
  piece p = {0, 0, 0};
  while (i >= t.pieces[p.k]) p.k++;
  p.first = (i - (p.k ? t.pieces[p.k - 1] : 0)) * PIECE;
  p.last = p.first + PIECE < t.count[p.k] ? p.first + PIECE : t.count[p.k];
  return p;
}

/* Calls line(i) for four elements at a time where the tensor is aligned, one(i) for the others. */
template <typename L, typename O>
__device__ inline void each(const vg_cuda_tensors &t, const piece &p, L line, O one) {
  int64_t whole = t.line[p.k] ? p.first + (p.last - p.first) / 4 * 4 : p.first;
  int threads = (int)blockDim.x;
  for (int64_t i = p.first + (int64_t)threadIdx.x * 4; i < whole; i += threads * 4) line(i);
  for (int64_t i = whole + threadIdx.x; i < p.last; i += threads) one(i);
}

/* The bfloat16 form of what was just stored at p + i. */
__device__ inline void copy_line(void *copy, int64_t i, const float *p) {
  if (copy)
    __stwb((uint2 *)((vg_bf16 *)copy + i),
           make_uint2(vg_bf16_pair(p[0], p[1]), vg_bf16_pair(p[2], p[3])));
}
__device__ inline void copy_one(void *copy, int64_t i, float p) {
  if (copy) vg_put((vg_bf16 *)copy + i, p);
}

#define EACH_PIECE(t, i) \
  for (int64_t i = blockIdx.x, pieces_ = (t).pieces[(t).n - 1]; i < pieces_; i += gridDim.x)

__device__ inline float factor_of(const vg_cuda_clip &c) {
  double wanted = c.squares ? c.bound / (sqrt(*c.squares) + 1e-6) : 1;
  return wanted >= 1 ? 1.0f : (float)wanted; /* not 1 for NaN */
}

__device__ inline void adam_step(const vg_cuda_tensors &t, const vg_adam_numbers k,
                                 const vg_cuda_clip &clip) {
  const float factor = factor_of(clip);
  EACH_PIECE(t, item) {
    piece s = find(t, item);
    float *p = t.p[s.k], *m = t.m[s.k], *v = t.v[s.k];
    const float *g = t.g[s.k];
    void *copy = t.copy[s.k];
    each(
        t, s,
        [&](int64_t i) {
          float a[4], b[4], c[4], d[4];
          vg_load<4>(a, p + i);
          vg_load<4>(b, g + i);
          vg_load<4>(c, m + i);
          vg_load<4>(d, v + i);
#pragma unroll
          for (int j = 0; j < 4; j++) vg_adam_update(&k, b[j] * factor, &a[j], &c[j], &d[j]);
          vg_store<4>(p + i, a);
          vg_store<4>(m + i, c);
          vg_store<4>(v + i, d);
          copy_line(copy, i, a);
        },
        [&](int64_t i) {
          vg_adam_update(&k, g[i] * factor, &p[i], &m[i], &v[i]);
          copy_one(copy, i, p[i]);
        });
  }
}

/* `live`: numbers that change between the replays of a captured step. */
__global__ void __launch_bounds__(THREADS) adam(vg_cuda_tensors t, vg_adam_numbers numbers,
                                                const vg_adam_numbers *live, vg_cuda_clip clip) {
  adam_step(t, live ? *live : numbers, clip);
}

/* Large blocks: few of them keep the memory busy and leave whole multiprocessors to others. */
__global__ void __launch_bounds__(LATE_THREADS)
    adam_late(const vg_cuda_update *u, const uint64_t *enabled) {
  if (*enabled && u->t.n) adam_step(u->t, *u->numbers, u->clip);
}

template <bool MOMENTUM>
__global__ void __launch_bounds__(THREADS)
    sgd(vg_cuda_tensors t, vg_sgd_numbers numbers, const vg_sgd_numbers *live, vg_cuda_clip clip) {
  const vg_sgd_numbers k = live ? *live : numbers;
  const float factor = factor_of(clip);
  EACH_PIECE(t, item) {
    piece s = find(t, item);
    float *p = t.p[s.k], *m = t.m[s.k];
    const float *g = t.g[s.k];
    void *copy = t.copy[s.k];
    each(
        t, s,
        [&](int64_t i) {
          float a[4], b[4], c[4];
          vg_load<4>(a, p + i);
          vg_load<4>(b, g + i);
          if (MOMENTUM) vg_load<4>(c, m + i);
#pragma unroll
          for (int j = 0; j < 4; j++) {
            if (MOMENTUM)
              vg_momentum_update(&k, b[j] * factor, &a[j], &c[j]);
            else
              vg_sgd_update(&k, b[j] * factor, &a[j]);
          }
          vg_store<4>(p + i, a);
          if (MOMENTUM) vg_store<4>(m + i, c);
          copy_line(copy, i, a);
        },
        [&](int64_t i) {
          if (MOMENTUM)
            vg_momentum_update(&k, g[i] * factor, &p[i], &m[i]);
          else
            vg_sgd_update(&k, g[i] * factor, &p[i]);
          copy_one(copy, i, p[i]);
        });
  }
}

/* Every element of the tensors becomes f(element). */
template <typename F>
__device__ inline void change(const vg_cuda_tensors &t, F f) {
  EACH_PIECE(t, item) {
    piece s = find(t, item);
    float *x = t.p[s.k];
    each(
        t, s,
        [&](int64_t i) {
          float a[4];
          vg_load<4>(a, x + i);
#pragma unroll
          for (int j = 0; j < 4; j++) a[j] = f(a[j]);
          vg_store<4>(x + i, a);
        },
        [&](int64_t i) { x[i] = f(x[i]); });
  }
}

__global__ void __launch_bounds__(THREADS) scale(vg_cuda_tensors t, float factor) {
  change(t, [=](float x) { return x * factor; });
}

__global__ void __launch_bounds__(THREADS) clamp(vg_cuda_tensors t, float bound) {
  change(t, [=](float x) { return vg_clamp_to(x, bound); });
}

/* Where the sum of a piece lies: by tensor, whatever the launch. */
__device__ inline double *piece_sum(const vg_cuda_tensors &t, int k, int64_t item) {
  return (double *)t.copy[k] + (item - (k ? t.pieces[k - 1] : 0));
}

/* One partial sum a piece, whatever the grid. */
__global__ void __launch_bounds__(THREADS) squares(vg_cuda_tensors t) {
  EACH_PIECE(t, item) {
    piece s = find(t, item);
    const float *x = t.p[s.k];
    double sum = 0;
    each(
        t, s,
        [&](int64_t i) {
          float a[4];
          vg_load<4>(a, x + i);
#pragma unroll
          for (int j = 0; j < 4; j++) sum += (double)a[j] * (double)a[j];
        },
        [&](int64_t i) { sum += (double)x[i] * (double)x[i]; });
    sum = vg_block_sum(sum);
    if (threadIdx.x == 0) *piece_sum(t, s.k, item) = sum;
  }
}

__global__ void __launch_bounds__(THREADS)
    add_parts(vg_cuda_tensors t, double *sum, int64_t n, bool first) {
  double v = 0;
  int k = 0;
  for (int64_t i = threadIdx.x; i < n; i += THREADS) {
    while (i >= t.pieces[k]) k++;
    v += *piece_sum(t, k, i);
  }
  v = vg_block_sum(v);
  if (threadIdx.x == 0) *sum = first ? v : *sum + v;
}

__global__ void root(float *norm, const double *sum) { *norm = (float)sqrt(*sum); }

unsigned blocks_of(const vg_cuda_tensors *t) { return vg_blocks(t->pieces[t->n - 1], 1); }
bool nothing(const vg_cuda_tensors *t) { return t->n == 0 || t->pieces[t->n - 1] == 0; }

}  // namespace

extern "C" {

cudaError_t vg_cuda_adam(const vg_cuda_tensors *t, const vg_adam_numbers *k,
                         const vg_adam_numbers *live, vg_cuda_clip clip, cudaStream_t stream) {
  if (nothing(t)) return cudaSuccess;
  VG_LAUNCH(adam, blocks_of(t), THREADS, 0, stream, *t, *k, live, clip);
  return cudaGetLastError();
}

cudaError_t vg_cuda_adam_late(const vg_cuda_update *u, const uint64_t *enabled, unsigned blocks,
                              cudaStream_t stream) {
  VG_LAUNCH(adam_late, blocks, LATE_THREADS, 0, stream, u, enabled);
  return cudaGetLastError();
}

cudaError_t vg_cuda_sgd(const vg_cuda_tensors *t, const vg_sgd_numbers *k,
                        const vg_sgd_numbers *live, vg_cuda_clip clip, bool momentum,
                        cudaStream_t stream) {
  if (nothing(t)) return cudaSuccess;
  if (momentum)
    VG_LAUNCH(sgd<true>, blocks_of(t), THREADS, 0, stream, *t, *k, live, clip);
  else
    VG_LAUNCH(sgd<false>, blocks_of(t), THREADS, 0, stream, *t, *k, live, clip);
  return cudaGetLastError();
}

cudaError_t vg_cuda_scale(const vg_cuda_tensors *t, float factor, cudaStream_t stream) {
  if (nothing(t)) return cudaSuccess;
  VG_LAUNCH(scale, blocks_of(t), THREADS, 0, stream, *t, factor);
  return cudaGetLastError();
}

cudaError_t vg_cuda_clamp(const vg_cuda_tensors *t, float bound, cudaStream_t stream) {
  if (nothing(t)) return cudaSuccess;
  VG_LAUNCH(clamp, blocks_of(t), THREADS, 0, stream, *t, bound);
  return cudaGetLastError();
}

cudaError_t vg_cuda_squares(const vg_cuda_tensors *t, cudaStream_t stream) {
  if (nothing(t)) return cudaSuccess;
  VG_LAUNCH(squares, blocks_of(t), THREADS, 0, stream, *t);
  return cudaGetLastError();
}

cudaError_t vg_cuda_add_squares(const vg_cuda_tensors *t, double *sum, bool first,
                                cudaStream_t stream) {
  VG_LAUNCH(add_parts, 1, THREADS, 0, stream, *t, sum, t->n ? t->pieces[t->n - 1] : 0, first);
  return cudaGetLastError();
}

cudaError_t vg_cuda_root(float *norm, const double *sum, cudaStream_t stream) {
  VG_LAUNCH(root, 1, 1, 0, stream, norm, sum);
  return cudaGetLastError();
}

cudaError_t vg_cuda_optim_load(void) {
  cudaError_t e = cudaSuccess;
#if !VG_CUDA_EMULATE
  cudaFuncAttributes a;
  e = cudaFuncGetAttributes(&a, adam_late);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, squares);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, add_parts);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, root);
#endif
  return e;
}

}  // extern "C"
