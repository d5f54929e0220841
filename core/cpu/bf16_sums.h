/* Sums over images and pixels of each channel of a tensor, left by whoever wrote it. */
#ifndef VG_CPU_BF16_SUMS_H
#define VG_CPU_BF16_SUMS_H

#include "cpu/hwnc.h"

/* Of x's channels (padded): sums, then sums of squares. NULL: nobody has left any, or x changed. */
const double *vg_bf16_sums(const vg_tensor *x);
/* Room for those of x, whose contents are as they are now; NULL without memory. */
double *vg_bf16_sums_new(const vg_tensor *x);

#endif
