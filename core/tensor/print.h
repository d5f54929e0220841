/* Tensors as text: one line of shape and statistics; the values, too, when there are few. */
#ifndef VG_TENSOR_PRINT_H
#define VG_TENSOR_PRINT_H

#include "base/text.h"
#include "tensor/tensor.h"

enum { VG_PRINT_VALUES = 100 }; /* up to so many elements are shown one by one */

typedef struct vg_stats {
  double min, max, mean, std; /* of the elements that are not NaN; std with n - 1, 0 for one */
  int64_t nan;                /* how many are */
  int64_t zeros, infinite;
} vg_stats;

/* Statistics in double precision; an empty or all-NaN tensor gives NaN throughout. */
VG_API vg_status vg_tensor_stats(vg_stats *out, const vg_tensor *t);

/* The same of every channel (dimension 1 of N x C x ...): C entries. VG_ESHAPE below two
   dimensions. */
VG_API vg_status vg_channel_stats(vg_stats *out, const vg_tensor *t);

/* `Tensor 3x32x32 float32 cpu   min -1.99 max 2.06 mean 0.11 std 1.02`, NaN count when not 0. */
VG_API vg_status vg_tensor_summary(vg_text *out, const vg_tensor *t);

/* The summary, or the head and all values for small tensors, or just the number for a scalar. */
VG_API vg_status vg_tensor_text(vg_text *out, const vg_tensor *t);

#endif
