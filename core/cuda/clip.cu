/* Squares of many tensors added up in one order, and their scaling by what came out. */
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace {

const int THREADS = 256;

__device__ double block_sum(double v) {
  __shared__ double lane[THREADS];
  lane[threadIdx.x] = v;
  __syncthreads();
  for (int step = THREADS / 2; step; step /= 2) {
    if ((int)threadIdx.x < step) lane[threadIdx.x] += lane[threadIdx.x + step];
    __syncthreads();
  }
  return lane[0];
}

/* Blocks: parts of a tensor in x, tensors in y. */
__global__ void squares(vg_cuda_list list, double *partial) {
  const float *x = (const float *)list.data[blockIdx.y];
  int64_t n = list.size[blockIdx.y], step = (int64_t)gridDim.x * THREADS;
  double sum = 0;
  for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += step)
    sum += (double)x[i] * (double)x[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

__global__ void add_parts(double *sum, const double *partial, int n, bool first) {
  double v = 0;
  for (int i = threadIdx.x; i < n; i += THREADS) v += partial[i];
  v = block_sum(v);
  if (threadIdx.x == 0) *sum = first ? v : *sum + v;
}

__global__ void root(float *norm, const double *sum) { *norm = (float)sqrt(*sum); }

__global__ void scale(vg_cuda_list list, const double *sum, double bound) {
  float *x = (float *)list.data[blockIdx.y];
  int64_t n = list.size[blockIdx.y], step = (int64_t)gridDim.x * THREADS;
  double wanted = bound / (sqrt(*sum) + 1e-6);
  float factor = (float)wanted;
  if (wanted >= 1) return; /* not for NaN */
  for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += step) x[i] *= factor;
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_clip_load(void) {
  cudaError_t e = cudaSuccess;
#if !VG_CUDA_EMULATE
  cudaFuncAttributes a;
  e = cudaFuncGetAttributes(&a, squares);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, add_parts);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, root);
  if (e == cudaSuccess) e = cudaFuncGetAttributes(&a, scale);
#endif
  return e;
}

cudaError_t vg_cuda_list_squares(const vg_cuda_list *list, double *sum, double *partial, bool first,
                                 cudaStream_t stream) {
  dim3 grid(VG_CUDA_LIST_PARTS, (unsigned)list->n);
  VG_LAUNCH(squares, grid, THREADS, 0, stream, *list, partial);
  VG_LAUNCH(add_parts, 1, THREADS, 0, stream, sum, partial, list->n * VG_CUDA_LIST_PARTS, first);
  return cudaGetLastError();
}

cudaError_t vg_cuda_root_of(float *norm, const double *sum, cudaStream_t stream) {
  VG_LAUNCH(root, 1, 1, 0, stream, norm, sum);
  return cudaGetLastError();
}

cudaError_t vg_cuda_list_clip(const vg_cuda_list *list, const double *sum, double bound,
                              cudaStream_t stream) {
  dim3 grid(VG_CUDA_LIST_PARTS, (unsigned)list->n);
  VG_LAUNCH(scale, grid, THREADS, 0, stream, *list, sum, bound);
  return cudaGetLastError();
}

}  // extern "C"
