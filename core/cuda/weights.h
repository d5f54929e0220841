/* Weights in the form a library wants (NHWC with padded channels, bfloat16), kept from the forward
   to the backward and, while the weight is unchanged, to the next step. Optimisers write the plain
   bfloat16 form together with the weight. A recorded step relies on forms that were made before it:
   it pins them, and what has changed since its last launch is made again before the next one. */
#ifndef VG_CUDA_WEIGHTS_H
#define VG_CUDA_WEIGHTS_H

#include "cuda/stream.h"

typedef struct vg_cuda_form {
  bool bf16;
  bool packed; /* K x R*S x channels, both ends padded; else the memory as it lies, same strides */
  int64_t kp, cp; /* padded numbers of outputs and of channels of a group */
} vg_cuda_form;

/* *out <- w (f32, contiguous or channels last, 4 dimensions if packed) in that form; *out may be
   w's own memory. Lies there until the next call of vg_cuda_weights_clear or a thousand other
   weights, and as long as a recording that asked for it. */
vg_status vg_cuda_weight(const void **out, vg_device *d, const vg_tensor *w, vg_cuda_form form);

/* Where an optimiser's kernel has to write p (whose version counts the step already) in bfloat16
   besides; NULL: nobody has asked for that since the last step. */
void *vg_cuda_weight_copy(vg_device *d, const vg_tensor *p);

/* Lets go of everything kept that no recording has pinned. While a step is captured `p->weights` is
   a list of its own, for what is computed in the graph. */
void vg_cuda_weights_clear(vg_cuda_priv *p);

/* ---- a recording's hold on forms ---- */

typedef struct vg_cuda_pin {
  struct vg_cuda_kept *kept;
  vg_tensor *weight; /* as it was asked for; keeps the weight's memory alive */
  struct vg_cuda_pin *next;
} vg_cuda_pin;

/* Makes the forms again whose weight was changed since; in a capture: as a part of the graph. */
vg_status vg_cuda_pins_refresh(vg_device *d, vg_cuda_pin *pins);
/* p's version was counted up for a step which the recording's next launch does. */
void vg_cuda_pins_stepped(vg_cuda_pin *pins, const vg_tensor *p);
void vg_cuda_pins_drop(vg_cuda_pin *pins);

#endif
