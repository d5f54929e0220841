/* The bodies of cpu/rows.h. Included by one file per instruction set, which defines ROWS_TABLE (the
   symbol) and VG_FMA first; deliberately without an include guard. */
#include "base/elements.h"
#include "cpu/rows.h"

#define UNUSED (void)a, (void)b, (void)c, (void)s

/* In these bodies u, v, w are the elements of a, b, c; p, q the scalars. `simd` allows y to be one
   of the inputs: no iteration reads what another wrote. */
#define ROW1(NAME, T, EXPR)                                                         \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const T *x = a;                                                                 \
    T *z = y;                                                                       \
    const T p = (T)s.a, q = (T)s.b;                                                 \
    UNUSED, (void)p, (void)q;                                                       \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                           \
      const T u = x[i];                                                             \
      (void)u;                                                                      \
      z[i] = (T)(EXPR);                                                             \
    }                                                                               \
  }
#define ROW2(NAME, T, EXPR)                                                         \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const T *x1 = a, *x2 = b;                                                       \
    T *z = y;                                                                       \
    UNUSED;                                                                         \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                           \
      const T u = x1[i], v = x2[i];                                                 \
      z[i] = (T)(EXPR);                                                             \
    }                                                                               \
  }
#define BWD(NAME, SOURCE, VAR, EXPR)                                                \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const float *x1 = a, *x2 = SOURCE;                                              \
    float *z = y;                                                                   \
    const float p = (float)s.a, q = (float)s.b;                                     \
    UNUSED, (void)p, (void)q;                                                       \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                           \
      const float u = x1[i], VAR = x2[i];                                           \
      z[i] = EXPR;                                                                  \
    }                                                                               \
  }
#define UNARY(KIND, EXPR) ROW1(f_##KIND, float, EXPR)
#define BINARY(KIND, EXPR) ROW2(b_##KIND, float, EXPR)
#define BWD_INPUT(KIND, EXPR) BWD(g_##KIND, b, v, EXPR)
#define BWD_RESULT(KIND, EXPR) BWD(g_##KIND, c, w, EXPR)
#define BWD_NEITHER(KIND, EXPR) ROW1(g_##KIND, float, EXPR)
#define SLOPE(KIND, NEEDS, EXPR) BWD_##NEEDS(KIND, EXPR)
VG_UNARY_F32(UNARY)
VG_UNARY_BWD_F32(SLOPE)
VG_BINARY_F32(BINARY)

#define UNARY_ENTRY(KIND, EXPR) [VG_##KIND] = f_##KIND,
#define BINARY_ENTRY(KIND, EXPR) [VG_##KIND] = b_##KIND,
#define SLOPE_ENTRY(KIND, NEEDS, EXPR) [VG_##KIND] = g_##KIND,
static const vg_cpu_row unary_table[VG_UNARY_COUNT] = {VG_UNARY_F32(UNARY_ENTRY)};
static const vg_cpu_row unary_bwd_table[VG_UNARY_COUNT] = {VG_UNARY_BWD_F32(SLOPE_ENTRY)};
static const vg_cpu_row binary_table[VG_BINARY_COUNT] = {VG_BINARY_F32(BINARY_ENTRY)};

/* ---- blocks for conversions and sums ---- */
static void rows_to_bf16(int64_t n, uint16_t *y, const float *x) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = vg_f32_to_bf16(x[i]);
}
static void rows_from_bf16(int64_t n, float *y, const uint16_t *x) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = vg_bf16_to_f32(x[i]);
}
static void rows_exp(int64_t n, float *y, const float *x) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = vg_v_exp(x[i]);
}

enum { LANES = 32 };

static double fold(double *lane) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) lane[j] += lane[j + half];
  return lane[0];
}

static double rows_sum(int64_t n, const float *x) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j];
  for (int j = 0; i + j < n; j++) lane[j] += (double)x[i + j];
  return fold(lane);
}

static double rows_sum_squares(int64_t n, const float *x, float shift) {
  double lane[LANES] = {0}, k = (double)shift;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) {
      double v = (double)x[i + j] - k;
      lane[j] += v * v;
    }
  for (int j = 0; i + j < n; j++) {
    double v = (double)x[i + j] - k;
    lane[j] += v * v;
  }
  return fold(lane);
}

#define EXTREME(NAME, BETTER)                                                               \
  static float NAME(int64_t n, const float *x) {                                            \
    float lane[LANES];                                                                      \
    int64_t i = 0;                                                                          \
    for (int j = 0; j < LANES; j++) lane[j] = x[j < n ? j : 0];                             \
    for (; i + LANES <= n; i += LANES)                                                      \
      for (int j = 0; j < LANES; j++) {                                                     \
        const float v = x[i + j], m = lane[j];                                              \
        lane[j] = ((v BETTER m) | (v != v)) ? v : m;                                        \
      }                                                                                     \
    for (; i < n; i++) lane[0] = ((x[i] BETTER lane[0]) | (x[i] != x[i])) ? x[i] : lane[0]; \
    for (int j = 1; j < LANES; j++)                                                         \
      lane[0] = ((lane[j] BETTER lane[0]) | (lane[j] != lane[j])) ? lane[j] : lane[0];      \
    return lane[0];                                                                         \
  }
EXTREME(rows_amax, >)
EXTREME(rows_amin, <)

static void rows_add_to(int64_t n, double *acc, const float *x) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) acc[i] += (double)x[i];
}

static void rows_add_squares_to(int64_t n, double *acc, const float *x, const float *shift) {
  if (!shift) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) acc[i] += (double)x[i] * (double)x[i];
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    double v = (double)x[i] - (double)shift[i];
    acc[i] += v * v;
  }
}

const vg_cpu_rows ROWS_TABLE = {.unary = unary_table,
                                .unary_bwd = unary_bwd_table,
                                .binary = binary_table,
                                .to_bf16 = rows_to_bf16,
                                .from_bf16 = rows_from_bf16,
                                .exp = rows_exp,
                                .sum = rows_sum,
                                .sum_squares = rows_sum_squares,
                                .amax = rows_amax,
                                .amin = rows_amin,
                                .add_to = rows_add_to,
                                .add_squares_to = rows_add_squares_to};
