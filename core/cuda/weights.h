/* Weights in the form a library wants (NHWC with padded channels, bfloat16), kept from the forward
   to the backward and, while the weight is unchanged, to the next step. */
#ifndef VG_CUDA_WEIGHTS_H
#define VG_CUDA_WEIGHTS_H

#include "cuda/stream.h"

typedef struct vg_cuda_form {
  bool bf16;
  bool packed; /* K x R*S x channels, both ends padded; else the memory as it lies, same strides */
  int64_t kp, cp; /* padded numbers of outputs and of channels of a group */
} vg_cuda_form;

/* *out <- w (f32, contiguous, 4 dimensions if packed) in that form; *out may be w's own memory.
   Lies there until the next call of vg_cuda_weights_clear or a thousand other weights. */
vg_status vg_cuda_weight(const void **out, vg_device *d, const vg_tensor *w, vg_cuda_form form);

/* Lets go of everything kept. While a step is captured `p->weights` is a list of its own: what the
   graph computes must be computed in the graph. */
void vg_cuda_weights_clear(vg_cuda_priv *p);

#endif
