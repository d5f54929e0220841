#include "nn/init.h"

#include <math.h>

#include "base/alloc.h"
#include "ops/ops.h"

double vg_init_gain(vg_nonlinearity nonlinearity, double a) {
  switch (nonlinearity) {
    case VG_GAIN_TANH: return 5.0 / 3;
    case VG_GAIN_RELU: return sqrt(2);
    case VG_GAIN_LEAKY_RELU: return sqrt(2 / (1 + a * a));
    case VG_GAIN_SELU: return 3.0 / 4;
    default: return 1;
  }
}

vg_status vg_init_fans(const char *op, const vg_tensor *w, double *fan_in, double *fan_out) {
  double field = 1;
  if (w->ndim < 2)
    return vg_fail(VG_ESHAPE, "%s: fans need at least two dimensions, got %s", op, vg_shape_str(w));
  for (int d = 2; d < w->ndim; d++) field *= (double)w->shape[d];
  *fan_in = (double)w->shape[1] * field;
  *fan_out = (double)w->shape[0] * field;
  return VG_OK;
}

vg_status vg_init_uniform(vg_tensor *w, double lo, double hi) {
  vg_context *c = w->dev->ctx;
  vg_status st;
  vg_no_grad_begin(c);
  st = vg_uniform_(w, VG_RNG_INIT, lo, hi);
  vg_no_grad_end(c);
  return st;
}

vg_status vg_init_normal(vg_tensor *w, double mean, double std) {
  vg_context *c = w->dev->ctx;
  vg_status st;
  vg_no_grad_begin(c);
  st = vg_normal_(w, VG_RNG_INIT, mean, std);
  vg_no_grad_end(c);
  return st;
}

vg_status vg_init_constant(vg_tensor *w, double value) {
  const vg_elementwise_vt *k = w->dev->be->elementwise;
  vg_tensor *y = NULL;
  vg_status st;
  if (!k || !k->fill) return vg_unsupported(w->dev, "constant_");
  VG_TRY(vg_new(&y, w->dev, w->dtype, w->ndim, w->shape));
  VG_TRY(k->fill(w->dev, y, value));
  VG_TRY(vg_copy_into(w, y));
done:
  vg_release(y);
  return st;
}

/* Inverse of the normal distribution function (Acklam's rational form, 1e-9 relative), sharpened by
   one Newton step. */
static double tail(double q) {
  static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838,
                             -2.549732539343734,     4.374664141464968,      2.938163982698783};
  static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996,
                             3.754408661907416};
  return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
         ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
}

static double centre(double p) {
  static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                             1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239};
  static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                             6.680131188771972e+01, -1.328068155288572e+01};
  double q = p - 0.5, r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

static double normal_quantile(double p) {
  double x, e;
  if (p <= 0) return -INFINITY;
  if (p >= 1) return INFINITY;
  if (p < 0.02425)
    x = tail(sqrt(-2 * log(p)));
  else
    x = p > 1 - 0.02425 ? -tail(sqrt(-2 * log(1 - p))) : centre(p);
  e = 0.5 * erfc(-x * M_SQRT1_2) - p;
  return x - e * sqrt(2 * M_PI) * exp(x * x / 2);
}

static double normal_cdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }

/* On the host: it runs once, and no device needs a quantile function for it. */
vg_status vg_init_trunc_normal(vg_tensor *w, double mean, double std, double lo, double hi) {
  vg_stream s;
  vg_tensor *host = NULL;
  float *v;
  vg_status st;
  if (!(std > 0) || !(lo < hi))
    return vg_fail(VG_EINVAL, "trunc_normal_: want std > 0 and a < b, got std %g, a %g, b %g", std,
                   lo, hi);
  double from = normal_cdf((lo - mean) / std), width = normal_cdf((hi - mean) / std) - from;
  VG_TRY(vg_new(&host, vg_cpu(w->dev->ctx), VG_F32, w->ndim, w->shape));
  v = vg_data(host);
  s = vg_next_stream(w->dev->ctx, VG_RNG_INIT);
  for (int64_t i = 0; i < w->n; i++) {
    uint32_t word = vg_stream_block(s, (uint64_t)i / 4).v[i % 4];
    double x = mean + std * normal_quantile(from + width * (((double)word + 0.5) / 4294967296.0));
    v[i] = (float)(x < lo ? lo : x > hi ? hi : x);
  }
  st = vg_copy_into(w, host);
done:
  vg_release(host);
  return st;
}

static vg_status kaiming_std(const char *op, const vg_tensor *w, const vg_kaiming *k, double *std) {
  double in, out;
  vg_status st;
  VG_TRY(vg_init_fans(op, w, &in, &out));
  *std = vg_init_gain(k->nonlinearity, k->a) / sqrt(k->mode == VG_FAN_IN ? in : out);
done:
  return st;
}

/* Nothing to fill, and a fan of zero would give an infinite bound. */
static bool is_empty(const vg_tensor *w) { return w->n == 0 && w->ndim >= 2; }

vg_status vg_init_kaiming_uniform(vg_tensor *w, const vg_kaiming *k) {
  double std = 0;
  vg_status st;
  if (is_empty(w)) return VG_OK;
  VG_TRY(kaiming_std("kaiming_uniform_", w, k, &std));
  st = vg_init_uniform(w, -sqrt(3) * std, sqrt(3) * std);
done:
  return st;
}

vg_status vg_init_kaiming_normal(vg_tensor *w, const vg_kaiming *k) {
  double std = 0;
  vg_status st;
  if (is_empty(w)) return VG_OK;
  VG_TRY(kaiming_std("kaiming_normal_", w, k, &std));
  st = vg_init_normal(w, 0, std);
done:
  return st;
}

vg_status vg_init_xavier_uniform(vg_tensor *w, double gain) {
  double in, out, bound;
  vg_status st;
  if (is_empty(w)) return VG_OK;
  VG_TRY(vg_init_fans("xavier_uniform_", w, &in, &out));
  bound = gain * sqrt(6 / (in + out));
  st = vg_init_uniform(w, -bound, bound);
done:
  return st;
}

vg_status vg_init_xavier_normal(vg_tensor *w, double gain) {
  double in, out;
  vg_status st;
  if (is_empty(w)) return VG_OK;
  VG_TRY(vg_init_fans("xavier_normal_", w, &in, &out));
  st = vg_init_normal(w, 0, gain * sqrt(2 / (in + out)));
done:
  return st;
}
