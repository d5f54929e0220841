/* The sum of squares of all gradients. In a recorded step that of a gradient which was made on a
   branch is made there, too, right behind it: at the end little is left to read. */
#ifndef VG_CUDA_GRAD_NORM_H
#define VG_CUDA_GRAD_NORM_H

#include "cuda/stream.h"

/* g was just written on the branch (p->side). Nothing happens before somebody has asked for a norm.
 */
vg_status vg_cuda_squares_beside(vg_device *d, const vg_tensor *g);
/* The capture is over. */
void vg_cuda_squares_forget(vg_cuda_priv *p);

/* As in vg_optim_vt. */
vg_status vg_cuda_grad_squares(vg_device *d, int n, vg_tensor *const *x, vg_tensor *sum,
                               bool first);
vg_status vg_cuda_grad_root(vg_device *d, vg_tensor *norm, const vg_tensor *sum);
vg_status vg_cuda_grad_sum_squares(vg_device *d, int n, vg_tensor *const *x, double *out);

#endif
