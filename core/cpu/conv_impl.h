/* Products and transforms of our own convolutions, part of cpu/dense_impl.h. */

#if LANES == 16
enum { ROWS = 14 }; /* with two vectors of columns: 28 of 32 registers accumulate */
#else
enum { ROWS = 6 };
#endif

#ifndef AHEAD
#define AHEAD 16
#endif

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- products: o[r][v] (+)= sum over i of a[r, i] * b[i][v] ---- */

/* rows are LANES floats apart, the sum runs along them and over blocks of LANES. */
static inline __attribute__((always_inline)) void rows_micro(const vg_gemm *g, const float *a,
                                                             float *o, const int rows,
                                                             const int vecs) {
  vf acc[ROWS][2];
  const float *b = g->b;
  UNROLL for (int r = 0; r < rows; r++) for (int v = 0; v < vecs; v++) acc[r][v] = splat(0);
  for (int64_t k = 0; k < g->outer; k++, a += g->a_block) {
    for (int i = 0; i < LANES; i++, b += 2 * LANES) {
      vf w[2];
      __builtin_prefetch(b + AHEAD * 2 * LANES);
      if (vecs == 2) __builtin_prefetch(b + AHEAD * 2 * LANES + LANES);
      for (int v = 0; v < vecs; v++) w[v] = AT(b, v);
      UNROLL for (int r = 0; r < rows; r++) {
        vf x = splat(a[r * LANES + i]);
        for (int v = 0; v < vecs; v++) acc[r][v] += x * w[v];
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) for (int v = 0; v < vecs; v++) {
    float *to = o + r * g->o_row + v * g->o_vec;
    PUT(to, 0) = acc[r][v] + (g->add ? AT(to, 0) : splat(0));
  }
}

#define ROWS_CASE(n)             \
  case n:                        \
    if (g->vecs == 2)            \
      rows_micro(g, a, o, n, 2); \
    else                         \
      rows_micro(g, a, o, n, 1); \
    break;

static void rows_some(const vg_gemm *g, const float *a, float *o, int64_t rows) {
  switch (rows) {
    ROWS_CASE(1)
    ROWS_CASE(2)
    ROWS_CASE(3)
    ROWS_CASE(4)
    ROWS_CASE(5)
    ROWS_CASE(6)
#if LANES == 16
    ROWS_CASE(7)
    ROWS_CASE(8)
    ROWS_CASE(9)
    ROWS_CASE(10)
    ROWS_CASE(11)
    ROWS_CASE(12)
    ROWS_CASE(13)
    ROWS_CASE(14)
#endif
    default: break;
  }
}

static void gemm_rows(const vg_gemm *g) {
  for (int64_t r = 0; r < g->rows; r += ROWS) {
    int64_t n = g->rows - r < ROWS ? g->rows - r : ROWS;
    rows_some(g, g->a + r * LANES, g->o + r * g->o_row, n);
  }
}

/* LANES rows that are neighbouring floats; the sum runs over vectors of them. Half of the rows at a
   time, with two vectors of columns b_vec apart. */
static inline __attribute__((always_inline)) void columns_micro(const vg_gemm *g, const float *a,
                                                                float *o, const int vecs) {
  enum { HALF = LANES / 2 };
  vf acc[HALF][2];
  const float *b = g->b;
  UNROLL for (int r = 0; r < HALF; r++) for (int v = 0; v < vecs; v++) acc[r][v] = splat(0);
  for (int64_t i = 0; i < g->outer; i++, a += LANES, b += LANES) {
    vf w[2];
    for (int v = 0; v < vecs; v++) w[v] = *(const vf *)(b + v * g->b_vec);
    UNROLL for (int r = 0; r < HALF; r++) {
      vf x = splat(a[r]);
      for (int v = 0; v < vecs; v++) acc[r][v] += x * w[v];
    }
  }
  UNROLL for (int r = 0; r < HALF; r++) for (int v = 0; v < vecs; v++) {
    float *to = o + r * g->o_row + v * g->o_vec;
    PUT(to, 0) = acc[r][v] + (g->add ? AT(to, 0) : splat(0));
  }
}

static void gemm_columns(const vg_gemm *g) {
  for (int h = 0; h < 2; h++) {
    const float *a = g->a + h * LANES / 2;
    float *o = g->o + h * LANES / 2 * g->o_row;
    if (g->vecs == 2)
      columns_micro(g, a, o, 2);
    else
      columns_micro(g, a, o, 1);
  }
}

/* ---- Winograd F(4x4, 3x3): points 0, 1, -1, 2, -2, infinity ---- */

static inline void bt6(vf *o, int64_t os, const vf *d, int64_t ds) {
  vf a = d[4 * ds] - 4 * d[2 * ds], b = d[3 * ds] - 4 * d[ds], c = d[4 * ds] - d[2 * ds],
     e = 2 * (d[3 * ds] - d[ds]);
  o[0] = 4 * d[0] - 5 * d[2 * ds] + d[4 * ds];
  o[os] = a + b;
  o[2 * os] = a - b;
  o[3 * os] = c + e;
  o[4 * os] = c - e;
  o[5 * os] = 4 * d[ds] - 5 * d[3 * ds] + d[5 * ds];
}

static inline void at6(vf *o, int64_t os, const vf *m, int64_t ms) {
  vf a = m[ms] + m[2 * ms], b = m[ms] - m[2 * ms], c = m[3 * ms] + m[4 * ms],
     d = m[3 * ms] - m[4 * ms];
  o[0] = m[0] + a + c;
  o[os] = b + 2 * d;
  o[2 * os] = a + 4 * c;
  o[3 * os] = b + 8 * d + m[5 * ms];
}

/* A: the transpose of at6, four values to six. */
static inline void a6(vf *o, int64_t os, const vf *y, int64_t ys) {
  vf e = y[0] + y[2 * ys], f = y[ys] + y[3 * ys], g = y[0] + 4 * y[2 * ys],
     h = 2 * y[ys] + 8 * y[3 * ys];
  o[0] = y[0];
  o[os] = e + f;
  o[2 * os] = e - f;
  o[3 * os] = g + h;
  o[4 * os] = g - h;
  o[5 * os] = y[3 * ys];
}

/* G: three values to six. */
static inline void g6(vf *o, int64_t os, const vf *g, int64_t gs) {
  vf a = (g[0] + g[2 * gs]) * splat(-1.0f / 6), b = g[gs] * splat(-1.0f / 6),
     c = g[0] * splat(1.0f / 24) + g[2 * gs] * splat(1.0f / 6), d = g[gs] * splat(1.0f / 12);
  o[0] = g[0] * splat(0.25f);
  o[os] = a + b;
  o[2 * os] = a - b;
  o[3 * os] = c + d;
  o[4 * os] = c - d;
  o[5 * os] = g[2 * gs];
}

/* Its transpose, six to three. */
static inline void gt6(vf *o, int64_t os, const vf *m, int64_t ms) {
  vf a = (m[ms] + m[2 * ms]) * splat(-1.0f / 6), b = (m[ms] - m[2 * ms]) * splat(-1.0f / 6),
     c = m[3 * ms] + m[4 * ms], d = m[3 * ms] - m[4 * ms];
  o[0] = m[0] * splat(0.25f) + a + c * splat(1.0f / 24);
  o[os] = b + d * splat(1.0f / 12);
  o[2 * os] = a + c * splat(1.0f / 6) + m[5 * ms];
}

/* Pixels of one plane around a tile, zero outside; size: 6 (from -pad) or 4. */
static inline void load_tile(vf *d, const float *plane, const vg_tile *t, int size) {
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      int64_t r = t->row + i, c = t->column + j;
      bool inside = r >= 0 && r < t->h && c >= 0 && c < t->w;
      d[i * size + j] = inside ? AT(plane, r * t->w + c) : splat(0);
    }
}

static void wino_input(float *v, int64_t stride, const float *plane, const vg_tile *t) {
  vf d[36], m[36];
  load_tile(d, plane, t, 6);
  UNROLL for (int j = 0; j < 6; j++) bt6(m + j, 6, d + j, 6);
  UNROLL for (int i = 0; i < 6; i++) {
    vf o[6];
    bt6(o, 1, m + 6 * i, 1);
    UNROLL for (int j = 0; j < 6; j++) * (vf *)(v + (6 * i + j) * stride) = o[j];
  }
}

static void wino_gradient(float *z, int64_t stride, const float *plane, const vg_tile *t) {
  vf d[16], m[24];
  load_tile(d, plane, t, 4);
  UNROLL for (int j = 0; j < 4; j++) a6(m + j, 4, d + j, 4);
  UNROLL for (int i = 0; i < 6; i++) {
    vf o[6];
    a6(o, 1, m + 4 * i, 1);
    UNROLL for (int j = 0; j < 6; j++) * (vf *)(z + (6 * i + j) * stride) = o[j];
  }
}

static void wino_output(float *plane, const float *m, int64_t stride, const float *bias,
                        const vg_tile *t) {
  vf d[24], o[16], b = bias ? AT(bias, 0) : splat(0);
  UNROLL for (int j = 0; j < 6; j++) {
    vf c[6];
    UNROLL for (int i = 0; i < 6; i++) c[i] = *(const vf *)(m + (6 * i + j) * stride);
    at6(d + j, 6, c, 1);
  }
  UNROLL for (int i = 0; i < 4; i++) at6(o + 4 * i, 1, d + 6 * i, 1);
  for (int i = 0; i < 4 && t->row + i < t->h; i++)
    for (int j = 0; j < 4 && t->column + j < t->w; j++)
      PUT(plane, (t->row + i) * t->w + t->column + j) = o[4 * i + j] + b;
}

/* taps: nine vectors; u: 36 of them, `stride` floats apart. */
static void wino_weight(float *u, int64_t stride, const float *taps) {
  vf d[9], m[18];
  UNROLL for (int i = 0; i < 9; i++) d[i] = AT(taps, i);
  UNROLL for (int j = 0; j < 3; j++) g6(m + j, 3, d + j, 3);
  UNROLL for (int i = 0; i < 6; i++) {
    vf o[6];
    g6(o, 1, m + 3 * i, 1);
    UNROLL for (int j = 0; j < 6; j++) * (vf *)(u + (6 * i + j) * stride) = o[j];
  }
}

static void wino_weight_gradient(float *taps, const float *u, int64_t stride) {
  vf d[18], o[9];
  UNROLL for (int j = 0; j < 6; j++) {
    vf c[6];
    UNROLL for (int i = 0; i < 6; i++) c[i] = *(const vf *)(u + (6 * i + j) * stride);
    gt6(d + j, 6, c, 1);
  }
  UNROLL for (int i = 0; i < 3; i++) gt6(o + 3 * i, 1, d + 6 * i, 1);
  UNROLL for (int i = 0; i < 9; i++) PUT(taps, i) = o[i];
}

/* ---- weights between OIHW and nine vectors a channel ---- */

/* taps[c][tap][k]: LANES filters `row` floats apart, `channels` channels of each. */
static void weights_by_filter(float *taps, const float *w, int64_t row, int64_t channels) {
  for (int64_t k = 0; k < LANES; k++)
    for (int64_t i = 0; i < channels * 9; i++) taps[i * LANES + k] = w[k * row + i];
}

/* taps[8 - tap][c]: LANES channels of one filter, taps turned around. */
static void weights_by_channel(float *taps, const float *w) {
  for (int64_t c = 0; c < LANES; c++)
    for (int64_t i = 0; i < 9; i++) taps[(8 - i) * LANES + c] = w[c * 9 + i];
}

/* The way back: taps[c][tap][k] into LANES filters. */
static void filters_from(float *w, int64_t row, const float *taps, int64_t channels) {
  for (int64_t k = 0; k < LANES; k++)
    for (int64_t i = 0; i < channels * 9; i++) w[k * row + i] = taps[i * LANES + k];
}
