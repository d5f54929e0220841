/* colour.c's inner loops for eight pixels at a time. */
#include "data/colour_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))

bool vg_colour_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

AVX2 static inline __m256i load8(const uint8_t *p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

/* Eight 32-bit integers to bytes, saturated. */
AVX2 static inline void store8(uint8_t *p, __m256i v) {
  __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(w, w));
}

AVX2 static inline __m256i mul(__m256i v, int k) {
  return _mm256_mullo_epi32(v, _mm256_set1_epi32(k));
}

AVX2 int vg_saturation_row_avx2(uint8_t *px, int plane, int n, float alpha, float beta) {
  __m256 a = _mm256_set1_ps(alpha), b = _mm256_set1_ps(beta);
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i c[3];
    for (int k = 0; k < 3; k++) c[k] = load8(px + k * plane + i);
    __m256i y = _mm256_add_epi32(mul(c[0], 9798), mul(c[1], 19235));
    y = _mm256_add_epi32(y, _mm256_add_epi32(mul(c[2], 3735), _mm256_set1_epi32(16384)));
    __m256 part = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32(y, 15)), b);
    for (int k = 0; k < 3; k++) /* conversion rounds half to even */
      store8(px + k * plane + i,
             _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(c[k]), a, part)));
  }
  return i;
}

AVX2 static inline __m256i pick(__m256i otherwise, __m256i value, __m256i mask) {
  return _mm256_blendv_epi8(otherwise, value, mask);
}

AVX2 static inline __m256i is(__m256i sector, int k) {
  return _mm256_cmpeq_epi32(sector, _mm256_set1_epi32(k));
}

AVX2 static inline __m256i level(__m256 v, __m256 s, __m256 f) {
  __m256 x = _mm256_mul_ps(v, _mm256_fnmadd_ps(s, f, _mm256_set1_ps(1.0f)));
  return _mm256_cvttps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(255.0f)));
}

/* Hue, 0..179, of pixels with largest channel `max` and spread d. */
AVX2 static inline __m256i hue(const __m256i c[3], __m256i max, __m256i d, const int *by_spread) {
  __m256i h = _mm256_add_epi32(_mm256_sub_epi32(c[0], c[1]), _mm256_slli_epi32(d, 2));
  __m256i green = _mm256_add_epi32(_mm256_sub_epi32(c[2], c[0]), _mm256_slli_epi32(d, 1));
  h = pick(h, green, _mm256_cmpeq_epi32(max, c[1]));
  h = pick(h, _mm256_sub_epi32(c[1], c[2]), _mm256_cmpeq_epi32(max, c[0]));
  h = _mm256_mullo_epi32(h, _mm256_i32gather_epi32(by_spread, d, 4));
  h = _mm256_srai_epi32(_mm256_add_epi32(h, _mm256_set1_epi32(2048)), 12);
  __m256i below = _mm256_srai_epi32(h, 31);
  return _mm256_add_epi32(h, _mm256_and_si256(below, _mm256_set1_epi32(180)));
}

AVX2 int vg_hue_row_avx2(uint8_t *px, int plane, int n, const vg_hue_tables *t) {
  const __m256 scale = _mm256_set1_ps(1.0f / 255.0f), one = _mm256_set1_ps(1.0f);
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i c[3];
    for (int k = 0; k < 3; k++) c[k] = load8(px + k * plane + i);
    __m256i max = _mm256_max_epi32(c[0], _mm256_max_epi32(c[1], c[2]));
    __m256i d = _mm256_sub_epi32(max, _mm256_min_epi32(c[0], _mm256_min_epi32(c[1], c[2])));
    __m256i h = hue(c, max, d, t->by_spread);
    __m256i sat = _mm256_mullo_epi32(d, _mm256_i32gather_epi32(t->by_value, max, 4));
    sat = _mm256_srai_epi32(_mm256_add_epi32(sat, _mm256_set1_epi32(2048)), 12);
    __m256 s = _mm256_mul_ps(_mm256_cvtepi32_ps(sat), scale);
    __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(max), scale);
    __m256i sector = _mm256_i32gather_epi32(t->sector, h, 4);
    __m256i top = _mm256_cvttps_epi32(_mm256_mul_ps(v, _mm256_set1_ps(255.0f)));
    __m256i low = level(v, s, one), mid = level(v, s, _mm256_i32gather_ps(t->part, h, 4));
    __m256i k0 = is(sector, 0), k1 = is(sector, 1), k2 = is(sector, 2), k3 = is(sector, 3);
    __m256i k4 = is(sector, 4), k5 = is(sector, 5);
    __m256i r = pick(pick(low, mid, _mm256_or_si256(k1, k4)), top, _mm256_or_si256(k0, k5));
    __m256i g = pick(pick(low, mid, _mm256_or_si256(k0, k3)), top, _mm256_or_si256(k1, k2));
    __m256i b = pick(pick(low, mid, _mm256_or_si256(k2, k5)), top, _mm256_or_si256(k3, k4));
    store8(px + i, r);
    store8(px + plane + i, g);
    store8(px + 2 * plane + i, b);
  }
  return i;
}

#else
bool vg_colour_avx2(void) { return false; }
int vg_saturation_row_avx2(uint8_t *px, int plane, int n, float alpha, float beta) {
  (void)px, (void)plane, (void)n, (void)alpha, (void)beta;
  return 0;
}
int vg_hue_row_avx2(uint8_t *px, int plane, int n, const vg_hue_tables *t) {
  (void)px, (void)plane, (void)n, (void)t;
  return 0;
}
#endif
