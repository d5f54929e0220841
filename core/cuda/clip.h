/* Gradient norms and clipping that never ask the host: the members of vg_optim_vt for recorded
   steps. */
#ifndef VG_CUDA_CLIP_H
#define VG_CUDA_CLIP_H

#include "cuda/stream.h"

vg_status vg_cuda_squares(vg_device *d, int n, vg_tensor *const *x, vg_tensor *sum, bool first);
vg_status vg_cuda_root(vg_device *d, vg_tensor *norm, const vg_tensor *sum);
vg_status vg_cuda_clip_by(vg_device *d, int n, vg_tensor *const *x, const vg_tensor *sum,
                          double bound);

#endif
