/* Whole-tensor comparisons on the host. */
#ifndef VG_TENSOR_COMPARE_H
#define VG_TENSOR_COMPARE_H

#include "tensor/tensor.h"

/* Every |a - b| <= atol + rtol |b|; equal infinities are close, NaN is close to nothing. Any two
   dtypes. VG_ESHAPE for different shapes. */
VG_API vg_status vg_all_close(bool *out, const vg_tensor *a, const vg_tensor *b, double rtol,
                              double atol);
/* Same shape, dtype and values (NaN equals nothing). */
VG_API vg_status vg_all_equal(bool *out, const vg_tensor *a, const vg_tensor *b);

#endif
