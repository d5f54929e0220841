/* The AMX product over tiles in software that work as the manual describes them: the configuration
   it loads is checked, and the results are those of the emulation, bit for bit. */
#include <immintrin.h>

#include "bf16_products.h"

typedef struct soft_tile {
  int rows, row_bytes;
  unsigned char bytes[16][64];
} soft_tile;

static soft_tile tile[8];
static int configured, used;

static void soft_loadconfig(const void *p) {
  const unsigned char *c = p;
  CHECK((uintptr_t)p % 64 == 0);
  CHECK(c[0] == 1); /* palette */
  CHECK(c[1] == 0); /* start row */
  for (int i = 2; i < 16; i++) CHECK(c[i] == 0);
  for (int i = 0; i < 8; i++) {
    tile[i].row_bytes = c[16 + 2 * i] + 256 * c[17 + 2 * i];
    tile[i].rows = c[48 + i];
    CHECK(tile[i].row_bytes > 0 && tile[i].row_bytes <= 64 && tile[i].rows <= 16);
  }
  for (int i = 8; i < 16; i++) CHECK(c[16 + 2 * i] == 0 && c[17 + 2 * i] == 0 && c[48 + i] == 0);
  configured = 1;
}

static void soft_release(void) { configured = 0; }

static void soft_zero(int t) { memset(tile[t].bytes, 0, sizeof tile[t].bytes); }

static void soft_load(int t, const void *from, int64_t stride) {
  used += configured;
  for (int r = 0; r < tile[t].rows; r++)
    memcpy(tile[t].bytes[r], (const char *)from + r * stride, (size_t)tile[t].row_bytes);
}

static void soft_store(int t, void *to, int64_t stride) {
  for (int r = 0; r < tile[t].rows; r++)
    memcpy((char *)to + r * stride, tile[t].bytes[r], (size_t)tile[t].row_bytes);
}

static float half(const soft_tile *t, int row, int i) {
  uint16_t h;
  memcpy(&h, t->bytes[row] + 2 * i, 2);
  return vg_bf16_to_f32(h);
}

static void soft_product(int to, int x, int y) {
  const soft_tile *a = &tile[x], *b = &tile[y];
  soft_tile *c = &tile[to];
  CHECK(configured && a->rows == c->rows && b->row_bytes == c->row_bytes);
  CHECK(a->row_bytes / 4 == b->rows);
  for (int m = 0; m < c->rows; m++)
    for (int n = 0; n < c->row_bytes / 4; n++) {
      float even = 0, odd = 0, sum;
      for (int k = 0; k < b->rows; k++) {
        even = fmaf(half(a, m, 2 * k), half(b, k, 2 * n), even);
        odd = fmaf(half(a, m, 2 * k + 1), half(b, k, 2 * n + 1), odd);
      }
      memcpy(&sum, c->bytes[m] + 4 * n, 4);
      sum += even + odd;
      memcpy(c->bytes[m] + 4 * n, &sum, 4);
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig soft_loadconfig
#define _tile_release soft_release
#define _tile_zero soft_zero
#define _tile_loadd soft_load
#define _tile_stored soft_store
#define _tile_dpbf16ps soft_product
#define vg_bf16_amx vg_bf16_soft_amx
extern const vg_bf16_kernels vg_bf16_amx;
#include "cpu/bf16_amx.c"

int main(void) {
  compare_products(&vg_bf16_soft_amx, 0);
  CHECK(used > 0 && !configured);
  return tally("bf16_amx");
}
