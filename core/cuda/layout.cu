/* Copies between strides and dtypes. */
#include "cuda/device.h"

namespace {

const int THREADS = 256;

/* Bits as they are. */
template <typename I, typename T>
__global__ void __launch_bounds__(THREADS) move(vg_cuda_walk w) {
  VG_FOR(i, w.n) {
    int64_t at[2];
    vg_walk_offsets<I, 2>(at, w, i);
    ((T *)w.base[0])[at[0]] = ((const T *)w.base[1])[at[1]];
  }
}

template <typename I>
__global__ void __launch_bounds__(THREADS) convert(vg_cuda_walk w) {
  VG_FOR(i, w.n) {
    int64_t at[2];
    vg_walk_offsets<I, 2>(at, w, i);
    if (vg_is_whole(w.dtype[1]))
      vg_put_whole(w.dtype[0], w.base[0], at[0], vg_get_whole(w.dtype[1], w.base[1], at[1]));
    else
      vg_put_float(w.dtype[0], w.base[0], at[0], vg_get_float(w.dtype[1], w.base[1], at[1]));
  }
}

/* Between the two floats, eight elements a thread. */
template <typename Y, typename X>
__global__ void __launch_bounds__(THREADS) cast(int64_t n, Y *y, const X *x) {
  VG_FOR(i, n / 8) {
    float v[8];
    vg_load<vg_line<X>::size>(v, x + i * 8);
    if (vg_line<X>::size == 4) vg_load<vg_line<X>::size>(v + 4, x + i * 8 + 4);
    vg_store<vg_line<Y>::size>(y + i * 8, v);
    if (vg_line<Y>::size == 4) vg_store<vg_line<Y>::size>(y + i * 8 + 4, v + 4);
  }
  if (blockIdx.x == 0)
    for (int64_t i = n / 8 * 8 + threadIdx.x; i < n; i += blockDim.x) vg_put(y + i, vg_get(x[i]));
}

template <typename T>
cudaError_t move_any(const vg_cuda_walk *w, cudaStream_t stream) {
  if (w->n < (int64_t)1 << 31)
    VG_LAUNCH((move<uint32_t, T>), vg_blocks(w->n, THREADS), THREADS, 0, stream, *w);
  else
    VG_LAUNCH((move<uint64_t, T>), vg_blocks(w->n, THREADS), THREADS, 0, stream, *w);
  return cudaGetLastError();
}

template <typename Y, typename X>
cudaError_t cast_flat(const vg_cuda_walk *w, cudaStream_t stream) {
  VG_LAUNCH((cast<Y, X>), vg_blocks(w->n / 8, THREADS), THREADS, 0, stream, w->n, (Y *)w->base[0],
            (const X *)w->base[1]);
  return cudaGetLastError();
}

bool is_flat(const vg_cuda_walk *w) {
  return w->ndim == 1 && (w->n == 1 || (w->stride[0][0] == 1 && w->stride[1][0] == 1));
}

cudaError_t same_dtype(const vg_cuda_walk *w, cudaStream_t stream) {
  static const size_t size[VG_DTYPE_COUNT] = {4, 2, 8, 1};
  if (is_flat(w) && w->base[0] == w->base[1]) return cudaSuccess; /* a tensor into itself */
  if (is_flat(w))
    return w->base[0] == w->base[1]
               ? cudaSuccess
               : cudaMemcpyAsync(w->base[0], w->base[1], (size_t)w->n * size[w->dtype[0]],
                                 cudaMemcpyDeviceToDevice, stream);
  switch (w->dtype[0]) {
    case VG_F32: return move_any<uint32_t>(w, stream);
    case VG_BF16: return move_any<uint16_t>(w, stream);
    case VG_I64: return move_any<uint64_t>(w, stream);
    default: return move_any<uint8_t>(w, stream);
  }
}

}  // namespace

extern "C" cudaError_t vg_cuda_copy(const vg_cuda_walk *w, cudaStream_t stream) {
  if (w->n == 0) return cudaSuccess;
  if (w->dtype[0] == w->dtype[1]) return same_dtype(w, stream);
  if (is_flat(w) && vg_aligned(w->base[0]) && vg_aligned(w->base[1])) {
    if (w->dtype[0] == VG_BF16 && w->dtype[1] == VG_F32)
      return cast_flat<vg_bf16, float>(w, stream);
    if (w->dtype[0] == VG_F32 && w->dtype[1] == VG_BF16)
      return cast_flat<float, vg_bf16>(w, stream);
  }
  if (w->n < (int64_t)1 << 31)
    VG_LAUNCH(convert<uint32_t>, vg_blocks(w->n, THREADS), THREADS, 0, stream, *w);
  else
    VG_LAUNCH(convert<uint64_t>, vg_blocks(w->n, THREADS), THREADS, 0, stream, *w);
  return cudaGetLastError();
}
