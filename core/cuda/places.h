/* Maxima of windows and where in them they lie. C++, for .cu files only. */
#ifndef VG_CUDA_PLACES_H
#define VG_CUDA_PLACES_H

#include "cuda/device.h"

/* Maximum as PyTorch's: the first of equals, NaN wins (the last one). */
__device__ inline bool vg_wins(float v, float best) { return v > best || v != v; }

/* Of a window of 2 x 2. */
template <int V>
__device__ inline void vg_max_of_four(float *best, int32_t *at, const float u[4][V]) {
#pragma unroll
  for (int v = 0; v < V; v++) {
    best[v] = u[0][v];
    at[v] = 0;
#pragma unroll
    for (int k = 1; k < 4; k++)
      if (vg_wins(u[k][v], best[v])) best[v] = u[k][v], at[v] = k;
  }
}

/* Eight or four bytes at once where they belong to a line. */
template <int V, typename A>
__device__ inline void vg_put_places(A *arg, const int32_t *at) {
  if constexpr (sizeof(A) == 1 && V > 1) {
    uint32_t w[V / 4];
#pragma unroll
    for (int v = 0; v < V; v += 4)
      w[v / 4] = (uint32_t)at[v] | (uint32_t)at[v + 1] << 8 | (uint32_t)at[v + 2] << 16 |
                 (uint32_t)at[v + 3] << 24;
    if constexpr (V == 4)
      *(uint32_t *)arg = w[0];
    else
      *(uint2 *)arg = make_uint2(w[0], w[1]);
  } else {
#pragma unroll
    for (int v = 0; v < V; v++) arg[v] = (A)at[v];
  }
}
template <int V, typename A>
__device__ inline void vg_get_places(int32_t *at, const A *arg) {
  if constexpr (sizeof(A) == 1 && V > 1) {
    uint32_t w[V / 4];
    if constexpr (V == 4) {
      w[0] = *(const uint32_t *)arg;
    } else {
      uint2 both = *(const uint2 *)arg;
      w[0] = both.x, w[1] = both.y;
    }
#pragma unroll
    for (int v = 0; v < V; v++) at[v] = (int32_t)(w[v / 4] >> (8 * (v % 4)) & 255u);
  } else {
#pragma unroll
    for (int v = 0; v < V; v++) at[v] = (int32_t)arg[v];
  }
}

#endif
