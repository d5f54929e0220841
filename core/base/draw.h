/* From words of a stream to values, as vgglua/backend.h defines them for every backend. */
#ifndef VG_BASE_DRAW_H
#define VG_BASE_DRAW_H

#include <math.h>

#include "base/rng.h"

/* A probability in units of 2^-24, to be compared with word >> 8. */
VG_HD uint32_t vg_in_24_bits(double p) { return (uint32_t)lrint(p * 16777216.0); }

/* lo + width * u, at most `top`: the largest float below the upper end. */
VG_HD float vg_draw_uniform(uint32_t w, float lo, float width, float top) {
  float u = lo + width * vg_u01(w);
  return u < top ? u : top;
}

/* Box-Muller: two values from two words. */
VG_HD void vg_draw_normal(float out[2], uint32_t w0, uint32_t w1, float mean, float deviation) {
  float r = sqrtf(-2 * logf(vg_u01(w0) + 1.0f / 16777216.0f));
  float t = 6.28318530717958647692f * vg_u01(w1);
  out[0] = mean + deviation * (r * cosf(t));
  out[1] = mean + deviation * (r * sinf(t));
}

#endif
