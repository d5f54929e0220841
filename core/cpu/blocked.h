/* The CPU's physical layout of activations: N x C/16 x H x W x 16 (oneDNN's nChw16c), for tensors
   of four dimensions whose channels are a multiple of 16, so that there is never padding to mind.
 */
#ifndef VG_CPU_BLOCKED_H
#define VG_CPU_BLOCKED_H

#include "vgglua/backend.h"

enum { VG_CPU_BLOCK = 16 };

extern const vg_layout vg_cpu_nchw16c;

static inline bool vg_cpu_can_block(int ndim, const int64_t *shape) {
  return ndim == 4 && shape[1] > 0 && shape[1] % VG_CPU_BLOCK == 0;
}

#endif
