/* Reductions. The inputs of an output are cut into parts whose borders depend on the shape alone;
   teams of threads reduce the parts, a warp then combines the parts of each output. Every sum has
   one order. Sums of floats run in double. */
#include "cuda/device.h"

#include <math.h>

namespace {

const int THREADS = 256;

/* ---- the kinds: a partial result, how a value enters it, how two of them meet ---- */

struct sums {
  double a, b; /* b: of squares, for the variance */
};

struct moment {
  typedef sums part;
  static __device__ part start() { return part{0, 0}; }
  static __device__ void merge(part &p, const part &o) { p.a += o.a, p.b += o.b; }
  static __device__ part from(part p, int lane) {
    return part{__shfl_down_sync(0xffffffffu, p.a, (unsigned)lane),
                __shfl_down_sync(0xffffffffu, p.b, (unsigned)lane)};
  }
};

struct sum_of : moment {
  static __device__ void add(part &p, float x, float, int64_t) { p.a += (double)x; }
  static __device__ double value(const part &p, double, double) { return p.a; }
};
struct mean_of : sum_of {
  static __device__ double value(const part &p, double n, double) { return p.a / n; }
};
struct norm_of : moment {
  static __device__ void add(part &p, float x, float, int64_t) { p.a += (double)x * (double)x; }
  static __device__ double value(const part &p, double, double) { return sqrt(p.a); }
};
/* Against the output's first input, so that a large mean costs no digits. */
struct variance_of : moment {
  static __device__ void add(part &p, float x, float shift, int64_t) {
    double d = (double)x - (double)shift;
    p.a += d;
    p.b += d * d;
  }
  static __device__ double value(const part &p, double n, double correction) {
    double squares = p.b - p.a * p.a / n, free = n - correction;
    return (squares < 0 ? 0 : squares) / (free < 0 ? 0 : free);
  }
};

template <typename V>
__device__ V shuffled(V v, int lane) {
  return __shfl_down_sync(0xffffffffu, v, (unsigned)lane);
}

struct product_of {
  typedef double part;
  static __device__ part start() { return 1; }
  static __device__ void add(part &p, float x, float, int64_t) { p *= (double)x; }
  static __device__ void merge(part &p, const part &o) { p *= o; }
  static __device__ part from(part p, int lane) { return shuffled(p, lane); }
  static __device__ double value(const part &p, double, double) { return p; }
};

/* NaN wins. */
template <bool MOST>
struct extreme_of {
  typedef float part;
  static __device__ part start() { return MOST ? -INFINITY : INFINITY; }
  static __device__ void add(part &p, float x, float, int64_t) {
    if ((MOST ? x > p : x < p) || x != x) p = x;
  }
  static __device__ void merge(part &p, const part &o) { add(p, o, 0, 0); }
  static __device__ part from(part p, int lane) { return shuffled(p, lane); }
  static __device__ double value(const part &p, double, double) { return (double)p; }
};

/* Whole numbers, modulo 2^64. */
struct whole_sum {
  typedef unsigned long long part;
  static __device__ part start() { return 0; }
  static __device__ void add(part &p, int64_t x, int64_t, int64_t) { p += (part)x; }
  static __device__ void merge(part &p, const part &o) { p += o; }
  static __device__ part from(part p, int lane) { return shuffled(p, lane); }
  static __device__ int64_t value(const part &p, double, double) { return (int64_t)p; }
};
struct whole_product : whole_sum {
  static __device__ part start() { return 1; }
  static __device__ void add(part &p, int64_t x, int64_t, int64_t) { p *= (part)x; }
  static __device__ void merge(part &p, const part &o) { p *= o; }
};
template <bool MOST>
struct whole_extreme {
  typedef long long part;
  static __device__ part start() { return MOST ? INT64_MIN : INT64_MAX; }
  static __device__ void add(part &p, int64_t x, int64_t, int64_t) {
    if (MOST ? x > p : x < p) p = x;
  }
  static __device__ void merge(part &p, const part &o) { add(p, o, 0, 0); }
  static __device__ part from(part p, int lane) { return shuffled(p, lane); }
  static __device__ int64_t value(const part &p, double, double) { return (int64_t)p; }
};

/* Where the extreme is: NaN before everything, then the first of equals; at -1 before any. */
template <typename V, bool MOST>
struct place_of {
  struct part {
    V best;
    long long at;
  };
  static __device__ part start() { return part{0, -1}; }
  static __device__ bool before(const part &o, const part &p) {
    bool on = o.best != o.best, pn = p.best != p.best;
    if (p.at < 0 || o.at < 0) return o.at >= 0;
    if (on || pn) return on && (!pn || o.at < p.at);
    if (o.best != p.best) return MOST ? o.best > p.best : o.best < p.best;
    return o.at < p.at;
  }
  static __device__ void merge(part &p, const part &o) {
    if (before(o, p)) p = o;
  }
  static __device__ void add(part &p, V x, V, int64_t i) { merge(p, part{x, i}); }
  static __device__ part from(part p, int lane) {
    return part{shuffled(p.best, lane), shuffled(p.at, lane)};
  }
  static __device__ int64_t value(const part &p, double, double) { return p.at < 0 ? 0 : p.at; }
};

/* ---- inputs ---- */

struct from_f32 {
  typedef float value;
  static __device__ float get(const void *p, int64_t i) { return ((const float *)p)[i]; }
};
struct from_bf16 {
  typedef float value;
  static __device__ float get(const void *p, int64_t i) {
    return vg_bf16_to_f32(((const uint16_t *)p)[i]);
  }
};
struct from_i64 {
  typedef long long value;
  static __device__ long long get(const void *p, int64_t i) { return ((const int64_t *)p)[i]; }
};
struct from_u8 {
  typedef long long value;
  static __device__ long long get(const void *p, int64_t i) { return ((const uint8_t *)p)[i]; }
};

__device__ void put(int dtype, void *y, int64_t i, double v) {
  vg_put_float(dtype, y, i, (float)v);
}
__device__ void put(int dtype, void *y, int64_t i, int64_t v) { vg_put_whole(dtype, y, i, v); }

__device__ inline int64_t offset(const vg_cuda_group &g, int64_t i) {
  int64_t at = 0;
  if (g.ndim == 1) return i * g.stride[0];
  if (g.n < (int64_t)1 << 31) {
    uint32_t rest = (uint32_t)i;
    for (int d = g.ndim - 1; d > 0; d--) {
      uint32_t size = (uint32_t)g.shape[d], q = rest / size;
      at += (int64_t)(rest - q * size) * g.stride[d];
      rest = q;
    }
    return at + (int64_t)rest * g.stride[0];
  }
  for (int d = g.ndim - 1; d >= 0; d--) {
    at += i % g.shape[d] * g.stride[d];
    i /= g.shape[d];
  }
  return at;
}

/* ---- one team of threads an output and part ---- */

template <typename K>
__device__ typename K::part warp_merge(typename K::part p) {
  for (int d = 16; d; d /= 2) {
    typename K::part o = K::from(p, d);
    K::merge(p, o);
  }
  return p; /* right in lane 0 */
}

/* The part of all threads, in thread 0. */
template <typename K>
__device__ typename K::part block_merge(typename K::part p) {
  __shared__ typename K::part warp[32];
  int warps = (int)blockDim.x / 32;
  p = warp_merge<K>(p);
  __syncthreads();
  if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = p;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int i = 1; i < warps; i++) K::merge(p, warp[i]);
  return p;
}

/* Blocks of 32 threads for few inputs, of 256 for many. With one part the results are final. */
template <typename K, typename X>
__global__ void __launch_bounds__(THREADS)
    by_rows(vg_cuda_reduction r, typename K::part *parts_out) {
  for (int64_t item = blockIdx.x; item < r.kept.n * r.parts; item += gridDim.x) {
    int64_t out = item / r.parts, part = item % r.parts, base = offset(r.kept, out);
    int64_t lo = part * r.length, hi = lo + r.length < r.reduced.n ? lo + r.length : r.reduced.n;
    typename K::part p = K::start();
    typename X::value shift = r.reduced.n ? X::get(r.x, base) : (typename X::value)0;
    for (int64_t i = lo + threadIdx.x; i < hi; i += blockDim.x)
      K::add(p, X::get(r.x, base + offset(r.reduced, i)), shift, i);
    p = block_merge<K>(p);
    if (threadIdx.x == 0) {
      if (r.parts == 1)
        put(r.y_dtype, r.y, out, K::value(p, (double)r.reduced.n, r.correction));
      else
        parts_out[item] = p;
    }
  }
}

/* Neighbouring outputs are neighbours in memory: a warp takes 32 of them, the block's eight warps
   take the inputs in turn. Blocks: x over the outputs, y over the parts. */
template <typename K, typename X>
__global__ void __launch_bounds__(THREADS)
    by_columns(vg_cuda_reduction r, typename K::part *parts_out) {
  __shared__ typename K::part row[8][32];
  for (int64_t first = (int64_t)blockIdx.x * 32; first < r.kept.n;
       first += (int64_t)gridDim.x * 32) {
    int64_t out = first + threadIdx.x, lo = (int64_t)blockIdx.y * r.length;
    int64_t hi = lo + r.length < r.reduced.n ? lo + r.length : r.reduced.n;
    typename K::part p = K::start();
    if (out < r.kept.n) {
      int64_t base = offset(r.kept, out);
      typename X::value shift = r.reduced.n ? X::get(r.x, base) : (typename X::value)0;
      for (int64_t i = lo + threadIdx.y; i < hi; i += 8)
        K::add(p, X::get(r.x, base + offset(r.reduced, i)), shift, i);
    }
    __syncthreads();
    row[threadIdx.y][threadIdx.x] = p;
    __syncthreads();
    if (threadIdx.y == 0 && out < r.kept.n) {
      for (int k = 1; k < 8; k++) K::merge(p, row[k][threadIdx.x]);
      if (r.parts == 1)
        put(r.y_dtype, r.y, out, K::value(p, (double)r.reduced.n, r.correction));
      else
        parts_out[out * r.parts + blockIdx.y] = p;
    }
  }
}

/* A warp an output. */
template <typename K>
__global__ void __launch_bounds__(THREADS)
    combine(vg_cuda_reduction r, const typename K::part *parts) {
  int64_t warps = (int64_t)gridDim.x * (THREADS / 32);
  for (int64_t out = (int64_t)blockIdx.x * (THREADS / 32) + threadIdx.x / 32; out < r.kept.n;
       out += warps) {
    typename K::part p = K::start();
    for (int64_t i = threadIdx.x % 32; i < r.parts; i += 32) K::merge(p, parts[out * r.parts + i]);
    p = warp_merge<K>(p);
    if (threadIdx.x % 32 == 0)
      put(r.y_dtype, r.y, out, K::value(p, (double)r.reduced.n, r.correction));
  }
}

template <typename K, typename X>
cudaError_t run(const vg_cuda_reduction *r, void *scratch, cudaStream_t stream) {
  typename K::part *parts = (typename K::part *)scratch;
  static_assert(sizeof(typename K::part) <= VG_CUDA_PART_BYTES, "room for a part");
  if (r->columns) {
    int64_t tiles = (r->kept.n + 31) / 32;
    dim3 grid((unsigned)(tiles < 65536 ? tiles : 65536), (unsigned)r->parts), block(32, 8);
    VG_LAUNCH((by_columns<K, X>), grid, block, 0, stream, *r, parts);
  } else {
    int64_t items = r->kept.n * r->parts;
    unsigned threads = r->length <= 256 ? 32 : THREADS;
    VG_LAUNCH((by_rows<K, X>), (unsigned)(items < 65536 ? items : 65536), threads, 0, stream, *r,
              parts);
  }
  if (r->parts > 1)
    VG_LAUNCH(combine<K>, vg_blocks(r->kept.n, THREADS / 32), THREADS, 0, stream, *r,
              (const typename K::part *)parts);
  return cudaGetLastError();
}

template <typename X>
cudaError_t floats(const vg_cuda_reduction *r, int op, void *scratch, cudaStream_t s) {
  switch (op) {
    case VG_SUM: return run<sum_of, X>(r, scratch, s);
    case VG_MEAN: return run<mean_of, X>(r, scratch, s);
    case VG_AMAX: return run<extreme_of<true>, X>(r, scratch, s);
    case VG_AMIN: return run<extreme_of<false>, X>(r, scratch, s);
    case VG_PROD: return run<product_of, X>(r, scratch, s);
    case VG_VAR: return run<variance_of, X>(r, scratch, s);
    case VG_NORM2: return run<norm_of, X>(r, scratch, s);
    case VG_ARGMAX: return run<place_of<float, true>, X>(r, scratch, s);
    case VG_ARGMIN: return run<place_of<float, false>, X>(r, scratch, s);
    default: return cudaErrorInvalidValue;
  }
}

template <typename X>
cudaError_t wholes(const vg_cuda_reduction *r, int op, void *scratch, cudaStream_t s) {
  switch (op) {
    case VG_SUM: return run<whole_sum, X>(r, scratch, s);
    case VG_PROD: return run<whole_product, X>(r, scratch, s);
    case VG_AMAX: return run<whole_extreme<true>, X>(r, scratch, s);
    case VG_AMIN: return run<whole_extreme<false>, X>(r, scratch, s);
    case VG_ARGMAX: return run<place_of<long long, true>, X>(r, scratch, s);
    case VG_ARGMIN: return run<place_of<long long, false>, X>(r, scratch, s);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace

extern "C" cudaError_t vg_cuda_reduce_run(const vg_cuda_reduction *r, int op, void *scratch,
                                          cudaStream_t stream) {
  if (r->kept.n == 0) return cudaSuccess;
  switch (r->x_dtype) {
    case VG_F32: return floats<from_f32>(r, op, scratch, stream);
    case VG_BF16: return floats<from_bf16>(r, op, scratch, stream);
    case VG_I64: return wholes<from_i64>(r, op, scratch, stream);
    default: return wholes<from_u8>(r, op, scratch, stream);
  }
}
