/* Whole-number arithmetic (i64, and u8 through it), modulo 2^64. */
#include "cpu/rows.h"

#define UNUSED (void)a, (void)b, (void)c, (void)s
#define ROW1(NAME, EXPR)                                                            \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const int64_t *x = a, p = to_whole(s.a), q = to_whole(s.b);                     \
    int64_t *z = y;                                                                 \
    UNUSED, (void)p, (void)q;                                                       \
    for (int64_t i = 0; i < n; i++) {                                               \
      const int64_t u = x[i];                                                       \
      (void)u;                                                                      \
      z[i] = (int64_t)(EXPR);                                                       \
    }                                                                               \
  }
#define ROW2(NAME, EXPR)                                                            \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const int64_t *x1 = a, *x2 = b;                                                 \
    int64_t *z = y;                                                                 \
    UNUSED;                                                                         \
    for (int64_t i = 0; i < n; i++) {                                               \
      const int64_t u = x1[i], v = x2[i];                                           \
      z[i] = (int64_t)(EXPR);                                                       \
    }                                                                               \
  }

/* Bounds may be infinite (clamp with one side open). */
static int64_t to_whole(double v) {
  if (v >= 9.2e18) return INT64_MAX;
  if (v <= -9.2e18) return INT64_MIN;
  return v != v ? 0 : (int64_t)v;
}

static uint64_t power(uint64_t base, int64_t e) {
  uint64_t r = 1;
  if (e < 0) return base == 1 ? 1 : base == UINT64_MAX ? (e % 2 ? base : 1) : 0;
  for (; e > 0; e >>= 1, base *= base)
    if (e & 1) r *= base;
  return r;
}

static int64_t clamp(int64_t u, int64_t lo, int64_t hi) {
  int64_t t = u < lo ? lo : u;
  return t > hi ? hi : t;
}

ROW1(neg, 0 - (uint64_t)u)
ROW1(absolute, u < 0 ? 0 - (uint64_t)u : (uint64_t)u)
ROW1(square, (uint64_t)u *(uint64_t)u)
ROW1(sign, (u > 0) - (u < 0))
ROW1(same, u)
ROW1(relu, u < 0 ? 0 : u)
ROW1(relu6, clamp(u, 0, 6))
ROW1(add_scalar, (uint64_t)u + (uint64_t)p)
ROW1(mul_scalar, (uint64_t)u *(uint64_t)p)
ROW1(pow_scalar, power((uint64_t)u, p))
ROW1(rsub_scalar, (uint64_t)p - (uint64_t)u)
ROW1(clamp_row, clamp(u, p, q))
ROW1(zero, 0)
ROW1(one, 1)
ROW1(not_row, u == 0)
ROW1(eq_scalar, u == p)
ROW1(ne_scalar, u != p)
ROW1(lt_scalar, u < p)
ROW1(le_scalar, u <= p)
ROW1(gt_scalar, u > p)
ROW1(ge_scalar, u >= p)
ROW2(add, (uint64_t)u + (uint64_t)v)
ROW2(sub, (uint64_t)u - (uint64_t)v)
ROW2(mul, (uint64_t)u *(uint64_t)v)
ROW2(maximum, u > v ? u : v)
ROW2(minimum, u < v ? u : v)
ROW2(pow_row, power((uint64_t)u, v))
ROW2(eq, u == v)
ROW2(ne, u != v)
ROW2(lt, u < v)
ROW2(le, u <= v)
ROW2(gt, u > v)
ROW2(ge, u >= v)

const vg_cpu_row vg_cpu_unary_i64[VG_UNARY_COUNT] = {
    [VG_NEG] = neg,
    [VG_ABS] = absolute,
    [VG_SQUARE] = square,
    [VG_SIGN] = sign,
    [VG_FLOOR] = same,
    [VG_CEIL] = same,
    [VG_ROUND] = same,
    [VG_RELU] = relu,
    [VG_RELU6] = relu6,
    [VG_ADD_SCALAR] = add_scalar,
    [VG_MUL_SCALAR] = mul_scalar,
    [VG_POW_SCALAR] = pow_scalar,
    [VG_RSUB_SCALAR] = rsub_scalar,
    [VG_CLAMP] = clamp_row,
    [VG_ISNAN] = zero,
    [VG_ISFINITE] = one,
    [VG_NOT] = not_row,
    [VG_EQ_SCALAR] = eq_scalar,
    [VG_NE_SCALAR] = ne_scalar,
    [VG_LT_SCALAR] = lt_scalar,
    [VG_LE_SCALAR] = le_scalar,
    [VG_GT_SCALAR] = gt_scalar,
    [VG_GE_SCALAR] = ge_scalar,
};
const vg_cpu_row vg_cpu_binary_i64[VG_BINARY_COUNT] = {
    [VG_ADD] = add,         [VG_SUB] = sub,     [VG_MUL] = mul, [VG_MAXIMUM] = maximum,
    [VG_MINIMUM] = minimum, [VG_POW] = pow_row, [VG_EQ] = eq,   [VG_NE] = ne,
    [VG_LT] = lt,           [VG_LE] = le,       [VG_GT] = gt,   [VG_GE] = ge,
};
