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

static void product(const vg_tile_job *j) {
  enum { ROW = 64 };
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
    const uint16_t *a = j->run[i].a + j->a_offset, *b = j->run[i].b;
    const uint16_t *lower = a + j->a_lower, *right = b + j->b_right;
    for (int64_t s = 0; s < j->steps; s++) {
      _tile_loadd(4, a, ROW);
      _tile_loadd(6, b, ROW);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right, ROW);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, lower, ROW);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
      a += VG_TILE;
      b += VG_TILE;
      lower += VG_TILE;
      right += VG_TILE;
    }
  }
  _tile_stored(0, c, ROW);
  _tile_stored(1, c + 256, ROW);
  _tile_stored(2, c + 512, ROW);
  _tile_stored(3, c + 768, ROW);
}

#define BF16_TABLE vg_bf16_amx
#define BF16_NAME "AMX"
#include "cpu/bf16_impl.h"
