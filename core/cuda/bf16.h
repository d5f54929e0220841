/* bfloat16 in kernels: stored as its 16 bits, computed in f32, rounded to nearest even. On a GPU by
   its own instruction; the same bits as the host's, but for the payload of a NaN. */
#ifndef VG_CUDA_BF16_H
#define VG_CUDA_BF16_H

#include <stdint.h>

#include "base/bf16.h"

typedef struct vg_bf16 {
  uint16_t bits;
} vg_bf16;

VG_HD float vg_bf16_load(vg_bf16 h) { return vg_bf16_to_f32(h.bits); }

VG_HD vg_bf16 vg_bf16_store(float f) {
  vg_bf16 h;
#if defined(__CUDA_ARCH__) && !VG_CUDA_EMULATE
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
#else
  h.bits = vg_f32_to_bf16(f);
#endif
  return h;
}

/* Two at once: `low` in the lower half, the first in memory. */
VG_HD uint32_t vg_bf16_pair(float low, float high) {
#if defined(__CUDA_ARCH__) && !VG_CUDA_EMULATE
  uint32_t w;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(high), "f"(low));
  return w;
#else
  return (uint32_t)vg_f32_to_bf16(high) << 16 | vg_f32_to_bf16(low);
#endif
}

#endif
