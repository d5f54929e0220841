/* How a kernel is launched, and the little of CUDA C++ that our .cu files may use besides. The same
   file is compiled by nvcc and, with VG_CUDA_EMULATE, as C++ against a header of the tests that
   runs every block's threads on the CPU. No inline PTX, cooperative groups, textures or libraries
   of kernels; dynamic shared memory only by VG_DYNAMIC_SHARED. */
#ifndef VG_CUDA_LAUNCH_H
#define VG_CUDA_LAUNCH_H

#include <cuda_runtime_api.h>

#if VG_CUDA_EMULATE
#include "emulate.h" /* defines VG_LAUNCH and VG_DYNAMIC_SHARED, too */
#else
#include <cuda_runtime.h>
#define VG_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
/* The block's dynamic shared memory as an array, 16-byte aligned. */
#define VG_DYNAMIC_SHARED(type, name)                         \
  extern __shared__ __align__(16) unsigned char vg_shared_[]; \
  type *name = reinterpret_cast<type *>(vg_shared_)
#endif

#endif
