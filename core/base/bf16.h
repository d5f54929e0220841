/* f32 <-> bf16 on the bits: round to nearest even, NaN kept. No branches, so that loops over
   contiguous values become vector code. */
#ifndef VG_BASE_BF16_H
#define VG_BASE_BF16_H

#include <stdint.h>

#include "base/hd.h"

VG_HD float vg_from_bits(uint32_t u) {
  union {
    uint32_t u;
    float f;
  } v;
  v.u = u;
  return v.f;
}

VG_HD uint32_t vg_bits(float f) {
  union {
    float f;
    uint32_t u;
  } v;
  v.f = f;
  return v.u;
}

VG_HD float vg_bf16_to_f32(uint16_t h) { return vg_from_bits((uint32_t)h << 16); }

VG_HD uint16_t vg_f32_to_bf16(float f) {
  uint32_t u = vg_bits(f), even = (u + 0x7fffu + (u >> 16 & 1u)) >> 16, quiet = u >> 16 | 0x40u;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : even);
}

#endif
