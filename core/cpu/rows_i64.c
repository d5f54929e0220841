/* Whole-number arithmetic (i64, and u8 through it), modulo 2^64. */
#include "base/elements.h"
#include "cpu/rows.h"

#define UNUSED (void)a, (void)b, (void)c, (void)s
#define ROW1(NAME, EXPR)                                                            \
  static void NAME(int64_t n, void *y, const void *a, const void *b, const void *c, \
                   vg_scalars s) {                                                  \
    const int64_t *x = a, p = vg_to_whole(s.a), q = vg_to_whole(s.b);               \
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

#define UNARY(KIND, EXPR) ROW1(f_##KIND, EXPR)
#define BINARY(KIND, EXPR) ROW2(b_##KIND, EXPR)
VG_UNARY_I64(UNARY)
VG_BINARY_I64(BINARY)

#define UNARY_ENTRY(KIND, EXPR) [VG_##KIND] = f_##KIND,
#define BINARY_ENTRY(KIND, EXPR) [VG_##KIND] = b_##KIND,
const vg_cpu_row vg_cpu_unary_i64[VG_UNARY_COUNT] = {VG_UNARY_I64(UNARY_ENTRY)};
const vg_cpu_row vg_cpu_binary_i64[VG_BINARY_COUNT] = {VG_BINARY_I64(BINARY_ENTRY)};
