/* Gather, scatter-add, select, select-add, the k largest. Sums are owned by one thread each and run
   in the order of the index. Indices out of range touch nothing. */
#include "cuda/device.h"

namespace {

const int THREADS = 256;

__global__ void __launch_bounds__(THREADS)
    check(const int64_t *index, int64_t n, int64_t limit, vg_cuda_fault *fault) {
  VG_FOR(i, n) {
    if (index[i] < 0 || index[i] >= limit) vg_note_fault(fault, i);
  }
}

__device__ inline float sum(float a, float b) { return a + b; }
__device__ inline vg_bf16 sum(vg_bf16 a, vg_bf16 b) {
  return vg_bf16_store(vg_bf16_load(a) + vg_bf16_load(b));
}
__device__ inline uint64_t sum(uint64_t a, uint64_t b) { return a + b; }
__device__ inline uint8_t sum(uint8_t a, uint8_t b) { return (uint8_t)(a + b); }

template <typename T>
__global__ void __launch_bounds__(THREADS)
    gather(T *y, const T *x, const int64_t *index, vg_cuda_gather_plan p) {
  VG_FOR(i, p.lanes.n * p.count) {
    int64_t lane = i / p.count, k = i % p.count, at[2];
    vg_walk_offsets<uint64_t, 2>(at, p.lanes, lane);
    int64_t here = at[0] + k * p.index_stride, pick = index[here];
    if (pick >= 0 && pick < p.limit) y[here] = x[at[1] + pick * p.stride];
  }
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    scatter_add(T *y, const int64_t *index, const T *src, vg_cuda_gather_plan p) {
  VG_FOR(lane, p.lanes.n) {
    int64_t at[2];
    vg_walk_offsets<uint64_t, 2>(at, p.lanes, lane);
    for (int64_t k = 0; k < p.count; k++) {
      int64_t here = at[0] + k * p.index_stride, pick = index[here];
      if (pick < 0 || pick >= p.limit) continue;
      T *to = y + at[1] + pick * p.stride;
      *to = sum(*to, src[here]);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    select(T *y, const T *x, const int64_t *index, vg_cuda_lanes l) {
  VG_FOR(i, l.outer * l.count * l.inner) {
    int64_t row = i / l.inner, pick = index[row % l.count];
    if (pick >= 0 && pick < l.n) y[i] = x[(row / l.count * l.n + pick) * l.inner + i % l.inner];
  }
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    select_add(T *y, const int64_t *index, const T *src, vg_cuda_lanes l) {
  VG_FOR(i, l.outer * l.inner) {
    int64_t o = i / l.inner, c = i % l.inner;
    for (int64_t k = 0; k < l.count; k++) {
      int64_t pick = index[k];
      if (pick < 0 || pick >= l.n) continue;
      T *to = y + (o * l.n + pick) * l.inner + c;
      *to = sum(*to, src[(o * l.count + k) * l.inner + c]);
    }
  }
}

/* ---- the k largest or smallest, sorted ---- */

__device__ inline float key_of(float v) { return v; }
__device__ inline float key_of(vg_bf16 v) { return vg_bf16_load(v); }
__device__ inline int64_t key_of(int64_t v) { return v; }
__device__ inline int64_t key_of(uint8_t v) { return v; }

template <typename K>
struct place {
  K key;
  int64_t at; /* -1: none */
};

/* Whether a comes before b in the sorted result: NaN counts as the largest, the first of equals. */
template <typename K>
__device__ bool before(const place<K> &a, const place<K> &b, bool largest) {
  bool an = a.key != a.key, bn = b.key != b.key;
  if (a.at < 0 || b.at < 0) return a.at >= 0;
  if (an != bn) return largest ? an : bn;
  if (!an && a.key != b.key) return largest ? a.key > b.key : a.key < b.key;
  return a.at < b.at;
}

template <typename K>
__device__ place<K> first_of_block(place<K> p, bool largest) {
  __shared__ place<K> best[32];
  int warps = (int)blockDim.x / 32;
  for (int d = 16; d; d /= 2) {
    place<K> o = {__shfl_xor_sync(0xffffffffu, p.key, d), __shfl_xor_sync(0xffffffffu, p.at, d)};
    if (before(o, p, largest)) p = o;
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) best[threadIdx.x / 32] = p;
  __syncthreads();
  p = best[0];
  for (int i = 1; i < warps; i++)
    if (before(best[i], p, largest)) p = best[i];
  return p;
}

/* A block a lane: every round finds the first of those behind the last one found. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    topk(T *values, int64_t *indices, const T *x, vg_cuda_lanes l, bool largest) {
  typedef decltype(key_of(T())) K;
  for (int64_t lane = blockIdx.x; lane < l.outer * l.inner; lane += gridDim.x) {
    const T *from = x + lane / l.inner * l.n * l.inner + lane % l.inner;
    int64_t to = lane / l.inner * l.count * l.inner + lane % l.inner;
    place<K> last = {0, -1};
    for (int64_t k = 0; k < l.count; k++) {
      place<K> p = {0, -1};
      for (int64_t i = threadIdx.x; i < l.n; i += blockDim.x) {
        place<K> c = {key_of(from[i * l.inner]), i};
        if ((last.at < 0 || before(last, c, largest)) && before(c, p, largest)) p = c;
      }
      last = first_of_block(p, largest);
      if (threadIdx.x == 0 && last.at >= 0) {
        indices[to + k * l.inner] = last.at;
        values[to + k * l.inner] = from[last.at * l.inner];
      }
    }
  }
}

/* Moves of bits need only the size of an element. */
#define BY_SIZE(dtype, CALL)             \
  switch (dtype) {                       \
    case VG_F32: CALL(uint32_t); break;  \
    case VG_BF16: CALL(uint16_t); break; \
    case VG_I64: CALL(uint64_t); break;  \
    default: CALL(uint8_t); break;       \
  }
#define BY_TYPE(dtype, CALL, I64)       \
  switch (dtype) {                      \
    case VG_F32: CALL(float); break;    \
    case VG_BF16: CALL(vg_bf16); break; \
    case VG_I64: CALL(I64); break;      \
    default: CALL(uint8_t); break;      \
  }

}  // namespace

extern "C" {

cudaError_t vg_cuda_check_index(const int64_t *index, int64_t n, int64_t limit,
                                vg_cuda_fault *fault, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  VG_LAUNCH(check, vg_blocks(n, THREADS), THREADS, 0, stream, index, n, limit, fault);
  return cudaGetLastError();
}

cudaError_t vg_cuda_gather(void *y, const void *x, const int64_t *index, int dtype,
                           const vg_cuda_gather_plan *p, cudaStream_t stream) {
  unsigned blocks = vg_blocks(p->lanes.n * p->count, THREADS);
  if (p->lanes.n * p->count == 0) return cudaSuccess;
#define CALL(T) VG_LAUNCH(gather<T>, blocks, THREADS, 0, stream, (T *)y, (const T *)x, index, *p)
  BY_SIZE(dtype, CALL)
#undef CALL
  return cudaGetLastError();
}

cudaError_t vg_cuda_scatter_add(void *y, const int64_t *index, const void *src, int dtype,
                                const vg_cuda_gather_plan *p, cudaStream_t stream) {
  unsigned blocks = vg_blocks(p->lanes.n, THREADS);
  if (p->lanes.n * p->count == 0) return cudaSuccess;
#define CALL(T) \
  VG_LAUNCH(scatter_add<T>, blocks, THREADS, 0, stream, (T *)y, index, (const T *)src, *p)
  BY_TYPE(dtype, CALL, uint64_t)
#undef CALL
  return cudaGetLastError();
}

cudaError_t vg_cuda_select(void *y, const void *x, const int64_t *index, int dtype, vg_cuda_lanes l,
                           cudaStream_t stream) {
  int64_t n = l.outer * l.count * l.inner;
  if (n == 0) return cudaSuccess;
#define CALL(T) \
  VG_LAUNCH(select<T>, vg_blocks(n, THREADS), THREADS, 0, stream, (T *)y, (const T *)x, index, l)
  BY_SIZE(dtype, CALL)
#undef CALL
  return cudaGetLastError();
}

cudaError_t vg_cuda_select_add(void *y, const int64_t *index, const void *src, int dtype,
                               vg_cuda_lanes l, cudaStream_t stream) {
  int64_t n = l.outer * l.inner;
  if (n == 0 || l.count == 0) return cudaSuccess;
#define CALL(T)                                                                      \
  VG_LAUNCH(select_add<T>, vg_blocks(n, THREADS), THREADS, 0, stream, (T *)y, index, \
            (const T *)src, l)
  BY_TYPE(dtype, CALL, uint64_t)
#undef CALL
  return cudaGetLastError();
}

cudaError_t vg_cuda_topk(void *values, int64_t *indices, const void *x, int dtype, vg_cuda_lanes l,
                         bool largest, cudaStream_t stream) {
  int64_t lanes = l.outer * l.inner;
  unsigned blocks = (unsigned)(lanes < 65536 ? lanes : 65536), threads = l.n <= 256 ? 32 : THREADS;
  if (lanes * l.count == 0) return cudaSuccess;
#define CALL(T) \
  VG_LAUNCH(topk<T>, blocks, threads, 0, stream, (T *)values, indices, (const T *)x, l, largest)
  BY_TYPE(dtype, CALL, int64_t)
#undef CALL
  return cudaGetLastError();
}

}  // extern "C"
