/* Optimisers over parameters with lazily created state, and gradient clipping. */
#ifndef VG_OPTIM_OPTIM_H
#define VG_OPTIM_OPTIM_H

#include "vgglua/backend.h"

/* One parameter. The state tensors hang in the caller's slots; NULL there means "none yet": they
   are made, zeroed, at the first step that finds a gradient. Parameters without a gradient are left
   alone and get no state. */
typedef struct vg_param {
  vg_tensor *p;
  vg_tensor **m, **v; /* Adam: both moments; SGD: m is the momentum buffer, v unused */
  int64_t step;       /* steps taken; counted up by each call that updates p */
} vg_param;

/* One step for every parameter with a gradient; a->step is ignored, each parameter counts its own.
   Parameters are f32 and dense (VG_EDTYPE, VG_ESTATE otherwise, before anything is changed).
   Gradients and state in another order in memory are converted first. a->clip clips them by their
   total norm on the way, without changing them (VG_EINVAL for max_norm < 0, VG_EDTYPE for other
   squares than vg_grad_norm_tensor's, VG_EUNSUPPORTED where that is unsupported). */
VG_API vg_status vg_adam_step(int n, vg_param *params, const vg_adam_args *a);
/* a->first is ignored. */
VG_API vg_status vg_sgd_step(int n, vg_param *params, const vg_sgd_args *a);

/* Total 2-norm of the gradients of the tensors that have one; 0 when none has. */
VG_API vg_status vg_grad_norm(int n, vg_tensor *const *params, double *norm);
/* Multiplies gradients by min(1, max_norm / (norm + 1e-6)); *norm is the one before. */
VG_API vg_status vg_clip_grad_norm(int n, vg_tensor *const *params, double max_norm, double *norm);
VG_API vg_status vg_clip_grad_value(int n, vg_tensor *const *params, double bound);

/* The norm without waiting for the device, for recorded steps: *norm is one f32 number on the
   parameters' device (all on one), *squares what a step's `clip` takes. The caller owns both.
   VG_EUNSUPPORTED where the backend needs the host. */
VG_API vg_status vg_grad_norm_tensor(vg_tensor **norm, vg_tensor **squares, int n,
                                     vg_tensor *const *params);

/* Drops every gradient; its memory goes back to the pool. */
VG_API void vg_zero_grad(int n, vg_tensor *const *params);

#endif
