#include "tensor/print.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"

static double load(const void *data, vg_dtype d, int64_t i) {
  switch (d) {
    case VG_F32: return (double)((const float *)data)[i];
    case VG_BF16: return (double)vg_bf16_to_f32(((const uint16_t *)data)[i]);
    case VG_I64: return (double)((const int64_t *)data)[i];
    default: return (double)((const uint8_t *)data)[i];
  }
}

static bool is_float(const vg_tensor *t) { return t->dtype == VG_F32 || t->dtype == VG_BF16; }

/* Host copy of the values, freed by the caller. */
static vg_status read_all(void **out, const vg_tensor *t) {
  void *host = vg_alloc((size_t)t->n * vg_dtype_size(t->dtype));
  vg_status st;
  if (!host) return VG_ENOMEM;
  st = vg_read(t, host);
  if (st != VG_OK) {
    vg_free(host);
    return st;
  }
  *out = host;
  return VG_OK;
}

/* `runs` stretches of `length` elements, `step` apart. */
typedef struct part {
  int64_t first, runs, length, step;
} part;

static vg_stats stats_of(const void *data, vg_dtype dtype, part p) {
  vg_stats s = {.min = INFINITY, .max = -INFINITY};
  double sum = 0, square = 0;
  int64_t n = 0;
  for (int64_t r = 0; r < p.runs; r++)
    for (int64_t i = p.first + r * p.step; i < p.first + r * p.step + p.length; i++) {
      double v = load(data, dtype, i);
      if (isnan(v)) continue;
      if (v < s.min) s.min = v;
      if (v > s.max) s.max = v;
      s.zeros += v == 0;
      s.infinite += isinf(v) != 0;
      sum += v;
      n++;
    }
  s.nan = p.runs * p.length - n;
  if (n == 0) return (vg_stats){NAN, NAN, NAN, NAN, s.nan, 0, 0};
  s.mean = sum / (double)n;
  for (int64_t r = 0; r < p.runs; r++) /* second pass: no loss to a large mean */
    for (int64_t i = p.first + r * p.step; i < p.first + r * p.step + p.length; i++) {
      double v = load(data, dtype, i);
      if (!isnan(v)) square += (v - s.mean) * (v - s.mean);
    }
  s.std = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
  return s;
}

vg_status vg_tensor_stats(vg_stats *out, const vg_tensor *t) {
  void *host = NULL;
  vg_status st;
  VG_TRY(read_all(&host, t));
  *out = stats_of(host, t->dtype, (part){.runs = 1, .length = t->n});
done:
  vg_free(host);
  return st;
}

vg_status vg_channel_stats(vg_stats *out, const vg_tensor *t) {
  void *host = NULL;
  int64_t channels, inner;
  vg_status st;
  if (t->ndim < 2)
    return vg_fail(VG_ESHAPE, "channel_stats: want N x C x ..., got %s", vg_shape_str(t));
  channels = t->shape[1];
  inner = vg_numel(t->ndim - 2, t->shape + 2);
  VG_TRY(read_all(&host, t));
  for (int64_t c = 0; c < channels; c++)
    out[c] = stats_of(
        host, t->dtype,
        (part){.first = c * inner, .runs = t->shape[0], .length = inner, .step = channels * inner});
done:
  vg_free(host);
  return st;
}

/* Three digits that a reader can take in: 0.11, 2.06, 1.2e-05, 4096. */
static void add_short(vg_text *out, const char *name, double v) {
  double a = fabs(v);
  const char *form = " %s %.2f";
  if (a != 0 && (a < 1e-4 || a >= 1e5))
    form = " %s %.2e";
  else if (a != 0 && a < 0.1)
    form = " %s %.4f";
  else if (a >= 1000)
    form = " %s %.0f";
  vg_text_printf(out, form, name, v);
}

static void add_head(vg_text *out, const vg_tensor *t) {
  vg_text_printf(out, "Tensor %s %s %s", vg_shape_str(t), vg_dtype_name(t->dtype), t->dev->name);
  if (t->requires_grad || t->node) vg_text_printf(out, " grad");
}

vg_status vg_tensor_summary(vg_text *out, const vg_tensor *t) {
  vg_stats s;
  vg_status st;
  VG_TRY(vg_tensor_stats(&s, t));
  add_head(out, t);
  if (t->n > 0) {
    vg_text_printf(out, "  ");
    add_short(out, "min", s.min);
    add_short(out, "max", s.max);
    add_short(out, "mean", s.mean);
    add_short(out, "std", s.std);
  }
  if (s.nan) vg_text_printf(out, "  %lld NaN", (long long)s.nan);
done:
  return st;
}

/* ---- values ---- */

/* Width and digits that fit every value. */
typedef struct style {
  int width, digits;
  bool scientific;
} style;

static int put(char *text, size_t n, style s, double v) {
  if (isnan(v)) v = (double)NAN; /* without a sign */
  return snprintf(text, n, s.scientific ? "%*.*e" : "%*.*f", s.width, s.digits, v);
}

static style choose(const void *data, const vg_tensor *t) {
  bool scientific = false, whole = true;
  int width = 0;
  for (int64_t i = 0; i < t->n; i++) {
    double v = load(data, t->dtype, i), a = fabs(v);
    if (!isfinite(v)) continue;
    if (a != 0 && (a < 1e-4 || a >= 1e6)) scientific = true;
    if (v != floor(v) || a >= 1e6) whole = false;
  }
  style s = {.digits = !is_float(t)           ? 0
                       : whole && !scientific ? 1
                                              : 4,
             .scientific = scientific && is_float(t)};
  for (int64_t i = 0; i < t->n; i++) {
    char text[64];
    int n = put(text, sizeof text, s, load(data, t->dtype, i));
    if (n > width) width = n;
  }
  s.width = width;
  return s;
}

static void add_rows(vg_text *out, const void *data, const vg_tensor *t) {
  int64_t columns = t->shape[t->ndim - 1], rows = columns ? t->n / columns : 0;
  int64_t per_block = t->ndim >= 2 ? t->shape[t->ndim - 2] : 1;
  style s = choose(data, t);
  char text[64];
  for (int64_t r = 0; r < rows; r++) {
    if (r > 0 && r % per_block == 0) vg_text_printf(out, "\n");
    vg_text_printf(out, "\n");
    for (int64_t c = 0; c < columns; c++) {
      if (c > 0 && c % 10 == 0 && t->ndim == 1) vg_text_printf(out, "\n");
      put(text, sizeof text, s, load(data, t->dtype, r * columns + c));
      vg_text_printf(out, "  %s", text);
    }
  }
}

vg_status vg_tensor_text(vg_text *out, const vg_tensor *t) {
  void *host = NULL;
  vg_status st;
  if (t->n == 0 || t->n > VG_PRINT_VALUES) return vg_tensor_summary(out, t);
  VG_TRY(read_all(&host, t));
  if (t->ndim == 0) {
    vg_text_printf(out, is_float(t) ? "%.6g" : "%.0f", load(host, t->dtype, 0));
    goto done;
  }
  add_head(out, t);
  add_rows(out, host, t);
done:
  vg_free(host);
  return st;
}
