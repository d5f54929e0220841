/* The kernels of AVX512-BF16 over stand-ins for its three instructions: the product, and everything
   that rounds. */
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

static __m256i soft_round(__m512 x) {
  float f[16];
  uint16_t h[16];
  __m256i out;
  memcpy(f, &x, sizeof f);
  for (int i = 0; i < 16; i++) h[i] = vg_f32_to_bf16(f[i]);
  memcpy(&out, h, sizeof h);
  return out;
}

/* The second operand gives the lower half. */
static __m512i soft_round2(__m512 hi, __m512 lo) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(soft_round(lo)), soft_round(hi), 1);
}

#define __AVX512BF16__ 1
#define _mm512_dpbf16_ps soft_dot
#define _mm512_cvtneps_pbh soft_round
#define _mm512_cvtne2ps_pbh soft_round2
#define vg_bf16_avx512bf16 vg_bf16_soft
extern const vg_bf16_kernels vg_bf16_avx512bf16;
#include "cpu/bf16_avx512bf16.c"

enum { N = 32, SIZE = 32 * N };

static _Alignas(64) uint16_t x[4][SIZE], g[SIZE], y[2][4][SIZE];
static uint8_t arg[2][SIZE];
static float sums[2][64];

static void same_rows(int which) { CHECK(!memcmp(y[0][which], y[1][which], sizeof y[0][which])); }

/* Sums may be rounded differently: fused or not. */
static void same_sums(void) {
  for (int i = 0; i < 64; i++)
    CHECK(fabsf(sums[0][i] - sums[1][i]) <= 1e-4f * (1 + fabsf(sums[1][i])));
  memset(sums, 0, sizeof sums);
}

static vg_bf16_bn constants(bool relu) {
  vg_bf16_bn c = {.relu = relu};
  for (int i = 0; i < 32; i++) {
    c.mean[i] = small();
    c.scale[i] = small() + 1;
    c.shift[i] = small();
    c.a[i] = small();
    c.b[i] = small();
    c.c[i] = small();
  }
  return c;
}

/* One pass against its parts, to the bit: y[0] holds what they give, y[1] the other. */
static void compare_pooled(const vg_bf16_kernels *k, bool relu, bool past) {
  const uint16_t *in[4] = {x[0], x[1], x[2], x[3]},
                 *normal[4] = {y[0][0], y[0][1], y[0][2], y[0][3]};
  uint16_t *out[2][4];
  vg_bf16_bn c = constants(relu);
  float part[4][64] = {{0}}, whole[4][64] = {{0}};
  for (int i = 0; i < 4; i++) k->bn_apply(y[0][i], x[i], N, &c, false);
  k->max4(y[0][0], arg[0], normal, N);
  k->bn_max4(y[1][0], arg[1], in, N, &c);
  same_rows(0);
  CHECK(!memcmp(arg[0], arg[1], SIZE));
  memset(y[1][0], 1, sizeof y[1][0]);
  k->bn_max4(y[1][0], NULL, in, N, &c);
  same_rows(0);
  for (int i = 0; i < 4; i++) {
    out[0][i] = y[0][i];
    out[1][i] = y[1][i];
  }
  k->max4_bwd(out[0], g, arg[0], N, past);
  k->bn_max4_bwd(out[1], g, arg[0], in, N, &c, past);
  k->bn_max4_reduce(g, arg[0], in, N, &c, whole[0]);
  k->fence();
  for (int i = 0; i < 4; i++) {
    k->bn_reduce(y[0][i], x[i], N, &c, part[i]);
    k->bn_bwd(y[0][i], y[0][i], x[i], N, &c, false);
    same_rows(i);
  }
  CHECK(!memcmp(part, whole, sizeof part));
}

static void compare_norm(bool relu, bool past) {
  const vg_bf16_kernels *k[2] = {&vg_bf16_soft, &vg_bf16_avx512};
  vg_bf16_bn c = constants(relu);
  for (int i = 0; i < 2; i++) {
    k[i]->bn_apply(y[i][0], x[0], N, &c, past);
    k[i]->bn_bwd(y[i][1], g, x[0], N, &c, past);
    k[i]->bn_reduce(g, x[0], N, &c, sums[i]);
    k[i]->fence();
  }
  same_rows(0);
  same_rows(1);
  same_sums();
}

static void compare_rest(bool past) {
  const vg_bf16_kernels *k[2] = {&vg_bf16_soft, &vg_bf16_avx512};
  const uint16_t *in[4] = {x[0], x[1], x[2], x[3]};
  _Alignas(64) float c[1024], bias[32];
  for (int i = 0; i < 1024; i++) c[i] = small();
  for (int i = 0; i < 32; i++) bias[i] = small();
  for (int i = 0; i < 2; i++) k[i]->max4(y[i][0], arg[i], in, N);
  same_rows(0);
  CHECK(!memcmp(arg[0], arg[1], SIZE));
  for (int i = 0; i < 2; i++) {
    uint16_t *out[4] = {y[i][0], y[i][1], y[i][2], y[i][3]};
    k[i]->max4_bwd(out, g, arg[0], N, past);
    k[i]->moments(x[0], N, sums[i]);
    k[i]->fence();
  }
  for (int i = 0; i < 4; i++) same_rows(i);
  same_sums();
  for (int i = 0; i < 2; i++) {
    k[i]->store(y[i][0], 512, c, bias, 29, sums[i], past);
    k[i]->pairs(y[i][1], 512, x[0], 512, 17);
    k[i]->columns(y[i][2], 512, x[0], 512, 30);
    k[i]->round(y[i][3], c, SIZE - 5);
    k[i]->fence();
  }
  for (int i = 0; i < 4; i++) same_rows(i);
  same_sums();
}

int main(void) {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")) {
    printf("skipped: no AVX-512\n");
    return 77;
  }
  compare_products(&vg_bf16_soft, 1e-5f);
  for (int i = 0; i < SIZE; i++) {
    g[i] = vg_f32_to_bf16(small());
    for (int k = 0; k < 4; k++) x[k][i] = vg_f32_to_bf16(small());
  }
  x[1][3] = 0x7fc0; /* NaN */
  for (int i = 0; i < 4; i++) {
    compare_norm(i & 1, i & 2);
    compare_pooled(&vg_bf16_soft, i & 1, i & 2);
    compare_pooled(&vg_bf16_avx512, i & 1, i & 2);
    compare_pooled(&vg_bf16_base, i & 1, false);
  }
  for (int i = 0; i < 2; i++) compare_rest(i);
  return tally("bf16_avx512bf16");
}
