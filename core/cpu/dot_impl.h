/* Products of rows with rows, part of cpu/dense_impl.h. */

#if LANES == 16
enum { DOT_ROWS = 6 };
#else
enum { DOT_ROWS = 3 };
#endif

typedef float v8 __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));

static inline float sum_lanes(vf x) {
#if LANES == 16
  v8 e = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
         __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
  v8 e = x;
#endif
#if LANES >= 8
  v4 q = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
#else
  v4 q = x;
#endif
  return (q[0] + q[2]) + (q[1] + q[3]);
}

/* One vector accumulates for each pair, whatever the size of the tile: a pair's value does not
   depend on its neighbours. */
static inline __attribute__((always_inline)) void dot_micro(const vg_dot *g, const float *a,
                                                            const float *b, float *o,
                                                            const int rows, const int columns) {
  vf acc[DOT_ROWS][4];
  int64_t k = 0;
  UNROLL for (int r = 0; r < rows; r++) for (int c = 0; c < columns; c++) acc[r][c] = splat(0);
  for (; k + LANES <= g->k; k += LANES) {
    vf w[4];
    UNROLL for (int c = 0; c < columns; c++) w[c] = *(const vf *)(b + c * g->b_row + k);
    UNROLL for (int r = 0; r < rows; r++) {
      vf x = *(const vf *)(a + r * g->a_row + k);
      UNROLL for (int c = 0; c < columns; c++) acc[r][c] += x * w[c];
    }
  }
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) {
      float *to = o + r * g->o_row + c, sum = sum_lanes(acc[r][c]);
      for (int64_t i = k; i < g->k; i++) sum += a[r * g->a_row + i] * b[c * g->b_row + i];
      *to = g->add ? *to + sum : sum;
    }
}

#define DOT_CASE(n)                \
  case n:                          \
    if (columns == 4)              \
      dot_micro(g, a, b, o, n, 4); \
    else                           \
      dot_micro(g, a, b, o, n, 1); \
    break;

static void dot_some(const vg_dot *g, const float *a, const float *b, float *o, int64_t rows,
                     int columns) {
  switch (rows) {
    DOT_CASE(1)
    DOT_CASE(2)
    DOT_CASE(3)
#if LANES == 16
    DOT_CASE(4)
    DOT_CASE(5)
    DOT_CASE(6)
#endif
    default: break;
  }
}

static void dot(const vg_dot *g) {
  for (int64_t c = 0, step; c < g->columns; c += step) {
    step = g->columns - c >= 4 ? 4 : 1;
    for (int64_t r = 0; r < g->rows; r += DOT_ROWS)
      dot_some(g, g->a + r * g->a_row, g->b + c * g->b_row, g->o + r * g->o_row + c,
               g->rows - r < DOT_ROWS ? g->rows - r : DOT_ROWS, (int)step);
  }
}
