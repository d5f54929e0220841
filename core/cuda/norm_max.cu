/* Batch normalisation, ReLU and the maximum of windows of 2 x 2 in one pass, in NHWC: what norm.cu
   and pool.cu give one after the other. A thread owns the channels of a line and walks over
   squares: the 2 x 2 pixels of a window, and at an odd edge the pixels that have none. */
#include "cuda/norm_device.h"
#include "cuda/places.h"

namespace {

using namespace vg_bn;

/* Offsets in elements. Pixels that an odd edge lacks are the square's first once more: without a
   window none of the four gets a gradient, so that they add nothing and are written alike. */
struct square {
  int64_t x[4];
  int64_t window; /* in the pooled map, -1: none */
};

template <typename I>
__device__ inline square split(const vg_cuda_bn_windows &m, int64_t row, int64_t channel) {
  I wide = (I)(m.w + 1) / 2, tall = (I)(m.h + 1) / 2, rest = (I)row / wide;
  int64_t j = (int64_t)((I)row - rest * wide), image = (int64_t)(rest / tall),
          i = (int64_t)(rest % tall), channels = m.b.channels;
  int64_t right = 2 * j + 1 < m.w ? channels : 0, below = 2 * i + 1 < m.h ? m.w * channels : 0;
  square s;
  s.x[0] = ((image * m.h + 2 * i) * m.w + 2 * j) * channels + channel;
  s.x[1] = s.x[0] + right;
  s.x[2] = s.x[0] + below;
  s.x[3] = s.x[2] + right;
  s.window = -1;
  if (right && below) s.window = ((image * (m.h / 2) + i) * (m.w / 2) + j) * channels + channel;
  return s;
}

__device__ inline square square_of(const vg_cuda_bn_windows &m, int64_t row, int64_t channel) {
  /* divisions of 32 bits are far cheaper */
  return m.small ? split<uint32_t>(m, row, channel) : split<int64_t>(m, row, channel);
}

template <typename T, int V>
__device__ inline void load_square(float u[4][V], const T *x, const square &s) {
#pragma unroll
  for (int k = 0; k < 4; k++) vg_load<V>(u[k], x + s.x[k]);
}

/* What reaches each channel of the window, and the pixel that it goes to. */
template <typename T, int V>
__device__ inline void load_window(float *g, int32_t *at, const T *gy, const uint8_t *arg,
                                   const square &s) {
#pragma unroll
  for (int v = 0; v < V; v++) g[v] = 0, at[v] = 0;
  if (s.window < 0) return;
  vg_load<V>(g, gy + s.window);
  vg_get_places<V>(at, arg + s.window);
}
template <int V>
__device__ inline void sent_to(int k, float *g, const float *all, const int32_t *at) {
#pragma unroll
  for (int v = 0; v < V; v++) g[v] = at[v] == k ? all[v] : 0.0f;
}

/* arg: which of the four, NULL: no backward follows. */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    norm_max_fwd(vg_cuda_bn_windows m, T *y, uint8_t *arg, const T *x) {
  place p = find<V>(m.b, (int64_t)gridDim.y - 1 - blockIdx.y);
  float mean[V], scale[V], shift[V];
  forward_lanes<V>(m.b, p, mean, scale, shift);
  if (!p.inside) return;
  for (int64_t r = p.hi - 1 - threadIdx.y; r >= p.lo; r -= blockDim.y) {
    square s = square_of(m, r, p.channel);
    float u[4][V], best[V];
    int32_t at[V];
    if (s.window < 0) continue;
    load_square<T, V>(u, x, s);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      normal_line<V>(u[i], mean, scale, shift, m.b.relu);
      vg_round<T>(u[i]);
    }
    vg_max_of_four<V>(best, at, u);
    vg_store<V>(y + s.window, best);
    if (arg) vg_put_places<V>(arg + s.window, at);
  }
}

/* Sums of g and of g * (x - mean). All pixels take part: a NaN in x reaches the sums whatever the
   gradient. */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    norm_max_sums(vg_cuda_bn_windows m, const T *gy, const uint8_t *arg, const T *x, lanes_of k,
                  double *part) {
  place p = find<V>(m.b, blockIdx.y);
  float mean[V], scale[V], shift[V], sg[V], sx[V];
#pragma unroll
  for (int v = 0; v < V; v++) sg[v] = sx[v] = 0;
  if (p.inside) {
    get_lanes<V>(k, p.channel, mean, scale, shift);
    for (int64_t r = p.lo + threadIdx.y; r < p.hi; r += blockDim.y) {
      square s = square_of(m, r, p.channel);
      float all[V], g[V], u[4][V];
      int32_t at[V];
      load_square<T, V>(u, x, s);
      load_window<T, V>(all, at, gy, arg, s);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sent_to<V>(i, g, all, at);
        add_line<V>(sg, sx, g, u[i], mean, scale, shift, m.b.relu);
      }
    }
  }
  put_sums<V>(m.b, p, sg, sx, part);
}

template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    norm_max_bwd(vg_cuda_bn_windows m, T *gx, const T *gy, const uint8_t *arg, const T *x,
                 lanes_of k, const float *coefficients) {
  place p = find<V>(m.b, (int64_t)gridDim.y - 1 - blockIdx.y);
  float mean[V], scale[V], shift[V], ca[V], cb[V], cc[V];
  if (!p.inside) return;
  get_lanes<V>(k, p.channel, mean, scale, shift);
  get_coefficients<V>(coefficients, m.b.channels, p.channel, ca, cb, cc);
  for (int64_t r = p.hi - 1 - threadIdx.y; r >= p.lo; r -= blockDim.y) {
    square s = square_of(m, r, p.channel);
    float all[V], g[V], u[4][V]; /* all loads are under way before a store */
    int32_t at[V];
    load_square<T, V>(u, x, s);
    load_window<T, V>(all, at, gy, arg, s);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sent_to<V>(i, g, all, at);
      gradient_line<V>(g, u[i], mean, scale, shift, ca, cb, cc, m.b.relu);
      vg_store<V>(gx + s.x[i], g);
    }
  }
}

/* ---- launching ---- */

template <typename T>
void launch_fwd(const vg_cuda_bn_windows *m, void *y, uint8_t *arg, const void *x, cudaStream_t s) {
  const int V = vg_line<T>::size;
  shape at = shape_of<V>(&m->b);
  VG_LAUNCH((norm_max_fwd<T, V>), at.grid, at.block, 0, s, *m, (T *)y, arg, (const T *)x);
}

template <typename T>
void launch_sums(const vg_cuda_bn_windows *m, const void *gy, const uint8_t *arg, const void *x,
                 double *part, cudaStream_t s) {
  const int V = vg_line<T>::size;
  shape at = shape_of<V>(&m->b);
  VG_LAUNCH((norm_max_sums<T, V>), at.grid, at.block, 0, s, *m, (const T *)gy, arg, (const T *)x,
            lanes(&m->b), part);
}

template <typename T>
void launch_bwd(const vg_cuda_bn_windows *m, void *gx, const void *gy, const uint8_t *arg,
                const void *x, const float *coefficients, cudaStream_t s) {
  const int V = vg_line<T>::size;
  shape at = shape_of<V>(&m->b);
  VG_LAUNCH((norm_max_bwd<T, V>), at.grid, at.block, 0, s, *m, (T *)gx, (const T *)gy, arg,
            (const T *)x, lanes(&m->b), coefficients);
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_bn_max_fwd(const vg_cuda_bn_windows *m, void *y, uint8_t *arg, const void *x,
                               cudaStream_t stream) {
  if (m->b.half)
    launch_fwd<vg_bf16>(m, y, arg, x, stream);
  else
    launch_fwd<float>(m, y, arg, x, stream);
  return cudaGetLastError();
}

cudaError_t vg_cuda_bn_max_sums(const vg_cuda_bn_windows *m, const void *gy, const uint8_t *arg,
                                const void *x, double *part, cudaStream_t stream) {
  if (m->b.half)
    launch_sums<vg_bf16>(m, gy, arg, x, part, stream);
  else
    launch_sums<float>(m, gy, arg, x, part, stream);
  return cudaGetLastError();
}

cudaError_t vg_cuda_bn_max_bwd(const vg_cuda_bn_windows *m, void *gx, const void *gy,
                               const uint8_t *arg, const void *x, const float *coefficients,
                               cudaStream_t stream) {
  if (m->b.half)
    launch_bwd<vg_bf16>(m, gx, gy, arg, x, coefficients, stream);
  else
    launch_bwd<float>(m, gx, gy, arg, x, coefficients, stream);
  return cudaGetLastError();
}

}  // extern "C"
