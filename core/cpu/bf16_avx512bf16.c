/* The product by AVX512-BF16: eight rows by two columns of tiles stay in sixteen registers. */
#include <immintrin.h>

#include "cpu/bf16.h"

#define BF16_OWN_PRODUCT

static void begin(void) {}
static void end(void) {}

static inline __attribute__((always_inline)) __m512bh load_pairs_of(const uint16_t *p) {
  return (__m512bh)_mm512_loadu_si512(p);
}
static inline __attribute__((always_inline)) __m512bh one_pair(const uint16_t *p) {
  int32_t v;
  __builtin_memcpy(&v, p, sizeof v);
  return (__m512bh)_mm512_set1_epi32(v);
}

/* Rows m..m+7 of the upper or lower half. */
static inline __attribute__((always_inline)) void eight_rows(const vg_tile_job *j, int64_t a_at,
                                                             float *c) {
  __m512 left[8], right[8];
  for (int r = 0; r < 8; r++) {
    left[r] = j->add ? _mm512_loadu_ps(c + 16 * r) : _mm512_setzero_ps();
    right[r] = j->add ? _mm512_loadu_ps(c + 256 + 16 * r) : _mm512_setzero_ps();
  }
  for (int64_t i = 0; i < j->runs; i++) {
    const uint16_t *a = j->run[i].a + j->a_offset + a_at, *b = j->run[i].b;
    for (int64_t s = 0; s < j->steps; s++, a += VG_TILE, b += VG_TILE)
      for (int p = 0; p < 16; p++) {
        __m512bh b0 = load_pairs_of(b + 32 * p), b1 = load_pairs_of(b + j->b_right + 32 * p);
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++) {
          __m512bh v = one_pair(a + 32 * r + 2 * p);
          left[r] = _mm512_dpbf16_ps(left[r], v, b0);
          right[r] = _mm512_dpbf16_ps(right[r], v, b1);
        }
      }
  }
  for (int r = 0; r < 8; r++) {
    _mm512_storeu_ps(c + 16 * r, left[r]);
    _mm512_storeu_ps(c + 256 + 16 * r, right[r]);
  }
}

static void product(const vg_tile_job *j) {
  for (int m = 0; m < 32; m += 8)
    eight_rows(j, m / 16 * j->a_lower + 32 * (m % 16), j->c + m / 16 * 512 + 16 * (m % 16));
}

#define BF16_TABLE vg_bf16_avx512bf16
#define BF16_NAME "AVX512-BF16"
#include "cpu/bf16_impl.h"
