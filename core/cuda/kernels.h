/* Every launch function of the .cu files: plain C, device pointers and sizes in, the error of the
   launch out; nothing waits. All work goes to the given stream. */
#ifndef VG_CUDA_KERNELS_H
#define VG_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel found wrong with its numbers (an index out of range); one in device memory for each
   device, all zero when nothing is. A kernel writes its own when `code` is still 0
   (atomicCAS on code first). */
typedef struct vg_cuda_fault {
  int32_t code; /* 0: nothing; else what the operation defines, see stream.h */
  int32_t unused;
  int64_t position, value;
} vg_cuda_fault;

/* ---- conv.cu: between our tensors and cuDNN's ---- */

/* y[n][h][w][c], c < cp <- x[n][c][h][w], zero for c >= channels. Elements of y are f32 or bf16
   (y_bf16), those of x likewise. hw = h * w. Also weights, with k for n and r * s for hw. */
cudaError_t vg_cuda_pack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                              int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream);
/* y[n][c][h][w] <- x[n][h][w][c], dropping c >= channels. */
cudaError_t vg_cuda_unpack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                                int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream);
/* y[row][c] += bias[c]; y f32 or bf16, `rows` of `channels`. */
cudaError_t vg_cuda_add_bias(void *y, bool y_bf16, const float *bias, int64_t rows,
                             int64_t channels, cudaStream_t stream);
/* y[c] = sum over rows of x[row][c], in double and one order. `partial`: vg_cuda_sum_parts(rows)
   times `channels` numbers of scratch memory. */
int64_t vg_cuda_sum_parts(int64_t rows);
cudaError_t vg_cuda_sum_rows(float *y, const void *x, bool x_bf16, int64_t rows, int64_t channels,
                             double *partial, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
