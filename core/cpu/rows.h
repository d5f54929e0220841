/* Elementwise arithmetic on contiguous blocks, compiled once per instruction set and chosen at run
   time. Two element types are enough: bf16 is computed as f32 and u8 as i64, the callers convert.
 */
#ifndef VG_CPU_ROWS_H
#define VG_CPU_ROWS_H

#include "vgglua/backend.h"

/* y[i] = f(a[i], b[i], c[i]); y may be a, b or c. Unused arguments are NULL. Comparisons give 0 or
   1 in the element type. */
typedef void (*vg_cpu_row)(int64_t n, void *y, const void *a, const void *b, const void *c,
                           vg_scalars s);

typedef struct vg_cpu_rows {
  const vg_cpu_row *unary;     /* f32, [VG_UNARY_COUNT] */
  const vg_cpu_row *unary_bwd; /* a: gy, b: x, c: y */
  const vg_cpu_row *binary;    /* [VG_BINARY_COUNT] */
  void (*to_bf16)(int64_t n, uint16_t *y, const float *x);
  void (*from_bf16)(int64_t n, float *y, const uint16_t *x);
  void (*exp)(int64_t n, float *y, const float *x);
  /* Sums in double over 32 fixed lanes: the result depends on n alone. */
  double (*sum)(int64_t n, const float *x);
  double (*sum_squares)(int64_t n, const float *x, float shift); /* of x - shift */
  float (*amax)(int64_t n, const float *x);                      /* n > 0; NaN wins */
  float (*amin)(int64_t n, const float *x);
  /* acc[j] += x[j]; acc[j] += (x[j] - shift[j])^2 (shift may be NULL) */
  void (*add_to)(int64_t n, double *acc, const float *x);
  void (*add_squares_to)(int64_t n, double *acc, const float *x, const float *shift);
} vg_cpu_rows;

/* The table for this machine. */
const vg_cpu_rows *vg_cpu_rows_get(void);

/* i64; wraps around. NULL entries: not defined for whole numbers. */
extern const vg_cpu_row vg_cpu_unary_i64[VG_UNARY_COUNT], vg_cpu_binary_i64[VG_BINARY_COUNT];

extern const vg_cpu_rows vg_cpu_rows_base, vg_cpu_rows_avx2, vg_cpu_rows_avx512;

#endif
