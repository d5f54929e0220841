/* Single-precision functions in branch-free C that the compiler turns into vector code inside a
   loop over contiguous floats. NaN stays NaN, overflow gives infinity. Included by the files of
   one instruction set (cpu/rows_*.c), which define VG_FMA(a, b, c) as a * b + c, fused where the
   hardware is; other files get the plain form. */
#ifndef VG_CPU_VEC_H
#define VG_CPU_VEC_H

#include <math.h>
#include <stdint.h>

#ifndef VG_FMA
#define VG_FMA(a, b, c) ((a) * (b) + (c))
#endif

static inline float vg_v_from_bits(uint32_t u) {
  union {
    uint32_t u;
    float f;
  } v = {.u = u};
  return v.f;
}

static inline uint32_t vg_v_bits(float f) {
  union {
    float f;
    uint32_t u;
  } v = {.f = f};
  return v.u;
}

/* e^x: 2^n * e^r with |r| <= ln 2 / 2 and the Taylor series to r^7; below 1.5 ulp. The two factors
   of 2^n keep both ends of the range exact. */
static inline float vg_v_exp(float x) {
  const float big = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
  float c = x > 89.0f ? 89.0f : x, r, p, t, n;
  uint32_t k, half;
  c = c < -104.0f ? -104.0f : c;
  t = VG_FMA(c, 1.44269504f, big);
  n = t - big;
  r = VG_FMA(n, -0.693145752f, c);
  r = VG_FMA(n, -1.42860677e-6f, r);
  p = VG_FMA(1.98412698e-4f, r, 1.38888889e-3f);
  p = VG_FMA(p, r, 8.33333333e-3f);
  p = VG_FMA(p, r, 4.16666667e-2f);
  p = VG_FMA(p, r, 1.66666667e-1f);
  p = VG_FMA(p, r, 0.5f);
  p = VG_FMA(p, r * r, r);
  p = p + 1.0f;
  k = vg_v_bits(t) - 0x4B400000u; /* n as a two's complement number */
  half = (uint32_t)((int32_t)k >> 1);
  p = p * vg_v_from_bits((half + 127u) << 23) * vg_v_from_bits((k - half + 127u) << 23);
  p = x > 88.7228394f ? vg_v_from_bits(0x7f800000u) : p;
  return x < -103.972084f ? 0.0f : p;
}

static inline float vg_v_sigmoid(float x) { return 1.0f / (1.0f + vg_v_exp(-x)); }

static inline uint16_t vg_v_to_bf16(float f) {
  uint32_t u = vg_v_bits(f), even = (u + 0x7fffu + (u >> 16 & 1u)) >> 16, quiet = u >> 16 | 0x40u;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : even);
}

static inline float vg_v_from_bf16(uint16_t h) { return vg_v_from_bits((uint32_t)h << 16); }

#endif
