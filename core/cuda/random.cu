/* Fills and dropout: a thread draws one block of four words at a time. What a stream is and which
   word an element gets is defined in vgglua/backend.h, the arithmetic in base/draw.h. */
#include "base/draw.h"
#include "cuda/device.h"

namespace {

const int THREADS = 256;

/* The index of a captured step's streams moves on with each replay. */
__device__ inline vg_stream moved(vg_stream s, const uint64_t *shift) {
  if (shift) s.index += *shift;
  return s;
}

/* The four values of a block. */
__device__ inline void values_of(const vg_cuda_draw &k, vg_u32x4 w, float *v) {
  if (k.kind == VG_CUDA_NORMAL) {
    vg_draw_normal(v, w.v[0], w.v[1], k.a, k.b);
    vg_draw_normal(v + 2, w.v[2], w.v[3], k.a, k.b);
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    bool below = w.v[i] >> 8 < k.p24;
    v[i] = k.kind == VG_CUDA_UNIFORM     ? vg_draw_uniform(w.v[i], k.a, k.b, k.top)
           : k.kind == VG_CUDA_BERNOULLI ? (below ? 1.0f : 0.0f)
                                         : (below ? 0.0f : k.b);
  }
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    fill(int64_t n, T *y, vg_stream s, vg_cuda_draw k, const uint64_t *shift) {
  s = moved(s, shift);
  VG_FOR(i, (n + 3) / 4) {
    float v[4];
    values_of(k, vg_stream_block(s, (uint64_t)i), v);
    if (sizeof(T) == 4 && i * 4 + 4 <= n && k.line) {
      vg_store<4>((float *)y + i * 4, v);
      continue;
    }
    for (int j = 0; j < 4 && i * 4 + j < n; j++) vg_put(y + i * 4 + j, v[j]);
  }
}

/* Logical order is memory's. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    drop(int64_t n, T *y, const T *x, vg_stream s, vg_cuda_draw k, const uint64_t *shift) {
  s = moved(s, shift);
  VG_FOR(i, (n + 3) / 4) {
    float v[4];
    values_of(k, vg_stream_block(s, (uint64_t)i), v);
    for (int j = 0; j < 4 && i * 4 + j < n; j++) vg_put(y + i * 4 + j, vg_get(x[i * 4 + j]) * v[j]);
  }
}

/* NHWC, planes of a multiple of four pixels: a block covers four pixels of one channel. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    drop_nhwc(int64_t images, int64_t channels, int64_t pixels, T *y, const T *x, vg_stream s,
              vg_cuda_draw k, const uint64_t *shift) {
  int64_t quads = pixels / 4;
  s = moved(s, shift);
  VG_FOR(i, images * quads * channels) {
    int64_t c = i % channels, q = i / channels % quads, image = i / channels / quads;
    float v[4];
    values_of(k, vg_stream_block(s, (uint64_t)((image * channels + c) * quads + q)), v);
    int64_t at = (image * pixels + q * 4) * channels + c;
#pragma unroll
    for (int j = 0; j < 4; j++) vg_put(y + at + j * channels, vg_get(x[at + j * channels]) * v[j]);
  }
}

/* NHWC, any planes: a block for each element. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    drop_nhwc_any(int64_t images, int64_t channels, int64_t pixels, T *y, const T *x, vg_stream s,
                  vg_cuda_draw k, const uint64_t *shift) {
  s = moved(s, shift);
  VG_FOR(i, images * channels * pixels) {
    int64_t c = i % channels, pixel = i / channels % pixels, image = i / channels / pixels;
    uint64_t logical = (uint64_t)((image * channels + c) * pixels + pixel);
    float v[4];
    values_of(k, vg_stream_block(s, logical / 4), v);
    vg_put(y + i, vg_get(x[i]) * v[logical % 4]);
  }
}

template <typename T>
cudaError_t drop_any(int64_t images, int64_t channels, int64_t pixels, bool nhwc, T *y, const T *x,
                     vg_stream s, const vg_cuda_draw *k, const uint64_t *shift,
                     cudaStream_t stream) {
  int64_t n = images * channels * pixels;
  unsigned blocks = vg_blocks((n + 3) / 4, THREADS);
  if (n == 0) return cudaSuccess;
  if (!nhwc || channels == 1 || pixels == 1)
    VG_LAUNCH(drop<T>, blocks, THREADS, 0, stream, n, y, x, s, *k, shift);
  else if (pixels % 4 == 0)
    VG_LAUNCH(drop_nhwc<T>, blocks, THREADS, 0, stream, images, channels, pixels, y, x, s, *k,
              shift);
  else
    VG_LAUNCH(drop_nhwc_any<T>, vg_blocks(n, THREADS), THREADS, 0, stream, images, channels, pixels,
              y, x, s, *k, shift);
  return cudaGetLastError();
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_random_fill(void *y, int dtype, int64_t n, vg_stream s, const vg_cuda_draw *k,
                                const uint64_t *shift, cudaStream_t stream) {
  unsigned blocks = vg_blocks((n + 3) / 4, THREADS);
  if (n == 0) return cudaSuccess;
  switch (dtype) {
    case VG_F32:
      VG_LAUNCH(fill<float>, blocks, THREADS, 0, stream, n, (float *)y, s, *k, shift);
      break;
    case VG_BF16:
      VG_LAUNCH(fill<vg_bf16>, blocks, THREADS, 0, stream, n, (vg_bf16 *)y, s, *k, shift);
      break;
    default:
      VG_LAUNCH(fill<uint8_t>, blocks, THREADS, 0, stream, n, (uint8_t *)y, s, *k, shift);
      break;
  }
  return cudaGetLastError();
}

cudaError_t vg_cuda_dropout(void *y, const void *x, bool half, int64_t images, int64_t channels,
                            int64_t pixels, bool nhwc, vg_stream s, const vg_cuda_draw *k,
                            const uint64_t *shift, cudaStream_t stream) {
  return half ? drop_any(images, channels, pixels, nhwc, (vg_bf16 *)y, (const vg_bf16 *)x, s, k,
                         shift, stream)
              : drop_any(images, channels, pixels, nhwc, (float *)y, (const float *)x, s, k, shift,
                         stream);
}

}  // extern "C"
