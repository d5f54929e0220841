/* What the kernels of batch normalisation share: its arithmetic, and walks in NHWC. Statistics and
   sums come from chunks of rows whose borders depend on the shape alone: floats inside a thread,
   double from there on, combined in order. C++, for .cu files only. */
#ifndef VG_CUDA_NORM_DEVICE_H
#define VG_CUDA_NORM_DEVICE_H

#include "cuda/device.h"

namespace vg_bn {

const int THREADS = 256, WIDEST = 64; /* of a block, and columns of one */

struct lanes_of {
  const float *mean, *invstd, *weight, *bias;
};

/* y = (x - mean) * scale + shift, in the forward and where its sign is the mask of the ReLU. */
__device__ inline float normal(float centred, float scale, float shift) {
  return fmaf(centred, scale, shift);
}
__device__ inline float masked(float g, float centred, float scale, float shift, bool relu) {
  return relu && !(normal(centred, scale, shift) > 0) ? 0.0f : g;
}

/* gx = a * g + b * (x - mean) + c. */
__device__ inline float gradient(float g, float centred, float scale, float shift, float a, float b,
                                 float c, bool relu) {
  return fmaf(a, masked(g, centred, scale, shift, relu), fmaf(b, centred, c));
}

/* own_mean, own_invstd: of these channels, where they are not yet in memory for all. */
template <int V>
__device__ inline void get_lanes(lanes_of k, int64_t c, float *mean, float *scale, float *shift,
                                 const float *own_mean = NULL, const float *own_invstd = NULL) {
#pragma unroll
  for (int i = 0; i < V; i++) {
    float invstd = own_mean ? own_invstd[i] : k.invstd[c + i];
    mean[i] = own_mean ? own_mean[i] : k.mean[c + i];
    scale[i] = (k.weight ? k.weight[c + i] : 1.0f) * invstd;
    shift[i] = k.bias ? k.bias[c + i] : 0.0f;
  }
}

template <int V>
__device__ inline void normal_line(float *u, const float *mean, const float *scale,
                                   const float *shift, bool relu) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    u[v] = normal(u[v] - mean[v], scale[v], shift[v]);
    if (relu) u[v] = u[v] < 0 ? 0.0f : u[v];
  }
}

/* Adds to the sums of g and of g * (x - mean). */
template <int V>
__device__ inline void add_line(float *sg, float *sx, const float *g, const float *u,
                                const float *mean, const float *scale, const float *shift,
                                bool relu) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    float d = u[v] - mean[v], m = masked(g[v], d, scale[v], shift[v], relu);
    sg[v] += m;
    sx[v] = fmaf(m, d, sx[v]);
  }
}

/* a, b and c of the gradient; coefficients: 3 x channels. */
template <int V>
__device__ inline void get_coefficients(const float *coefficients, int64_t channels, int64_t c,
                                        float *ca, float *cb, float *cc) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    ca[v] = coefficients[c + v];
    cb[v] = coefficients[channels + c + v];
    cc[v] = coefficients[2 * channels + c + v];
  }
}

template <int V>
__device__ inline void gradient_line(float *g, const float *u, const float *mean,
                                     const float *scale, const float *shift, const float *ca,
                                     const float *cb, const float *cc, bool relu) {
#pragma unroll
  for (int v = 0; v < V; v++)
    g[v] = gradient(g[v], u[v] - mean[v], scale[v], shift[v], ca[v], cb[v], cc[v], relu);
}

/* ---- statistics of a channel ---- */

__device__ inline double count_all(const vg_cuda_bn &b) { return (double)(b.images * b.pixels); }

__device__ inline float inverse_deviation(const vg_cuda_bn &b, double variance) {
  return (float)(1.0 / sqrt(variance + (double)b.eps));
}

/* Of a batch; squares: the sum of squared distances from the centre. */
__device__ inline void put_stats(const vg_cuda_bn &b, int64_t c, double centre, double squares) {
  double n = count_all(b), m = (double)b.momentum;
  if (c == 0 && b.batches) ++*b.batches;
  b.mean[c] = (float)centre;
  b.invstd[c] = inverse_deviation(b, squares / n);
  if (!b.running_mean) return;
  b.running_mean[c] = (float)((1 - m) * (double)b.running_mean[c] + m * centre);
  b.running_var[c] = (float)((1 - m) * (double)b.running_var[c] + m * squares / (n - 1));
}

/* Where no pass over x is needed: from the sums which the convolution left, whose difference may
   come out below zero, or the running ones. put: also for everybody else. */
__device__ inline void known_stats(const vg_cuda_bn &b, int64_t c, bool put, float *mean,
                                   float *invstd) {
  double n = count_all(b), centre = 0, squares = 0;
  if (b.training) {
    centre = (double)b.sums[c] / n;
    squares = (double)b.sums[b.channels + c] - n * centre * centre;
    if (squares < 0) squares = 0;
  }
  *mean = b.training ? (float)centre : b.running_mean[c];
  *invstd = inverse_deviation(b, b.training ? squares / n : (double)b.running_var[c]);
  if (!put) return;
  if (b.training) put_stats(b, c, centre, squares);
  b.mean[c] = *mean;
  b.invstd[c] = *invstd;
}

__device__ inline bool are_known(const vg_cuda_bn &b) { return !b.training || b.sums; }

/* ---- NHWC: blocks of blockDim.x columns (lines of a row) by blockDim.y rows ---- */

struct place {
  int64_t column, channel, lo, hi; /* rows lo..hi of the chunk */
  bool inside;
};

/* The second kernel of a pair takes the chunks backwards: what was read last is still in the cache.
 */
template <int V>
__device__ inline place find(const vg_cuda_bn &b, int64_t chunk) {
  place p;
  p.column = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  p.channel = p.column * V;
  p.inside = p.channel < b.channels;
  p.lo = chunk * b.chunk;
  p.hi = p.lo + b.chunk < b.rows ? p.lo + b.chunk : b.rows;
  return p;
}

/* The lanes of a forward's last pass: what is known without a pass before it each block reckons for
   itself, and one of a column's for the backward. All threads call. */
template <int V>
__device__ inline void forward_lanes(const vg_cuda_bn &b, const place &p, float *mean, float *scale,
                                     float *shift) {
  __shared__ float all_mean[V * WIDEST], all_invstd[V * WIDEST];
  int thread = (int)(threadIdx.y * blockDim.x + threadIdx.x), lane = (int)threadIdx.x * V;
  int64_t first = p.channel - lane;
  if (are_known(b)) {
    for (int i = thread; i < (int)blockDim.x * V; i += THREADS)
      if (first + i < b.channels)
        known_stats(b, first + i, blockIdx.y == 0, &all_mean[i], &all_invstd[i]);
    __syncthreads();
  }
  if (!p.inside) return;
  get_lanes<V>(lanes_of{b.mean, b.invstd, b.weight, b.bias}, p.channel, mean, scale, shift,
               are_known(b) ? all_mean + lane : NULL, all_invstd + lane);
}

/* The same where a block owns a channel. */
__device__ inline void forward_lane(const vg_cuda_bn &b, float *mean, float *scale, float *shift) {
  __shared__ float one_mean, one_invstd;
  int64_t c = blockIdx.x;
  if (are_known(b)) {
    if (threadIdx.x == 0) known_stats(b, c, blockIdx.y == 0, &one_mean, &one_invstd);
    __syncthreads();
  }
  get_lanes<1>(lanes_of{b.mean, b.invstd, b.weight, b.bias}, c, mean, scale, shift,
               are_known(b) ? &one_mean : NULL, &one_invstd);
}

/* Adds up what the rows of threads of a block hold for each channel, and puts both sums, changed by
   `finish`, into the chunk's place. All threads call. */
template <int V, typename F>
__device__ inline void sum_rows(const vg_cuda_bn &b, const place &p, const float *a, const float *o,
                                F finish) {
  __shared__ float sa[V * THREADS], so[V * THREADS];
  int tx = (int)blockDim.x, ty = (int)blockDim.y,
      thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int v = 0; v < V; v++) {
    sa[v * THREADS + thread] = a[v];
    so[v * THREADS + thread] = o[v];
  }
  __syncthreads();
  for (int i = thread; i < tx * V; i += THREADS) {
    int v = i / tx, x = i % tx;
    int64_t c = ((int64_t)blockIdx.x * tx + x) * V + v;
    double ta = 0, to = 0;
    if (c >= b.channels) continue;
    for (int y = 0; y < ty; y++) {
      ta += (double)sa[v * THREADS + y * tx + x];
      to += (double)so[v * THREADS + y * tx + x];
    }
    finish(c, p, ta, to);
  }
}

/* The sums of g and of g * (x - mean) into the chunk's place. */
template <int V>
__device__ inline void put_sums(const vg_cuda_bn &b, const place &p, const float *sg,
                                const float *sx, double *part) {
  int64_t chunk = blockIdx.y;
  sum_rows<V>(b, p, sg, sx, [=](int64_t c, const place &, double g, double gx) {
    part[chunk * 2 * b.channels + c] = g;
    part[(chunk * 2 + 1) * b.channels + c] = gx;
  });
}

/* ---- launching ---- */

struct shape {
  dim3 grid, block;
};

template <int V>
inline shape shape_of(const vg_cuda_bn *b) {
  shape s;
  if (!b->nhwc) {
    s.grid = dim3((unsigned)b->channels, (unsigned)b->chunks);
    s.block = dim3(THREADS);
    return s;
  }
  s.block = dim3((unsigned)b->width, (unsigned)(THREADS / b->width));
  s.grid = dim3((unsigned)((b->channels / V + b->width - 1) / b->width), (unsigned)b->chunks);
  return s;
}

inline lanes_of lanes(const vg_cuda_bn *b) {
  return lanes_of{b->mean, b->invstd, b->weight, b->bias};
}

}  // namespace vg_bn

#endif
