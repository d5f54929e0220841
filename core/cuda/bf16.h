/* bfloat16 in kernels: stored as its 16 bits, computed in f32, rounded to nearest even, NaN kept.
   The same bits as vg_f32_to_bf16 of the host. */
#ifndef VG_CUDA_BF16_H
#define VG_CUDA_BF16_H

#include <stdint.h>

#include "base/rng.h"

typedef struct vg_bf16 {
  uint16_t bits;
} vg_bf16;

VG_HD float vg_bf16_load(vg_bf16 h) {
  union {
    uint32_t u;
    float f;
  } v;
  v.u = (uint32_t)h.bits << 16;
  return v.f;
}

VG_HD vg_bf16 vg_bf16_store(float f) {
  union {
    float f;
    uint32_t u;
  } v;
  vg_bf16 h;
  v.f = f;
  if ((v.u & 0x7fffffffu) > 0x7f800000u)
    h.bits = (uint16_t)(v.u >> 16 | 0x40u);
  else
    h.bits = (uint16_t)((v.u + 0x7fffu + (v.u >> 16 & 1u)) >> 16);
  return h;
}

#endif
