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

/* Elements of T in a line. */
template <typename T>
struct vg_line {
  static const int size = 16 / sizeof(T);
};

/* N is 1 or the size of a line. */
template <int N>
__device__ inline void vg_load(float *out, const float *p) {
  static_assert(N == 1 || N == 4, "one element or a line");
  if constexpr (N == 1) {
    out[0] = *p;
  } else {
    float4 v = *(const float4 *)p;
    out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
  }
}
template <int N>
__device__ inline void vg_load(float *out, const vg_bf16 *p) {
  static_assert(N == 1 || N == 8, "one element or a line");
  if constexpr (N == 1) {
    out[0] = vg_bf16_load(*p);
  } else {
    uint4 v = *(const uint4 *)p;
    const uint32_t w[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      out[2 * i] = vg_from_bits(w[i] << 16);
      out[2 * i + 1] = vg_from_bits(w[i] & 0xffff0000u);
    }
  }
}
/* By intrinsics: a compiler may take an assignment of 16 bytes apart. */
template <int N>
__device__ inline void vg_store(float *p, const float *in) {
  if constexpr (N == 1)
    *p = in[0];
  else
    __stwb((float4 *)p, make_float4(in[0], in[1], in[2], in[3]));
}
template <int N>
__device__ inline void vg_store(vg_bf16 *p, const float *in) {
  if constexpr (N == 1)
    *p = vg_bf16_store(in[0]);
  else
    __stwb((uint4 *)p, make_uint4(vg_bf16_pair(in[0], in[1]), vg_bf16_pair(in[2], in[3]),
                                  vg_bf16_pair(in[4], in[5]), vg_bf16_pair(in[6], in[7])));
}
/* A line of values becomes what memory of T would give back. */
template <typename T>
__device__ inline void vg_round(float *v) {
  if constexpr (sizeof(T) == 2) {
#pragma unroll
    for (int i = 0; i < vg_line<T>::size; i += 2) {
      uint32_t w = vg_bf16_pair(v[i], v[i + 1]);
      v[i] = vg_from_bits(w << 16);
      v[i + 1] = vg_from_bits(w & 0xffff0000u);
    }
  }
}
/* As many bytes as the line they come from had elements. */
template <int N>
__device__ inline void vg_store(uint8_t *p, const float *in) {
  uint32_t w[N < 4 ? 1 : N / 4] = {0};
  if constexpr (N == 1) {
    *p = (uint8_t)in[0];
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) w[i / 4] |= (uint32_t)(uint8_t)in[i] << (8 * (i % 4));
    if constexpr (N == 4)
      *(uint32_t *)p = w[0];
    else
      *(uint2 *)p = make_uint2(w[0], w[1]);
  }
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
