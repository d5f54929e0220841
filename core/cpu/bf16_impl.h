/* The bodies of cpu/bf16.h. Included by one file per instruction set, which defines first
   BF16_TABLE (the symbol), BF16_NAME and, where it brings the product itself, BF16_OWN_PRODUCT with
   static functions begin, end and product; deliberately without an include guard. */
#include <stddef.h>
#include <string.h>

#include "cpu/bf16.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

/* 16 lanes whatever the machine; the compiler cuts them to its registers. */
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t u16x2 __attribute__((vector_size(64), aligned(4), may_alias)); /* 16 pairs */
typedef int32_t i16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t h16 __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint8_t b16 __attribute__((vector_size(16), aligned(1), may_alias));

#define LOAD(p) (*(const v16 *)(const void *)(p))
#define PAIRS(p) (*(u16x2 *)(void *)(p))
#define PAIRS_AT(p) (*(const u16x2 *)(const void *)(p))
#define INLINE static inline __attribute__((always_inline))

INLINE v16 splat(float x) { return x - (v16){0}; }
INLINE v16 pick(i16 mask, v16 a, v16 b) { return (v16)((mask & (i16)a) | (~mask & (i16)b)); }

/* gcc makes the conversion of two halves unless it is told the instruction. */
INLINE v16 widen(const uint16_t *p) {
#ifdef __AVX512F__
  __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)p);
  return (v16)_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16);
#else
  h16 h = *(const h16 *)(const void *)p;
  return (v16)(__builtin_convertvector(h, u16x2) << 16);
#endif
}

/* Nearest even; a NaN stays one. */
INLINE void narrow(uint16_t *p, v16 x) {
#ifdef __AVX512BF16__
  _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh((__m512)x));
#else
  u16x2 u = (u16x2)x, r = u + 0x7fffu + (u >> 16 & 1u);
  i16 nan = x != x;
  r = ((u | 0x400000u) & (u16x2)nan) | (r & ~(u16x2)nan);
  *(h16 *)(void *)p = __builtin_convertvector(r >> 16, h16);
#endif
}

INLINE void put_floats(float *p, v16 x, bool past) {
#ifdef __AVX512F__
  if (past)
    _mm512_stream_ps(p, (__m512)x);
  else
    _mm512_storeu_ps(p, (__m512)x);
#else
  (void)past;
  *(v16 *)(void *)p = x;
#endif
}

/* A row of 32; past: not into the caches. */
INLINE void put_halves(uint16_t *p, h16 lo, h16 hi, bool past) {
#ifdef __AVX512F__
  __m512i row = _mm512_inserti64x4(_mm512_castsi256_si512((__m256i)lo), (__m256i)hi, 1);
  if (past)
    _mm512_stream_si512((__m512i *)(void *)p, row);
  else
    _mm512_storeu_si512(p, row);
#else
  (void)past;
  *(h16 *)(void *)p = lo;
  *(h16 *)(void *)(p + 16) = hi;
#endif
}

INLINE h16 rounded(v16 x) {
  h16 h;
  narrow((uint16_t *)&h, x);
  return h;
}

INLINE void put_row(uint16_t *p, v16 lo, v16 hi, bool past) {
#ifdef __AVX512BF16__
  __m512i row = (__m512i)_mm512_cvtne2ps_pbh((__m512)hi, (__m512)lo);
  if (past)
    _mm512_stream_si512((__m512i *)(void *)p, row);
  else
    _mm512_storeu_si512(p, row);
#else
  put_halves(p, rounded(lo), rounded(hi), past);
#endif
}

static void fence(void) {
#ifdef __AVX512F__
  _mm_sfence();
#endif
}

#include "cpu/bf16_norm_impl.h"
#include "cpu/bf16_pool_impl.h"
#include "cpu/bf16_tile_impl.h"

const vg_bf16_kernels BF16_TABLE = {.name = BF16_NAME,
                                    .begin = begin,
                                    .end = end,
                                    .fence = fence,
                                    .product = product,
                                    .store = store,
                                    .spread = spread,
                                    .pairs = pairs,
                                    .columns = columns,
                                    .turn = turn,
                                    .turn_floats = turn_floats,
                                    .weight_pairs = weight_pairs,
                                    .squares = squares,
                                    .round = round_row,
                                    .sum = sum_rows,
                                    .moments = moments,
                                    .bn_apply = bn_apply,
                                    .bn_reduce = bn_reduce,
                                    .bn_bwd = bn_bwd,
                                    .max4 = max4,
                                    .max4_bwd = max4_bwd,
                                    .bn_max4 = bn_max4,
                                    .bn_max4_reduce = bn_max4_reduce,
                                    .bn_max4_bwd = bn_max4_bwd};
