/* f32 copies of bf16 tensors, for the kernels that know f32 only. */
#ifndef VG_CPU_WIDE_H
#define VG_CPU_WIDE_H

#include "cpu/cpu.h"

/* Zero-initialise. `t` is a tensor of f32 in memory of the pool. */
typedef struct vg_wide {
  vg_tensor t;
  vg_storage storage;
} vg_wide;

/* An f32 tensor with x's values, in `layout` (NULL: contiguous). */
vg_status vg_wide_copy(vg_wide *w, vg_device *d, const vg_tensor *x, const vg_layout *layout);
/* Same shape, contents undefined. */
vg_status vg_wide_room(vg_wide *w, vg_device *d, const vg_tensor *x, const vg_layout *layout);
/* x <- w, rounded to x's type. */
vg_status vg_wide_store(vg_device *d, vg_tensor *x, vg_wide *w);
void vg_wide_give(vg_wide *w); /* an empty one is fine */

#endif
