/* Strided copies and dtype conversion. Rows (the innermost dimension) are the unit of work; the
   flat case is one row split over the team. */
#include <string.h>

#include "base/scalar.h"
#include "cpu/convert.h"
#include "cpu/cpu.h"

#define CONVERT(TD, TS, EXPR)           \
  do {                                  \
    const TS *s = sp;                   \
    TD *t = dp;                         \
    if (sd == 1 && ss == 1)             \
      for (int64_t i = 0; i < n; i++) { \
        const TS v = s[i];              \
        t[i] = EXPR;                    \
      }                                 \
    else                                \
      for (int64_t i = 0; i < n; i++) { \
        const TS v = s[i * ss];         \
        t[i * sd] = EXPR;               \
      }                                 \
  } while (0)

static void row_from_f32(vg_dtype to, void *dp, int64_t sd, const void *sp, int64_t ss, int64_t n) {
  switch (to) {
    case VG_F32: CONVERT(float, float, v); break;
    case VG_BF16: CONVERT(uint16_t, float, vg_f32_to_bf16(v)); break;
    case VG_I64: CONVERT(int64_t, float, vg_f32_to_i64(v)); break;
    default: CONVERT(uint8_t, float, (uint8_t)vg_f32_to_i64(v)); break;
  }
}

static void row_from_bf16(vg_dtype to, void *dp, int64_t sd, const void *sp, int64_t ss,
                          int64_t n) {
  switch (to) {
    case VG_F32: CONVERT(float, uint16_t, vg_bf16_to_f32(v)); break;
    case VG_BF16: CONVERT(uint16_t, uint16_t, v); break;
    case VG_I64: CONVERT(int64_t, uint16_t, vg_f32_to_i64(vg_bf16_to_f32(v))); break;
    default: CONVERT(uint8_t, uint16_t, (uint8_t)vg_f32_to_i64(vg_bf16_to_f32(v))); break;
  }
}

static void row_from_i64(vg_dtype to, void *dp, int64_t sd, const void *sp, int64_t ss, int64_t n) {
  switch (to) {
    case VG_F32: CONVERT(float, int64_t, (float)v); break;
    case VG_BF16: CONVERT(uint16_t, int64_t, vg_f32_to_bf16((float)v)); break;
    case VG_I64: CONVERT(int64_t, int64_t, v); break;
    default: CONVERT(uint8_t, int64_t, (uint8_t)v); break;
  }
}

static void row_from_u8(vg_dtype to, void *dp, int64_t sd, const void *sp, int64_t ss, int64_t n) {
  switch (to) {
    case VG_F32: CONVERT(float, uint8_t, (float)v); break;
    case VG_BF16: CONVERT(uint16_t, uint8_t, vg_f32_to_bf16((float)v)); break;
    case VG_I64: CONVERT(int64_t, uint8_t, (int64_t)v); break;
    default: CONVERT(uint8_t, uint8_t, v); break;
  }
}

void vg_cpu_convert_row(vg_dtype to, void *dst, int64_t dst_stride, vg_dtype from, const void *src,
                        int64_t src_stride, int64_t n) {
  switch (from) {
    case VG_F32: row_from_f32(to, dst, dst_stride, src, src_stride, n); break;
    case VG_BF16: row_from_bf16(to, dst, dst_stride, src, src_stride, n); break;
    case VG_I64: row_from_i64(to, dst, dst_stride, src, src_stride, n); break;
    default: row_from_u8(to, dst, dst_stride, src, src_stride, n); break;
  }
}

static void copy_flat(const vg_device *d, vg_tensor *y, const vg_tensor *x) {
  size_t by = vg_dtype_size(y->dtype), bx = vg_dtype_size(x->dtype);
  char *to = vg_data(y);
  const char *from = vg_data(x);
  int64_t n = x->n, parts = n < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
#pragma omp parallel for schedule(static) num_threads((int)parts) if (parts > 1)
  for (int64_t p = 0; p < parts; p++) {
    int64_t lo = n * p / parts, hi = n * (p + 1) / parts;
    if (x->dtype == y->dtype)
      memcpy(to + (size_t)lo * by, from + (size_t)lo * bx, (size_t)(hi - lo) * bx);
    else
      vg_cpu_convert_row(y->dtype, to + (size_t)lo * by, 1, x->dtype, from + (size_t)lo * bx, 1,
                         hi - lo);
  }
}

static vg_status copy(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  size_t by = vg_dtype_size(y->dtype), bx = vg_dtype_size(x->dtype);
  int last = x->ndim - 1;
  int64_t rows;
  if (x->n == 0) return VG_OK;
  if (x->ndim == 0 || (vg_is_contiguous(x) && vg_is_contiguous(y))) {
    copy_flat(d, y, x);
    return VG_OK;
  }
  rows = x->n / x->shape[last];
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t r = 0; r < rows; r++) {
    int64_t rest = r, ox = 0, oy = 0;
    for (int k = last - 1; k >= 0; k--) {
      int64_t i = rest % x->shape[k];
      rest /= x->shape[k];
      ox += i * x->stride[k];
      oy += i * y->stride[k];
    }
    vg_cpu_convert_row(y->dtype, (char *)vg_data(y) + oy * (int64_t)by, y->stride[last], x->dtype,
                       (const char *)vg_data(x) + ox * (int64_t)bx, x->stride[last],
                       x->shape[last]);
  }
  return VG_OK;
}

const vg_layout_vt vg_cpu_layout = {.copy = copy, .convert = vg_cpu_convert_layout};
