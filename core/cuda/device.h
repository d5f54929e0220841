/* What the .cu files share: values of any element type, lines of 16 bytes, sums over warps and
   blocks in a fixed order, walks over strided tensors. C++, for .cu files only. */
#ifndef VG_CUDA_DEVICE_H
#define VG_CUDA_DEVICE_H

#include "base/kinds.h"
#include "base/scalar.h"
#include "cuda/bf16.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

/* ---- elements ---- */

__device__ inline float vg_get(float v) { return v; }
__device__ inline float vg_get(vg_bf16 v) { return vg_bf16_load(v); }
__device__ inline void vg_put(float *p, float v) { *p = v; }
__device__ inline void vg_put(vg_bf16 *p, float v) { *p = vg_bf16_store(v); }
__device__ inline void vg_put(uint8_t *p, float v) { *p = (uint8_t)v; }

/* Element i of memory of a dtype, with the CPU's rules of conversion. */
__device__ inline float vg_get_float(int dtype, const void *p, int64_t i) {
  return dtype == VG_F32 ? ((const float *)p)[i] : vg_bf16_to_f32(((const uint16_t *)p)[i]);
}
__device__ inline int64_t vg_get_whole(int dtype, const void *p, int64_t i) {
  return dtype == VG_I64 ? ((const int64_t *)p)[i] : (int64_t)((const uint8_t *)p)[i];
}
__device__ inline void vg_put_float(int dtype, void *p, int64_t i, float v) {
  switch (dtype) {
    case VG_F32: ((float *)p)[i] = v; break;
    case VG_BF16: ((vg_bf16 *)p)[i] = vg_bf16_store(v); break;
    case VG_I64: ((int64_t *)p)[i] = vg_f32_to_i64(v); break;
    default: ((uint8_t *)p)[i] = (uint8_t)vg_f32_to_i64(v); break;
  }
}
__device__ inline void vg_put_whole(int dtype, void *p, int64_t i, int64_t v) {
  switch (dtype) {
    case VG_F32: ((float *)p)[i] = (float)v; break;
    case VG_BF16: ((vg_bf16 *)p)[i] = vg_bf16_store((float)v); break;
    case VG_I64: ((int64_t *)p)[i] = v; break;
    default: ((uint8_t *)p)[i] = (uint8_t)v; break;
  }
}
VG_HD bool vg_is_whole(int dtype) { return dtype == VG_I64 || dtype == VG_U8; }

/* ---- lines: 16 bytes read or written at once ---- */

template <typename T, int N>
struct alignas(sizeof(T) * N) vg_pack {
  T v[N];
};

/* Elements of T in a line. */
template <typename T>
struct vg_line {
  static const int size = 16 / sizeof(T);
};

template <int N>
__device__ inline void vg_load(float *out, const float *p) {
  vg_pack<float, N> line = *(const vg_pack<float, N> *)p;
#pragma unroll
  for (int i = 0; i < N; i++) out[i] = line.v[i];
}
template <int N>
__device__ inline void vg_load(float *out, const vg_bf16 *p) {
  if (N == 1) {
    out[0] = vg_bf16_load(*p);
    return;
  }
  vg_pack<uint32_t, N / 2 ? N / 2 : 1> line = *(const vg_pack<uint32_t, N / 2 ? N / 2 : 1> *)p;
#pragma unroll
  for (int i = 0; i < N / 2; i++) {
    out[2 * i] = vg_from_bits(line.v[i] << 16);
    out[2 * i + 1] = vg_from_bits(line.v[i] & 0xffff0000u);
  }
}
template <int N>
__device__ inline void vg_store(float *p, const float *in) {
  vg_pack<float, N> line;
#pragma unroll
  for (int i = 0; i < N; i++) line.v[i] = in[i];
  *(vg_pack<float, N> *)p = line;
}
template <int N>
__device__ inline void vg_store(vg_bf16 *p, const float *in) {
  if (N == 1) {
    *p = vg_bf16_store(in[0]);
    return;
  }
  vg_pack<uint32_t, N / 2 ? N / 2 : 1> line;
#pragma unroll
  for (int i = 0; i < N / 2; i++) line.v[i] = vg_bf16_pair(in[2 * i], in[2 * i + 1]);
  *(vg_pack < uint32_t, N / 2 ? N / 2 : 1 > *)p = line;
}
template <int N>
__device__ inline void vg_store(uint8_t *p, const float *in) {
  vg_pack<uint8_t, N> line;
#pragma unroll
  for (int i = 0; i < N; i++) line.v[i] = (uint8_t)in[i];
  *(vg_pack<uint8_t, N> *)p = line;
}

static inline bool vg_aligned(const void *p) { return ((uintptr_t)p & 15) == 0; }

/* ---- sizes of grids: kernels step through their work, so a limit is no loss ---- */

static inline unsigned vg_blocks(int64_t items, int64_t per_block) {
  int64_t n = (items + per_block - 1) / per_block;
  return (unsigned)(n < 1 ? 1 : n > 4096 ? 4096 : n);
}
#define VG_FOR(i, n)                                               \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, \
               vg_step_ = (int64_t)gridDim.x * blockDim.x;         \
       i < (n); i += vg_step_)

/* ---- sums in a fixed order ---- */

template <typename T>
__device__ inline T vg_warp_sum(T v) {
#pragma unroll
  for (int d = 16; d; d /= 2) v += __shfl_xor_sync(0xffffffffu, v, d);
  return v;
}

/* The sum over a block of whole warps, in every thread; all of them must call. */
template <typename T>
__device__ inline T vg_block_sum(T v) {
  __shared__ T part[32];
  int warps = (int)(blockDim.x * blockDim.y) / 32;
  int thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
  v = vg_warp_sum(v);
  __syncthreads();
  if (thread % 32 == 0) part[thread / 32] = v;
  __syncthreads();
  v = 0;
  for (int i = 0; i < warps; i++) v += part[i];
  return v;
}

/* ---- faults ---- */

/* The first position of all that are noted is kept. */
__device__ inline void vg_note_fault(vg_cuda_fault *fault, int64_t position) {
  atomicExch((int *)&fault->code, 1);
  atomicMax((unsigned long long *)&fault->position, ~(unsigned long long)position);
}

/* ---- strided walks ---- */

/* Offsets of element i in every operand; I: the type of the divisions. */
template <typename I, int N>
__device__ inline void vg_walk_offsets(int64_t *at, const vg_cuda_walk &w, int64_t i) {
  I rest = (I)i;
#pragma unroll
  for (int k = 0; k < N; k++) at[k] = 0;
  for (int d = w.ndim - 1; d > 0; d--) {
    I q = rest / (I)w.shape[d], r = rest - q * (I)w.shape[d];
#pragma unroll
    for (int k = 0; k < N; k++) at[k] += (int64_t)r * w.stride[k][d];
    rest = q;
  }
#pragma unroll
  for (int k = 0; k < N; k++) at[k] += (int64_t)rest * w.stride[k][0];
}

#endif
