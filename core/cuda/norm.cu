/* Batch normalisation with an optional ReLU. NHWC: a thread owns the channels of one line of 16
   bytes and walks down the rows; plain: a block owns a channel. */
#include "cuda/norm_device.h"

namespace {

using namespace vg_bn;

/* ---- NHWC ---- */

/* Sum and sum of squared deviations of a chunk, reckoned from its first value. */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS) stats_nhwc(vg_cuda_bn b, const T *x, double *part) {
  place p = find<V>(b, blockIdx.y);
  float sum[V], squares[V], first[V];
#pragma unroll
  for (int v = 0; v < V; v++) sum[v] = squares[v] = first[v] = 0;
  if (p.inside) {
    vg_load<V>(first, x + p.lo * b.channels + p.channel);
#pragma unroll 4
    for (int64_t r = p.lo + threadIdx.y; r < p.hi; r += blockDim.y) {
      float u[V];
      vg_load<V>(u, x + r * b.channels + p.channel);
#pragma unroll
      for (int v = 0; v < V; v++) {
        float d = u[v] - first[v];
        sum[v] += d;
        squares[v] = fmaf(d, d, squares[v]);
      }
    }
  }
  int64_t chunk = blockIdx.y;
  sum_rows<V>(b, p, sum, squares, [=](int64_t c, const place &q, double s, double s2) {
    double n = (double)(q.hi - q.lo), k = (double)vg_get(x[q.lo * b.channels + c]);
    part[chunk * 2 * b.channels + c] = n * k + s;
    part[(chunk * 2 + 1) * b.channels + c] = s2 - s * s / n;
  });
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS) apply_nhwc(vg_cuda_bn b, T *y, const T *x) {
  place p = find<V>(b, (int64_t)gridDim.y - 1 - blockIdx.y);
  float mean[V], scale[V], shift[V];
  forward_lanes<V>(b, p, mean, scale, shift);
  if (!p.inside) return;
  int64_t r = p.hi - 1 - threadIdx.y, down = blockDim.y;
  for (; r - down >= p.lo; r -= 2 * down) { /* two rows: both loads are under way before a store */
    float u[V], o[V];
    vg_load<V>(u, x + r * b.channels + p.channel);
    vg_load<V>(o, x + (r - down) * b.channels + p.channel);
    normal_line<V>(u, mean, scale, shift, b.relu);
    normal_line<V>(o, mean, scale, shift, b.relu);
    vg_store<V>(y + r * b.channels + p.channel, u);
    vg_store<V>(y + (r - down) * b.channels + p.channel, o);
  }
  if (r >= p.lo) {
    float u[V];
    vg_load<V>(u, x + r * b.channels + p.channel);
    normal_line<V>(u, mean, scale, shift, b.relu);
    vg_store<V>(y + r * b.channels + p.channel, u);
  }
}

/* Sums of g and of g * (x - mean). */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    sums_nhwc(vg_cuda_bn b, const T *gy, const T *x, lanes_of k, double *part) {
  place p = find<V>(b, blockIdx.y);
  float mean[V], scale[V], shift[V], sg[V], sx[V];
#pragma unroll
  for (int v = 0; v < V; v++) sg[v] = sx[v] = 0;
  if (p.inside) {
    get_lanes<V>(k, p.channel, mean, scale, shift);
#pragma unroll 2
    for (int64_t r = p.lo + threadIdx.y; r < p.hi; r += blockDim.y) {
      float g[V], u[V];
      vg_load<V>(g, gy + r * b.channels + p.channel);
      vg_load<V>(u, x + r * b.channels + p.channel);
      add_line<V>(sg, sx, g, u, mean, scale, shift, b.relu);
    }
  }
  put_sums<V>(b, p, sg, sx, part);
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    bwd_nhwc(vg_cuda_bn b, T *gx, const T *gy, const T *x, lanes_of k, const float *coefficients) {
  place p = find<V>(b, (int64_t)gridDim.y - 1 - blockIdx.y);
  float mean[V], scale[V], shift[V], ca[V], cb[V], cc[V];
  if (!p.inside) return;
  get_lanes<V>(k, p.channel, mean, scale, shift);
  get_coefficients<V>(coefficients, b.channels, p.channel, ca, cb, cc);
  for (int64_t r = p.hi - 1 - threadIdx.y; r >= p.lo; r -= blockDim.y) {
    float g[V], u[V];
    vg_load<V>(g, gy + r * b.channels + p.channel);
    vg_load<V>(u, x + r * b.channels + p.channel);
    gradient_line<V>(g, u, mean, scale, shift, ca, cb, cc, b.relu);
    vg_store<V>(gx + r * b.channels + p.channel, g);
  }
}

/* ---- plain: blocks x over the channels, y over chunks of images ---- */

/* Calls f(offset) for every line of V elements of the block's channel and chunk. */
template <int V, typename F>
__device__ inline void each_plain(const vg_cuda_bn &b, int64_t chunk, F f) {
  int64_t c = blockIdx.x, first = chunk * b.chunk;
  int64_t images = first + b.chunk < b.images ? b.chunk : b.images - first;
  uint32_t lines = (uint32_t)(b.pixels / V);
  for (int64_t i = threadIdx.x; i < images * lines; i += THREADS) {
    int64_t image = images * lines < (int64_t)1 << 31 ? (int64_t)((uint32_t)i / lines) : i / lines;
    f(((first + image) * b.channels + c) * b.pixels + (i - image * lines) * V);
  }
}

__device__ inline double chunk_count(const vg_cuda_bn &b, int64_t chunk) {
  int64_t first = chunk * b.chunk, images = first + b.chunk < b.images ? b.chunk : b.images - first;
  return (double)(images * b.pixels);
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS) stats_plain(vg_cuda_bn b, const T *x, double *part) {
  int64_t chunk = blockIdx.y, c = blockIdx.x;
  float k = vg_get(x[(chunk * b.chunk * b.channels + c) * b.pixels]), sum = 0, squares = 0;
  each_plain<V>(b, chunk, [&](int64_t at) {
    float u[V];
    vg_load<V>(u, x + at);
#pragma unroll
    for (int v = 0; v < V; v++) {
      float d = u[v] - k;
      sum += d;
      squares = fmaf(d, d, squares);
    }
  });
  double s = vg_block_sum((double)sum), s2 = vg_block_sum((double)squares);
  double n = chunk_count(b, chunk);
  if (threadIdx.x) return;
  part[chunk * 2 * b.channels + c] = n * (double)k + s;
  part[(chunk * 2 + 1) * b.channels + c] = s2 - s * s / n;
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS) apply_plain(vg_cuda_bn b, T *y, const T *x) {
  float mean, scale, shift;
  forward_lane(b, &mean, &scale, &shift);
  each_plain<V>(b, (int64_t)gridDim.y - 1 - blockIdx.y, [&](int64_t at) {
    float u[V];
    vg_load<V>(u, x + at);
#pragma unroll
    for (int v = 0; v < V; v++) {
      u[v] = normal(u[v] - mean, scale, shift);
      if (b.relu) u[v] = u[v] < 0 ? 0.0f : u[v];
    }
    vg_store<V>(y + at, u);
  });
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    sums_plain(vg_cuda_bn b, const T *gy, const T *x, lanes_of k, double *part) {
  float mean, scale, shift, sg = 0, sx = 0;
  int64_t chunk = blockIdx.y, c = blockIdx.x;
  get_lanes<1>(k, c, &mean, &scale, &shift);
  each_plain<V>(b, chunk, [&](int64_t at) {
    float g[V], u[V];
    vg_load<V>(g, gy + at);
    vg_load<V>(u, x + at);
#pragma unroll
    for (int v = 0; v < V; v++) {
      float d = u[v] - mean, m = masked(g[v], d, scale, shift, b.relu);
      sg += m;
      sx = fmaf(m, d, sx);
    }
  });
  double tg = vg_block_sum((double)sg), tx = vg_block_sum((double)sx);
  if (threadIdx.x) return;
  part[chunk * 2 * b.channels + c] = tg;
  part[(chunk * 2 + 1) * b.channels + c] = tx;
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    bwd_plain(vg_cuda_bn b, T *gx, const T *gy, const T *x, lanes_of k, const float *coefficients) {
  float mean, scale, shift, ca = coefficients[blockIdx.x],
                            cb = coefficients[b.channels + blockIdx.x],
                            cc = coefficients[2 * b.channels + blockIdx.x];
  get_lanes<1>(k, blockIdx.x, &mean, &scale, &shift);
  each_plain<V>(b, (int64_t)gridDim.y - 1 - blockIdx.y, [&](int64_t at) {
    float g[V], u[V];
    vg_load<V>(g, gy + at);
    vg_load<V>(u, x + at);
#pragma unroll
    for (int v = 0; v < V; v++)
      g[v] = gradient(g[v], u[v] - mean, scale, shift, ca, cb, cc, b.relu);
    vg_store<V>(gx + at, g);
  });
}

/* ---- from the chunks to the channels: 32 channels by some runs of chunks a block ---- */

/* Hundreds of chunks: many loads must be under way at once. */
const int RUNS = 16;

/* Values in a chunk, of whichever form. */
__device__ inline double count_of(const vg_cuda_bn &b, int64_t chunk) {
  int64_t whole = b.nhwc ? b.rows : b.images, first = chunk * b.chunk;
  int64_t n = first + b.chunk < whole ? b.chunk : whole - first;
  return (double)n * (b.nhwc ? 1.0 : (double)b.pixels);
}

/* The sum over the runs, in every thread of the column. */
__device__ inline double column_sum(double v) {
  __shared__ double all[RUNS][33];
  __syncthreads();
  all[threadIdx.y][threadIdx.x] = v;
  __syncthreads();
  v = 0;
  for (int y = 0; y < RUNS; y++) v += all[y][threadIdx.x];
  return v;
}

__device__ inline double sum_of(const vg_cuda_bn &b, const double *part, int64_t c, int which) {
  double s = 0;
  if (c < b.channels) {
#pragma unroll 8
    for (int64_t k = threadIdx.y; k < b.chunks; k += RUNS)
      s += part[(k * 2 + which) * b.channels + c];
  }
  return column_sum(s);
}

__global__ void __launch_bounds__(32 * RUNS) finish_stats(vg_cuda_bn b, const double *part) {
  int64_t c = (int64_t)blockIdx.x * 32 + threadIdx.x;
  double centre = sum_of(b, part, c, 0) / count_all(b), squares = 0;
  if (c < b.channels) {
#pragma unroll 8
    for (int64_t k = threadIdx.y; k < b.chunks; k += RUNS) {
      double nk = count_of(b, k), d = part[k * 2 * b.channels + c] - nk * centre;
      squares += part[(k * 2 + 1) * b.channels + c] + d * d / nk;
    }
  }
  squares = column_sum(squares);
  if (threadIdx.y || c >= b.channels) return;
  put_stats(b, c, centre, squares);
}

/* part NULL: statistics which do not depend on x, and nobody wants the sums. */
__global__ void __launch_bounds__(32 * RUNS)
    finish_sums(vg_cuda_bn b, const double *part, lanes_of k, float *coefficients, float *gweight,
                float *gbias) {
  int64_t c = (int64_t)blockIdx.x * 32 + threadIdx.x;
  double sg = 0, sx = 0, n = count_all(b);
  if (part) {
    sg = sum_of(b, part, c, 0);
    sx = sum_of(b, part, c, 1);
  }
  if (threadIdx.y || c >= b.channels) return;
  double is = (double)k.invstd[c];
  float a = (k.weight ? k.weight[c] : 1.0f) * k.invstd[c];
  if (gbias) gbias[c] = (float)sg;
  if (gweight) gweight[c] = (float)(sx * is);
  coefficients[c] = a;
  coefficients[b.channels + c] = b.training ? (float)(-(double)a * is * is * sx / n) : 0.0f;
  coefficients[2 * b.channels + c] = b.training ? (float)(-(double)a * sg / n) : 0.0f;
}

/* ---- launching ---- */

/* What the forward's last pass cannot make by itself. */
template <typename T, int V>
void launch_stats(const vg_cuda_bn *b, const T *x, double *part, cudaStream_t stream) {
  shape s = shape_of<V>(b);
  if (!b->training || b->sums) return;
  if (b->nhwc)
    VG_LAUNCH((stats_nhwc<T, V>), s.grid, s.block, 0, stream, *b, x, part);
  else
    VG_LAUNCH((stats_plain<T, V>), s.grid, s.block, 0, stream, *b, x, part);
  VG_LAUNCH(finish_stats, (unsigned)((b->channels + 31) / 32), dim3(32, RUNS), 0, stream, *b, part);
}

template <typename T, int V>
void launch_fwd(const vg_cuda_bn *b, T *y, const T *x, double *part, cudaStream_t stream) {
  shape s = shape_of<V>(b);
  launch_stats<T, V>(b, x, part, stream);
  if (b->nhwc)
    VG_LAUNCH((apply_nhwc<T, V>), s.grid, s.block, 0, stream, *b, y, x);
  else
    VG_LAUNCH((apply_plain<T, V>), s.grid, s.block, 0, stream, *b, y, x);
}

/* part: the sums, or NULL. */
void launch_finish(const vg_cuda_bn *b, const double *part, float *coefficients, float *gweight,
                   float *gbias, cudaStream_t stream) {
  VG_LAUNCH(finish_sums, (unsigned)((b->channels + 31) / 32), dim3(32, RUNS), 0, stream, *b, part,
            lanes(b), coefficients, gweight, gbias);
}

template <typename T, int V>
void launch_bwd(const vg_cuda_bn *b, T *gx, const T *gy, const T *x, double *part,
                float *coefficients, float *gweight, float *gbias, cudaStream_t stream) {
  shape s = shape_of<V>(b);
  bool sums = b->training || gweight || gbias;
  if (sums && b->nhwc)
    VG_LAUNCH((sums_nhwc<T, V>), s.grid, s.block, 0, stream, *b, gy, x, lanes(b), part);
  else if (sums)
    VG_LAUNCH((sums_plain<T, V>), s.grid, s.block, 0, stream, *b, gy, x, lanes(b), part);
  launch_finish(b, sums ? part : NULL, coefficients, gweight, gbias, stream);
  if (!gx) return;
  if (b->nhwc)
    VG_LAUNCH((bwd_nhwc<T, V>), s.grid, s.block, 0, stream, *b, gx, gy, x, lanes(b), coefficients);
  else
    VG_LAUNCH((bwd_plain<T, V>), s.grid, s.block, 0, stream, *b, gx, gy, x, lanes(b), coefficients);
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_bn_stats(const vg_cuda_bn *b, const void *x, double *part,
                             cudaStream_t stream) {
  if (b->half)
    launch_stats<vg_bf16, 8>(b, (const vg_bf16 *)x, part, stream);
  else
    launch_stats<float, 4>(b, (const float *)x, part, stream);
  return cudaGetLastError();
}

cudaError_t vg_cuda_bn_finish(const vg_cuda_bn *b, const double *part, float *coefficients,
                              float *gweight, float *gbias, cudaStream_t stream) {
  launch_finish(b, part, coefficients, gweight, gbias, stream);
  return cudaGetLastError();
}

cudaError_t vg_cuda_bn_fwd(const vg_cuda_bn *b, void *y, const void *x, double *part,
                           cudaStream_t stream) {
  float *yf = (float *)y;
  const float *xf = (const float *)x;
  vg_bf16 *yh = (vg_bf16 *)y;
  const vg_bf16 *xh = (const vg_bf16 *)x;
  if (b->half && b->line)
    launch_fwd<vg_bf16, 8>(b, yh, xh, part, stream);
  else if (b->half)
    launch_fwd<vg_bf16, 1>(b, yh, xh, part, stream);
  else if (b->line)
    launch_fwd<float, 4>(b, yf, xf, part, stream);
  else
    launch_fwd<float, 1>(b, yf, xf, part, stream);
  return cudaGetLastError();
}

cudaError_t vg_cuda_bn_bwd(const vg_cuda_bn *b, void *gx, const void *gy, const void *x,
                           double *part, float *coefficients, float *gweight, float *gbias,
                           cudaStream_t stream) {
  float *to = (float *)gx;
  const float *gf = (const float *)gy, *xf = (const float *)x;
  vg_bf16 *toh = (vg_bf16 *)gx;
  const vg_bf16 *gh = (const vg_bf16 *)gy, *xh = (const vg_bf16 *)x;
  if (b->half && b->line)
    launch_bwd<vg_bf16, 8>(b, toh, gh, xh, part, coefficients, gweight, gbias, stream);
  else if (b->half)
    launch_bwd<vg_bf16, 1>(b, toh, gh, xh, part, coefficients, gweight, gbias, stream);
  else if (b->line)
    launch_bwd<float, 4>(b, to, gf, xf, part, coefficients, gweight, gbias, stream);
  else
    launch_bwd<float, 1>(b, to, gf, xf, part, coefficients, gweight, gbias, stream);
  return cudaGetLastError();
}

}  // extern "C"
