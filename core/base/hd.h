/* VG_HD marks small functions which the kernels of every backend compile. */
#ifndef VG_BASE_HD_H
#define VG_BASE_HD_H

#ifdef __CUDACC__
#define VG_HD __host__ __device__ static inline
#else
#define VG_HD static inline
#endif

#endif
