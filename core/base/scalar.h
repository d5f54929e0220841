/* Single-precision functions in branch-free C: one text for all backends. On the CPU the compiler
   turns them into vector code inside a loop over contiguous floats. NaN stays NaN, overflow gives
   infinity. Files of one instruction set (cpu/rows_*.c) define VG_FMA(a, b, c) as a * b + c, fused
   where the hardware is; other files get the plain form. */
#ifndef VG_BASE_SCALAR_H
#define VG_BASE_SCALAR_H

#include <math.h>
#include <stdint.h>

#include "base/bf16.h"

#ifndef VG_FMA
#ifdef __CUDACC__
#define VG_FMA(a, b, c) fmaf(a, b, c)
#else
#define VG_FMA(a, b, c) ((a) * (b) + (c))
#endif
#endif

/* e^x: 2^n * e^r with |r| <= ln 2 / 2 and the Taylor series to r^7; below 1.5 ulp. The two factors
   of 2^n keep both ends of the range exact. */
VG_HD float vg_v_exp(float x) {
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
  k = vg_bits(t) - 0x4B400000u; /* n as a two's complement number */
  half = (uint32_t)((int32_t)k >> 1);
  p = p * vg_from_bits((half + 127u) << 23) * vg_from_bits((k - half + 127u) << 23);
  p = x > 88.7228394f ? vg_from_bits(0x7f800000u) : p;
  return x < -103.972084f ? 0.0f : p;
}

VG_HD float vg_v_sigmoid(float x) { return 1.0f / (1.0f + vg_v_exp(-x)); }

VG_HD float vg_v_gelu_inner(float x) { return 0.7978845608f * (x + 0.044715f * x * x * x); }

/* tanh, odd; small arguments by the series quotient, others by e^2x. */
VG_HD float vg_v_tanh(float x) {
  float t = x < 0.0f ? -x : x, z = x * x, small, large;
  small = VG_FMA(z, -5.70498873e-3f, 2.06390888e-2f);
  small = VG_FMA(small, z, -5.37397156e-2f);
  small = VG_FMA(small, z, 1.33314422e-1f);
  small = VG_FMA(small, z, -3.33332819e-1f);
  small = VG_FMA(small * z, x, x);
  large = 1.0f - 2.0f / (vg_v_exp(2.0f * t) + 1.0f);
  large = x < 0.0f ? -large : large;
  return t < 0.625f ? small : large;
}

VG_HD float vg_v_clamp(float u, float p, float q) {
  float t = u < p ? p : u;
  return t > q ? q : t;
}

VG_HD float vg_v_gelu_tanh_slope(float v) {
  float t = vg_v_tanh(vg_v_gelu_inner(v));
  return 0.5f * (1.0f + t) +
         0.5f * v * (1.0f - t * t) * 0.7978845608f * (1.0f + 3.0f * 0.044715f * v * v);
}
VG_HD float vg_v_silu_slope(float v) {
  float t = vg_v_sigmoid(v);
  return t * (1.0f + v * (1.0f - t));
}
/* PyTorch's conversion of floats to integers truncates towards zero; NaN and overflow are undefined
   there and saturate here. */
VG_HD int64_t vg_f32_to_i64(float v) {
  if (v != v) return 0;
  if (v >= 9.2233720e18f) return INT64_MAX;
  if (v <= -9.2233720e18f) return INT64_MIN;
  return (int64_t)v;
}

/* ---- whole numbers, modulo 2^64 ---- */

/* Bounds may be infinite (clamp with one side open). */
VG_HD int64_t vg_to_whole(double v) {
  if (v >= 9.2e18) return INT64_MAX;
  if (v <= -9.2e18) return INT64_MIN;
  return v != v ? 0 : (int64_t)v;
}

VG_HD uint64_t vg_whole_power(uint64_t base, int64_t e) {
  uint64_t r = 1;
  if (e < 0) return base == 1 ? 1 : base == UINT64_MAX ? (e % 2 ? base : 1) : 0;
  for (; e > 0; e >>= 1, base *= base)
    if (e & 1) r *= base;
  return r;
}

VG_HD int64_t vg_whole_clamp(int64_t u, int64_t lo, int64_t hi) {
  int64_t t = u < lo ? lo : u;
  return t > hi ? hi : t;
}

#endif
