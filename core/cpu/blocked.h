/* The CPU's physical layout of activations: N x C/B x H x W x B (oneDNN's nChw16c or nChw8c) with B
   floats of a vector register, for tensors of four dimensions whose channels are a multiple of B,
   so that there is never padding to mind. */
#ifndef VG_CPU_BLOCKED_H
#define VG_CPU_BLOCKED_H

#include "cpu/dense.h"
#include "vgglua/backend.h"

extern const vg_layout vg_cpu_nchw16c, vg_cpu_nchw8c; /* kind: channels in a block */

/* The one this machine uses, and its B. */
static inline const vg_layout *vg_cpu_blocked(void) {
  return vg_cpu_dense_get()->lanes == 16 ? &vg_cpu_nchw16c : &vg_cpu_nchw8c;
}

#define VG_CPU_BLOCK ((int64_t)vg_cpu_blocked()->kind)

static inline bool vg_cpu_can_block(int ndim, const int64_t *shape) {
  return ndim == 4 && shape[1] > 0 && shape[1] % vg_cpu_blocked()->kind == 0;
}

#endif
