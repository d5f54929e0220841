/* Failures of the CUDA libraries as vg_status, with the call and the library's reason:
   `cuda: cudaMemcpyAsync: an illegal memory access was encountered`. */
#ifndef VG_CUDA_CHECK_H
#define VG_CUDA_CHECK_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "base/status.h"

/* `call` is the text of the expression; what follows its first parenthesis is left out. */
vg_status vg_cuda_check(cudaError_t e, const char *call);
vg_status vg_cudnn_check(cudnnStatus_t e, const char *call);
vg_status vg_cublas_check(cublasStatus_t e, const char *call);

/* Expressions of type vg_status, for VG_TRY. */
#define VG_CUDA(call) vg_cuda_check((call), #call)
#define VG_CUDNN(call) vg_cudnn_check((call), #call)
#define VG_CUBLAS(call) vg_cublas_check((call), #call)

#endif
