/* Sums over a tensor, left by whoever wrote it and had its elements at hand. */
#ifndef VG_CPU_BF16_SUMS_H
#define VG_CPU_BF16_SUMS_H

#include "cpu/hwnc.h"

/* Of x's channels (padded): sums, then sums of squares. NULL: nobody has left any, or x changed. */
const double *vg_bf16_sums(const vg_tensor *x);
/* Room for those of x, whose contents are as they are now; NULL without memory. */
double *vg_bf16_sums_new(const vg_tensor *x);

/* The sum of the squares of all elements of x. NULL: nobody has left it, or x changed. */
const double *vg_bf16_squares(const vg_tensor *x);
/* Leaves it: `parts`, computed in float, are summed in their order. Nothing is left without memory
   or where squares of floats are no longer exact enough: the elements tell more. */
void vg_bf16_squares_leave(const vg_tensor *x, const double *parts, int64_t n);

#endif
