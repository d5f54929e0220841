/* Fill, unary, binary and where. Operands that are contiguous floats of one type go through flat
   kernels, one an operation, 16 bytes at a time; everything else (any strides, any types) through a
   walk that decides per element. */
#include "base/elements.h"
#include "cuda/device.h"

namespace {

const int THREADS = 256;

/* ---- the operations ---- */

#define UNARY_FUNCTOR(KIND, EXPR)                                 \
  struct U_##KIND {                                               \
    static __device__ inline float f(float u, float p, float q) { \
      (void)u, (void)p, (void)q;                                  \
      return EXPR;                                                \
    }                                                             \
  };
VG_UNARY_F32(UNARY_FUNCTOR)

enum { NEITHER, INPUT, RESULT };
#define SLOPE_FUNCTOR(KIND, NEEDS, EXPR)                                            \
  struct G_##KIND {                                                                 \
    static const int needs = NEEDS;                                                 \
    static __device__ inline float f(float u, float v, float w, float p, float q) { \
      (void)u, (void)v, (void)w, (void)p, (void)q;                                  \
      return EXPR;                                                                  \
    }                                                                               \
  };
VG_UNARY_BWD_F32(SLOPE_FUNCTOR)

#define BINARY_FUNCTOR(KIND, EXPR)                                      \
  struct B_##KIND {                                                     \
    static __device__ inline float f(float u, float v) { return EXPR; } \
  };
VG_BINARY_F32(BINARY_FUNCTOR)

#define UNARY_CASE(KIND, EXPR) \
  case VG_##KIND: return U_##KIND::f(u, p, q);
__device__ float unary_float(int op, float u, float p, float q) {
  switch (op) { VG_UNARY_F32(UNARY_CASE) }
  return u;
}

#define SLOPE_CASE(KIND, NEEDS, EXPR) \
  case VG_##KIND: return G_##KIND::f(u, v, v, p, q);
__device__ float slope_float(int op, float u, float v, float p, float q) {
  switch (op) { VG_UNARY_BWD_F32(SLOPE_CASE) }
  return u;
}

#define BINARY_CASE(KIND, EXPR) \
  case VG_##KIND: return B_##KIND::f(u, v);
__device__ float binary_float(int op, float u, float v) {
  switch (op) { VG_BINARY_F32(BINARY_CASE) }
  return u;
}

#define WHOLE_CASE(KIND, EXPR) \
  case VG_##KIND: return (int64_t)(EXPR);
__device__ int64_t unary_whole(int op, int64_t u, int64_t p, int64_t q) {
  (void)p, (void)q;
  switch (op) { VG_UNARY_I64(WHOLE_CASE) }
  return u;
}
__device__ int64_t binary_whole(int op, int64_t u, int64_t v) {
  switch (op) { VG_BINARY_I64(WHOLE_CASE) }
  return u;
}

/* ---- any strides, any types ---- */

struct unary_any {
  static const int operands = 2;
  int op;
  float p, q;
  int64_t wp, wq;
  __device__ void run(const vg_cuda_walk &w, const int64_t *at) const {
    if (vg_is_whole(w.dtype[1]))
      vg_put_whole(w.dtype[0], w.base[0], at[0],
                   unary_whole(op, vg_get_whole(w.dtype[1], w.base[1], at[1]), wp, wq));
    else
      vg_put_float(w.dtype[0], w.base[0], at[0],
                   unary_float(op, vg_get_float(w.dtype[1], w.base[1], at[1]), p, q));
  }
};

template <int OPERANDS>
struct slope_any {
  static const int operands = OPERANDS;
  int op;
  float p, q;
  __device__ void run(const vg_cuda_walk &w, const int64_t *at) const {
    float u = vg_get_float(w.dtype[1], w.base[1], at[1]);
    float v = OPERANDS == 3 ? vg_get_float(w.dtype[2], w.base[2], at[OPERANDS - 1]) : 0.0f;
    vg_put_float(w.dtype[0], w.base[0], at[0], slope_float(op, u, v, p, q));
  }
};

__device__ float as_float(int dtype, const void *p, int64_t i) {
  return vg_is_whole(dtype) ? (float)vg_get_whole(dtype, p, i) : vg_get_float(dtype, p, i);
}

struct binary_any {
  static const int operands = 3;
  int op;
  __device__ void run(const vg_cuda_walk &w, const int64_t *at) const {
    if (vg_is_whole(w.dtype[1]) && vg_is_whole(w.dtype[2]))
      vg_put_whole(w.dtype[0], w.base[0], at[0],
                   binary_whole(op, vg_get_whole(w.dtype[1], w.base[1], at[1]),
                                vg_get_whole(w.dtype[2], w.base[2], at[2])));
    else
      vg_put_float(w.dtype[0], w.base[0], at[0],
                   binary_float(op, as_float(w.dtype[1], w.base[1], at[1]),
                                as_float(w.dtype[2], w.base[2], at[2])));
  }
};

template <typename T>
struct where_any {
  static const int operands = 4;
  __device__ void run(const vg_cuda_walk &w, const int64_t *at) const {
    bool yes = ((const uint8_t *)w.base[1])[at[1]] != 0;
    ((T *)w.base[0])[at[0]] = yes ? ((const T *)w.base[2])[at[2]] : ((const T *)w.base[3])[at[3]];
  }
};

template <typename T>
struct fill_any {
  static const int operands = 1;
  T value;
  __device__ void run(const vg_cuda_walk &w, const int64_t *at) const {
    ((T *)w.base[0])[at[0]] = value;
  }
};

template <typename I, typename BODY>
__global__ void __launch_bounds__(THREADS) walk(vg_cuda_walk w, BODY body) {
  VG_FOR(i, w.n) {
    int64_t at[BODY::operands];
    vg_walk_offsets<I, BODY::operands>(at, w, i);
    body.run(w, at);
  }
}

template <typename BODY>
cudaError_t run(const vg_cuda_walk *w, BODY body, cudaStream_t stream) {
  unsigned blocks = vg_blocks(w->n, THREADS);
  if (w->n == 0) return cudaSuccess;
  if (w->n < (int64_t)1 << 31)
    VG_LAUNCH((walk<uint32_t, BODY>), blocks, THREADS, 0, stream, *w, body);
  else
    VG_LAUNCH((walk<uint64_t, BODY>), blocks, THREADS, 0, stream, *w, body);
  return cudaGetLastError();
}

/* ---- flat: contiguous, aligned, one type of float ---- */

/* One line of every operand at a time; the elements behind the last line one by one. `F` maps a
   line in registers: out[i] from in[k][i]. */
template <typename F, typename Y, typename T, int INPUTS>
__global__ void __launch_bounds__(THREADS) flat(int64_t n, Y *y, const T *a, const T *b, F f) {
  const int L = vg_line<T>::size;
  int64_t lines = n / L;
  VG_FOR(i, lines) {
    float u[L], v[L], out[L];
    vg_load<L>(u, a + i * L);
    if (INPUTS == 2) vg_load<L>(v, b + i * L);
#pragma unroll
    for (int k = 0; k < L; k++) out[k] = f.one(u[k], INPUTS == 2 ? v[k] : 0.0f);
    vg_store<L>(y + i * L, out);
  }
  if (blockIdx.x == 0)
    for (int64_t i = lines * L + threadIdx.x; i < n; i += blockDim.x)
      vg_put(y + i, f.one(vg_get(a[i]), INPUTS == 2 ? vg_get(b[i]) : 0.0f));
}

template <typename U>
struct unary_one {
  float p, q;
  __device__ float one(float u, float) const { return U::f(u, p, q); }
};
template <typename G>
struct slope_one {
  float p, q;
  __device__ float one(float u, float v) const { return G::f(u, v, v, p, q); }
};
template <typename B>
struct binary_one {
  __device__ float one(float u, float v) const { return B::f(u, v); }
};
/* The second operand is one number for all. */
template <typename B, typename T>
struct binary_with {
  const T *with;
  __device__ float one(float u, float) const { return B::f(u, vg_get(*with)); }
};

template <typename Y, typename T, int INPUTS, typename F>
cudaError_t run_flat(const vg_cuda_walk *w, F f, cudaStream_t stream) {
  VG_LAUNCH((flat<F, Y, T, INPUTS>), vg_blocks(w->n / vg_line<T>::size, THREADS), THREADS, 0,
            stream, w->n, (Y *)w->base[0], (const T *)w->base[1],
            INPUTS == 2 ? (const T *)w->base[2] : (const T *)NULL, f);
  return cudaGetLastError();
}

/* Whether operands 0..n-1 lie densely in one order from aligned addresses. */
bool is_flat(const vg_cuda_walk *w, int n) {
  if (w->ndim != 1) return false;
  for (int k = 0; k < n; k++)
    if ((w->stride[k][0] != 1 && w->n > 1) || !vg_aligned(w->base[k])) return false;
  return true;
}

/* All operands of one float type; a result of bytes only where the operation compares. */
bool one_float(const vg_cuda_walk *w, int n, bool compares) {
  if (vg_is_whole(w->dtype[1]) || w->dtype[0] != (compares ? (int)VG_U8 : w->dtype[1]))
    return false;
  for (int k = 2; k < n; k++)
    if (w->dtype[k] != w->dtype[1]) return false;
  return true;
}

template <typename T, typename Y>
cudaError_t flat_unary(const vg_cuda_walk *w, int op, float p, float q, cudaStream_t stream) {
#define FLAT_CASE(KIND, EXPR) \
  case VG_##KIND: return run_flat<Y, T, 1>(w, unary_one<U_##KIND>{p, q}, stream);
  switch (op) { VG_UNARY_F32(FLAT_CASE) }
#undef FLAT_CASE
  return cudaErrorInvalidValue;
}

template <typename T>
cudaError_t flat_slope(const vg_cuda_walk *w, int op, float p, float q, cudaStream_t stream) {
#define FLAT_CASE(KIND, NEEDS, EXPR) \
  case VG_##KIND:                    \
    return run_flat < T, T,          \
           G_##KIND::needs == NEITHER ? 1 : 2 > (w, slope_one<G_##KIND>{p, q}, stream);
  switch (op) { VG_UNARY_BWD_F32(FLAT_CASE) }
#undef FLAT_CASE
  return cudaErrorInvalidValue;
}

template <typename T, typename Y>
cudaError_t flat_binary(const vg_cuda_walk *w, int op, bool with_one, cudaStream_t stream) {
#define FLAT_CASE(KIND, EXPR)                                                               \
  case VG_##KIND:                                                                           \
    if (with_one)                                                                           \
      return run_flat<Y, T, 1>(w, binary_with<B_##KIND, T>{(const T *)w->base[2]}, stream); \
    return run_flat<Y, T, 2>(w, binary_one<B_##KIND>{}, stream);
  switch (op) { VG_BINARY_F32(FLAT_CASE) }
#undef FLAT_CASE
  return cudaErrorInvalidValue;
}

#define IS_CASE(KIND, EXPR) case VG_##KIND:

}  // namespace

extern "C" {

bool vg_cuda_has_whole_unary(int op) {
  switch (op) {
    VG_UNARY_I64(IS_CASE) return true;
    default: return false;
  }
}

bool vg_cuda_has_whole_binary(int op) {
  switch (op) {
    VG_BINARY_I64(IS_CASE) return true;
    default: return false;
  }
}

cudaError_t vg_cuda_fill(const vg_cuda_walk *w, uint64_t bits, cudaStream_t stream) {
  if (bits == 0 && is_flat(w, 1)) {
    static const size_t size[VG_DTYPE_COUNT] = {4, 2, 8, 1};
    return cudaMemsetAsync(w->base[0], 0, (size_t)w->n * size[w->dtype[0]], stream);
  }
  switch (w->dtype[0]) {
    case VG_F32: return run(w, fill_any<uint32_t>{(uint32_t)bits}, stream);
    case VG_BF16: return run(w, fill_any<uint16_t>{(uint16_t)bits}, stream);
    case VG_I64: return run(w, fill_any<uint64_t>{bits}, stream);
    default: return run(w, fill_any<uint8_t>{(uint8_t)bits}, stream);
  }
}

cudaError_t vg_cuda_unary(const vg_cuda_walk *w, int op, double a, double b, cudaStream_t stream) {
  bool compares = op >= VG_ISNAN;
  float p = (float)a, q = (float)b;
  unary_any any = {op, p, q, vg_to_whole(a), vg_to_whole(b)};
  if (w->n == 0) return cudaSuccess;
  if (!one_float(w, 2, compares) || !is_flat(w, 2)) return run(w, any, stream);
  if (w->dtype[1] == VG_F32)
    return compares ? flat_unary<float, uint8_t>(w, op, p, q, stream)
                    : flat_unary<float, float>(w, op, p, q, stream);
  return compares ? flat_unary<vg_bf16, uint8_t>(w, op, p, q, stream)
                  : flat_unary<vg_bf16, vg_bf16>(w, op, p, q, stream);
}

static int slope_needs(int op) {
#define NEEDS_CASE(KIND, NEEDS, EXPR) \
  case VG_##KIND: return NEEDS;
  switch (op) { VG_UNARY_BWD_F32(NEEDS_CASE) }
  return NEITHER;
}

cudaError_t vg_cuda_unary_bwd(const vg_cuda_walk *w, int op, double a, double b,
                              cudaStream_t stream) {
  float p = (float)a, q = (float)b;
  int operands = slope_needs(op) == NEITHER ? 2 : 3;
  if (w->n == 0) return cudaSuccess;
  if (one_float(w, operands, false) && is_flat(w, operands))
    return w->dtype[1] == VG_F32 ? flat_slope<float>(w, op, p, q, stream)
                                 : flat_slope<vg_bf16>(w, op, p, q, stream);
  return operands == 3 ? run(w, slope_any<3>{op, p, q}, stream)
                       : run(w, slope_any<2>{op, p, q}, stream);
}

cudaError_t vg_cuda_binary(const vg_cuda_walk *w, int op, cudaStream_t stream) {
  bool compares = op >= VG_EQ, with_one = w->ndim == 1 && w->stride[2][0] == 0 && w->n > 1;
  if (w->n == 0) return cudaSuccess;
  if (!one_float(w, 3, compares) || !is_flat(w, with_one ? 2 : 3))
    return run(w, binary_any{op}, stream);
  if (w->dtype[1] == VG_F32)
    return compares ? flat_binary<float, uint8_t>(w, op, with_one, stream)
                    : flat_binary<float, float>(w, op, with_one, stream);
  return compares ? flat_binary<vg_bf16, uint8_t>(w, op, with_one, stream)
                  : flat_binary<vg_bf16, vg_bf16>(w, op, with_one, stream);
}

cudaError_t vg_cuda_where(const vg_cuda_walk *w, cudaStream_t stream) {
  switch (w->dtype[0]) {
    case VG_F32: return run(w, where_any<uint32_t>{}, stream);
    case VG_BF16: return run(w, where_any<uint16_t>{}, stream);
    case VG_I64: return run(w, where_any<uint64_t>{}, stream);
    default: return run(w, where_any<uint8_t>{}, stream);
  }
}

}  // extern "C"
