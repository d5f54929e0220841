/* Tiles: products by emulation, the epilogue of a product, changes of form; part of
   cpu/bf16_impl.h. */

#ifndef BF16_OWN_PRODUCT
/* As the manual defines the AMX instruction: within one tile product even and odd elements are
   summed separately, then both are added to the tile. A product of two bf16 is exact in f32, so
   that it does not matter whether it is fused with the addition. */
#ifdef __AVX512F__
enum { ROWS = 8 };
#elif defined(__AVX2__)
enum { ROWS = 2 };
#else
enum { ROWS = 1 };
#endif

static void begin(void) {}
static void end(void) {}

INLINE void one_tile(float *restrict c, const float (*even)[16], const float (*odd)[16],
                     const uint16_t *b) {
  for (int m = 0; m < 16; m += ROWS) {
    v16 e[ROWS], o[ROWS];
    for (int r = 0; r < ROWS; r++) e[r] = o[r] = splat(0);
    for (int p = 0; p < 16; p++) {
      u16x2 pair = PAIRS_AT(b + 32 * p);
      v16 b0 = (v16)(pair << 16), b1 = (v16)(pair & 0xffff0000u);
      for (int r = 0; r < ROWS; r++) {
        e[r] += splat(even[m + r][p]) * b0;
        o[r] += splat(odd[m + r][p]) * b1;
      }
    }
    for (int r = 0; r < ROWS; r++) add_to(c + 16 * (m + r), e[r] + o[r]);
  }
}

INLINE void unpack(float (*even)[16], float (*odd)[16], const uint16_t *a) {
  for (int m = 0; m < 16; m++) {
    u16x2 pair = PAIRS_AT(a + 32 * m);
    *(v16 *)(void *)even[m] = (v16)(pair << 16);
    *(v16 *)(void *)odd[m] = (v16)(pair & 0xffff0000u);
  }
}

static void product(const vg_tile_job *j) {
  _Alignas(64) float even[16][16], odd[16][16];
  if (!j->add) memset(j->c, 0, 4 * 256 * sizeof *j->c);
  for (int64_t i = 0; i < j->runs; i++) {
    const uint16_t *a = j->run[i].a + j->a_offset, *b = j->run[i].b;
    for (int64_t s = 0; s < j->steps; s++, a += VG_TILE, b += VG_TILE)
      for (int lower = 0; lower < 2; lower++) {
        unpack(even, odd, a + lower * j->a_lower);
        one_tile(j->c + 512 * lower, even, odd, b);
        one_tile(j->c + 512 * lower + 256, even, odd, b + j->b_right);
      }
  }
}
#endif

static void store(uint16_t *y, int64_t lower, const float *c, const float *bias, int rows,
                  float *sums, bool past) {
  v16 add[2] = {{0}}, s[2] = {{0}}, q[2] = {{0}};
  for (int h = 0; bias && h < 2; h++) add[h] = LOAD(bias + 16 * h);
  for (int r = 0; r < 32; r++) {
    const float *from = c + 512 * (r / 16) + 16 * (r % 16);
    h16 v[2] = {rounded(LOAD(from) + add[0]), rounded(LOAD(from + 256) + add[1])};
    put_halves(y + (r / 16) * lower + 32 * (r % 16), v[0], v[1], past);
    if (!sums || r >= rows) continue;
    for (int h = 0; h < 2; h++) {
      v16 x = (v16)(__builtin_convertvector(v[h], u16x2) << 16);
      s[h] += x;
      q[h] += x * x;
    }
  }
  for (int h = 0; sums && h < 2; h++) {
    add_to(sums + 16 * h, s[h]);
    add_to(sums + 32 + 16 * h, q[h]);
  }
}

static void spread(float *y, int64_t row, const float *c, bool past) {
  for (int r = 0; r < 32; r++) {
    const float *from = c + 512 * (r / 16) + 16 * (r % 16);
    put_floats(y + r * row, LOAD(from), past);
    put_floats(y + r * row + 16, LOAD(from + 256), past);
  }
}

/* Sixteen of a lane in float, then in double. */
static double squares(const float *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += 1024) {
    v16 q[4] = {{0}};
    for (int64_t k = i; k < i + 1024; k += 64)
      for (int l = 0; l < 4; l++) q[l] += LOAD(x + k + 16 * l) * LOAD(x + k + 16 * l);
    for (int l = 0; l < 64; l++) sum += (double)q[l / 16][l % 16];
  }
  return sum;
}

/* ---- changes of form ---- */

/* Rows r and r + 1 as pairs of their elements: channels 0..15 in *lo, the rest in *hi. */
INLINE void two_rows(u16x2 *lo, u16x2 *hi, const uint16_t *x, const uint16_t *next) {
  u16x2 a = __builtin_convertvector(*(const h16 *)(const void *)x, u16x2);
  u16x2 b = __builtin_convertvector(*(const h16 *)(const void *)(x + 16), u16x2);
  u16x2 c = __builtin_convertvector(*(const h16 *)(const void *)next, u16x2);
  u16x2 d = __builtin_convertvector(*(const h16 *)(const void *)(next + 16), u16x2);
  *lo = a | c << 16;
  *hi = b | d << 16;
}

INLINE void load_pairs(u16x2 *lo, u16x2 *hi, const uint16_t *x, int64_t lower, int rows) {
  static const uint16_t none[32];
  for (int p = 0; p < 16; p++) {
    const uint16_t *row = x + (p / 8) * lower + 64 * (p % 8);
    two_rows(&lo[p], &hi[p], 2 * p < rows ? row : none, 2 * p + 1 < rows ? row + 32 : none);
  }
}

static void pairs(uint16_t *b, int64_t apart, const uint16_t *x, int64_t lower, int rows) {
  u16x2 lo[16], hi[16];
  load_pairs(lo, hi, x, lower, rows);
  for (int p = 0; p < 16; p++) {
    PAIRS(b + 32 * p) = lo[p];
    PAIRS(b + apart + 32 * p) = hi[p];
  }
}

/* In place: exchanges the bits of row and column numbers one after the other. */
#define STAGE(K, A, B)                               \
  for (int i = 0; i < 16; i++) {                     \
    if (i & K) continue;                             \
    u16x2 top = t[i], low = t[i | K];                \
    t[i] = __builtin_shufflevector(top, low, A);     \
    t[i | K] = __builtin_shufflevector(top, low, B); \
  }
#define EVEN_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define ODD_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define EVEN_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define ODD_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define EVEN_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define ODD_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define EVEN_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define ODD_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31

INLINE void transpose(u16x2 *t) {
  STAGE(1, EVEN_1, ODD_1)
  STAGE(2, EVEN_2, ODD_2)
  STAGE(4, EVEN_4, ODD_4)
  STAGE(8, EVEN_8, ODD_8)
}

static void columns(uint16_t *a, int64_t apart, const uint16_t *x, int64_t lower, int rows) {
  u16x2 lo[16], hi[16];
  load_pairs(lo, hi, x, lower, rows);
  transpose(lo);
  transpose(hi);
  for (int p = 0; p < 16; p++) {
    PAIRS(a + 32 * p) = lo[p];
    PAIRS(a + apart + 32 * p) = hi[p];
  }
}

static void turn(uint16_t *b, int64_t apart, const uint16_t *x) {
  for (int half = 0; half < 2; half++, b += apart) {
    u16x2 t[16];
    for (int r = 0; r < 16; r++) t[r] = PAIRS_AT(x + 32 * (16 * half + r));
    transpose(t);
    for (int r = 0; r < 16; r++) PAIRS(b + 32 * r) = t[r];
  }
}

static void turn_floats(float *y, int64_t y_row, const float *x, int64_t x_row, bool past) {
  u16x2 t[16];
  for (int r = 0; r < 16; r++) t[r] = PAIRS_AT(x + r * x_row);
  transpose(t);
  for (int r = 0; r < 16; r++) put_floats(y + r * y_row, (v16)t[r], past);
}

/* The row of pairs whose first elements are those of x. */
INLINE u16x2 weave(v16 x, v16 next) {
  return __builtin_convertvector(rounded(x), u16x2) | __builtin_convertvector(rounded(next), u16x2)
                                                          << 16;
}

static void weight_pairs(uint16_t *across, int64_t apart, uint16_t *along, const float *x,
                         int64_t row) {
  for (int p = 0; across && p < 8; p++) {
    const float *from = x + 2 * p * row;
    PAIRS(across + 32 * p) = weave(LOAD(from), LOAD(from + row));
    PAIRS(across + apart + 32 * p) = weave(LOAD(from + 16), LOAD(from + row + 16));
  }
  if (along) {
    u16x2 t[16];
    for (int r = 0; r < 16; r++)
      put_row((uint16_t *)&t[r], LOAD(x + r * row), LOAD(x + r * row + 16), false);
    transpose(t);
    for (int r = 0; r < 16; r++) PAIRS(along + 32 * r) = t[r];
  }
}

static void round_row(uint16_t *x, const float *from, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) narrow(x + i, LOAD(from + i));
  if (i < n) {
    float v[16] = {0};
    uint16_t h[16];
    memcpy(v, from + i, (size_t)(n - i) * sizeof *v);
    narrow(h, LOAD(v));
    memcpy(x + i, h, (size_t)(n - i) * sizeof *h);
  }
}
