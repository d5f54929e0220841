/* Sums over a convolution's output that its plan makes on the way, for the batch norm behind it,
   which then need not read the output for its statistics. A convolution does not know what follows:
   it leaves a note on its output that says which plan would make the sums, and a batch norm in
   training that finds the note asks for them, from the next convolution of that problem on. When
   nobody uses what VG_CUDA_PATIENCE convolutions in a row made, they stop.

   Only for bf16: the variance as E[x^2] - E[x]^2 of sums in f32 cancels where the mean is many
   times the deviation. bf16 has lost the deviation there anyway; f32 keeps the statistics in
   chunks. */
#ifndef VG_CUDA_STATS_H
#define VG_CUDA_STATS_H

#include "cuda/tuner.h"

/* Whether a batch norm in training may follow: gradients are recorded and weights change.
   VGG_CUDA_STATS=0 in the environment: never. */
bool vg_cuda_stats_likely(const vg_device *d, const vg_tensor *y);

/* Whether the plan leaves the same sums in memory of any contents: an engine might add to them. */
vg_status vg_cuda_stats_sound(bool *sound, vg_device *d, const vg_cuda_plan *plan,
                              const vg_cuda_operands *o);

/* The note of a convolution whose output, all of y, is queued. plan: of the problem with
   statistics. Takes over `sums`, which may be none. */
vg_status vg_cuda_stats_leave(vg_device *d, const vg_tensor *y, vg_cuda_plan *plan, vg_buf *sums);

/* For a batch norm in training: the sums of x's channels, then those of their squares, or NULL. */
const float *vg_cuda_stats_use(const vg_device *d, const vg_tensor *x);

#endif
