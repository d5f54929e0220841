/* The AVX512-BF16 product over a stand-in for its one instruction. */
#include <immintrin.h>

#include "bf16_products.h"

/* Two additions a lane, the odd element's first. */
static __m512 soft_dot(__m512 c, __m512bh x, __m512bh y) {
  float sum[16];
  uint16_t a[32], b[32];
  memcpy(sum, &c, sizeof sum);
  memcpy(a, &x, sizeof a);
  memcpy(b, &y, sizeof b);
  for (int i = 0; i < 16; i++) {
    sum[i] += vg_bf16_to_f32(a[2 * i + 1]) * vg_bf16_to_f32(b[2 * i + 1]);
    sum[i] += vg_bf16_to_f32(a[2 * i]) * vg_bf16_to_f32(b[2 * i]);
  }
  memcpy(&c, sum, sizeof sum);
  return c;
}

#define _mm512_dpbf16_ps soft_dot
#define vg_bf16_avx512bf16 vg_bf16_soft
extern const vg_bf16_kernels vg_bf16_avx512bf16;
#include "cpu/bf16_avx512bf16.c"

int main(void) {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")) {
    printf("skipped: no AVX-512\n");
    return 77;
  }
  compare_products(&vg_bf16_soft, 1e-5f);
  return tally("bf16_avx512bf16");
}
