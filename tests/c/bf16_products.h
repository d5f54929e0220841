/* The products of one table of kernels, compiled over stand-ins for instructions which this machine
   may lack, against those of the portable table. */
#ifndef TESTS_BF16_PRODUCTS_H
#define TESTS_BF16_PRODUCTS_H

#include <math.h>

#include "checks.h"
#include "cpu/bf16.h"
#include "tensor/tensor.h"

enum { POOL = 64 * VG_TILE };

static uint32_t draw(void) {
  static uint32_t x = 2463534242u;
  x ^= x << 13;
  x ^= x >> 17;
  return x ^= x << 5;
}

static float small(void) { return (float)(draw() >> 8) / 16777216.0f - 0.5f; }

/* Some runs with every offset different; `limit`: how far, relative to the largest, results may be
   from the portable ones (0: the same bits). */
static void compare_products(const vg_bf16_kernels *k, float limit) {
  static uint16_t a[POOL], b[POOL];
  _Alignas(64) float got[1024], want[1024];
  vg_tile_run run[3] = {{a, b}, {a + 20 * VG_TILE, b + 7 * VG_TILE}, {a + 3 * VG_TILE, b}};
  for (int i = 0; i < POOL; i++) {
    a[i] = vg_f32_to_bf16(small());
    b[i] = vg_f32_to_bf16(small());
  }
  k->begin();
  for (int add = 0; add < 2; add++)
    for (int runs = 0; runs <= 3; runs++)
      for (int steps = 1; steps <= 3; steps += 2) {
        vg_tile_job j = {.run = run,
                         .runs = runs,
                         .steps = steps,
                         .a_offset = 5 * VG_TILE,
                         .a_lower = 9 * VG_TILE,
                         .b_right = 11 * VG_TILE,
                         .add = add};
        float most = 0, off = 0;
        for (int i = 0; i < 1024; i++) got[i] = want[i] = small();
        j.c = got;
        k->product(&j);
        j.c = want;
        vg_bf16_base.product(&j);
        for (int i = 0; i < 1024; i++) {
          most = fmaxf(most, fabsf(want[i]));
          off = fmaxf(off, fabsf(got[i] - want[i]));
        }
        CHECK(off <= limit * most);
      }
  k->end();
}

#endif
