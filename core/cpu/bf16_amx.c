/* The product by AMX: four tiles of results, two of each operand, all of 16 rows of 64 bytes. */
#include <immintrin.h>
#include <string.h>

#include "cpu/bf16.h"

#define BF16_OWN_PRODUCT

/* The operand of LDTILECFG, as the manual lays it out. */
typedef struct tile_config {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "LDTILECFG reads 64 bytes");

static void begin(void) {
  _Alignas(64) tile_config c;
  memset(&c, 0, sizeof c);
  c.palette = 1;
  for (int i = 0; i < 8; i++) {
    c.row_bytes[i] = 64;
    c.rows[i] = 16;
  }
  __asm__ volatile(""
                   :
                   : "r"(&c)
                   : "memory"); /* gcc's intrinsic names 8 of the 64 bytes it reads */
  _tile_loadconfig(&c);
}

static void end(void) { _tile_release(); }

enum { ROW = 64 };

/* Asks for a tile's 16 lines while the products of the tile before it run: a tile load by itself
   has too few lines on their way from the second-level cache. */
static inline __attribute__((always_inline)) void fetch(const uint16_t *from) {
#pragma GCC unroll 16
  for (int r = 0; r < 16; r++) __builtin_prefetch(from + 32 * r, 0, 3);
}

/* The four products of one step; the next one's tiles are at `next` and `right`. */
static inline __attribute__((always_inline)) void step(const vg_tile_job *j, const uint16_t *a,
                                                       const uint16_t *b, const uint16_t *next,
                                                       const uint16_t *right) {
  fetch(next);
  _tile_loadd(4, a, ROW);
  _tile_loadd(6, b, ROW);
  _tile_dpbf16ps(0, 4, 6);
  fetch(right);
  _tile_loadd(7, b + j->b_right, ROW);
  _tile_dpbf16ps(1, 4, 7);
  fetch(next + j->a_lower);
  _tile_loadd(5, a + j->a_lower, ROW);
  _tile_dpbf16ps(2, 5, 6);
  fetch(right + j->b_right);
  _tile_dpbf16ps(3, 5, 7);
}

static void product(const vg_tile_job *j) {
  float *c = j->c;
  if (j->add) {
    _tile_loadd(0, c, ROW);
    _tile_loadd(1, c + 256, ROW);
    _tile_loadd(2, c + 512, ROW);
    _tile_loadd(3, c + 768, ROW);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t i = 0; i < j->runs; i++) {
    const vg_tile_run *follow = &j->run[i + 1 < j->runs ? i + 1 : i];
    const uint16_t *a = j->run[i].a + j->a_offset, *b = j->run[i].b;
    for (int64_t s = 1; s < j->steps; s++, a += VG_TILE, b += VG_TILE)
      step(j, a, b, a + VG_TILE, b + VG_TILE);
    if (j->steps > 0) step(j, a, b, follow->a + j->a_offset, follow->b);
  }
  _tile_stored(0, c, ROW);
  _tile_stored(1, c + 256, ROW);
  _tile_stored(2, c + 512, ROW);
  _tile_stored(3, c + 768, ROW);
}

#define BF16_TABLE vg_bf16_amx
#define BF16_NAME "AMX"
#include "cpu/bf16_impl.h"
