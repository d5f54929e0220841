/* Softmax, log-softmax and cross-entropy. Tensors are outer x n x inner; one "column" is the n
   values that share their outer and inner index. Exponentials are f32 of x - max, sums double. */
#include <math.h>

#include "cpu/cpu.h"

typedef struct columns {
  int64_t count, n, inner;
} columns;

static columns split(const vg_tensor *x, int dim) {
  columns c = {.count = 1, .n = x->ndim ? x->shape[dim] : 1, .inner = 1};
  for (int d = 0; d < x->ndim; d++)
    if (d != dim) c.count *= x->shape[d];
  for (int d = dim + 1; d < x->ndim; d++) c.inner *= x->shape[d];
  return c;
}

/* First element of column i. */
static int64_t start(columns c, int64_t i) { return i / c.inner * c.n * c.inner + i % c.inner; }

/* Largest value and the sum of exp(x - largest); NaN shows in the sum. */
static double sum_exp(const float *x, int64_t n, int64_t step, float *largest) {
  double sum = 0;
  float m = -INFINITY;
  for (int64_t i = 0; i < n; i++) m = x[i * step] > m ? x[i * step] : m;
  for (int64_t i = 0; i < n; i++) sum += (double)expf(x[i * step] - m);
  *largest = m;
  return sum;
}

static void forward_column(float *y, const float *x, int64_t n, int64_t step, bool log_too) {
  float m;
  double sum = sum_exp(x, n, step, &m);
  if (log_too) {
    float l = (float)log(sum);
    for (int64_t i = 0; i < n; i++) y[i * step] = x[i * step] - m - l;
  } else {
    float r = (float)(1 / sum);
    for (int64_t i = 0; i < n; i++) y[i * step] = expf(x[i * step] - m) * r;
  }
}

static vg_status softmax(vg_device *d, vg_tensor *y, const vg_tensor *x, int dim, bool log_too) {
  columns c = split(x, dim);
  const float *from = vg_data(x);
  float *to = vg_data(y);
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t i = 0; i < c.count; i++)
    forward_column(to + start(c, i), from + start(c, i), c.n, c.inner, log_too);
  return VG_OK;
}

static void backward_column(float *gx, const float *gy, const float *y, int64_t n, int64_t step,
                            bool log_too) {
  double sum = 0;
  for (int64_t i = 0; i < n * step; i += step)
    sum += log_too ? (double)gy[i] : (double)gy[i] * (double)y[i];
  for (int64_t i = 0; i < n * step; i += step)
    gx[i] = log_too ? gy[i] - expf(y[i]) * (float)sum : y[i] * (gy[i] - (float)sum);
}

static vg_status softmax_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *y,
                             int dim, bool log_too) {
  columns c = split(y, dim);
  const float *g = vg_data(gy), *from = vg_data(y);
  float *to = vg_data(gx);
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (y->n >= VG_CPU_GRAIN)
  for (int64_t i = 0; i < c.count; i++)
    backward_column(to + start(c, i), g + start(c, i), from + start(c, i), c.n, c.inner, log_too);
  return VG_OK;
}

/* ---- cross-entropy ---- */

static vg_status check_targets(const int64_t *t, columns c, const vg_loss *p, int64_t *counted) {
  *counted = 0;
  for (int64_t i = 0; i < c.count; i++) {
    if (t[i] == p->ignore_index) continue;
    if (t[i] < 0 || t[i] >= c.n)
      return vg_fail(VG_EINVAL, "%s: target %lld at position %lld is outside 0..%lld",
                     p->log_probs ? "nll_loss" : "cross_entropy", (long long)t[i], (long long)i + 1,
                     (long long)c.n - 1);
    ++*counted;
  }
  return VG_OK;
}

static float column_loss(const float *x, int64_t n, int64_t step, int64_t target,
                         const vg_loss *p) {
  double log_sum, smooth = 0, e = (double)p->label_smoothing;
  float m;
  if (p->log_probs) return -x[target * step];
  log_sum = log(sum_exp(x, n, step, &m));
  if (e > 0) {
    for (int64_t i = 0; i < n; i++) smooth += (double)(m - x[i * step]) + log_sum;
    smooth *= e / (double)n;
  }
  return (float)((1 - e) * ((double)(m - x[target * step]) + log_sum) + smooth);
}

enum { MAX_PARTS = 64, PART = 128 };

/* Partial sums over a number of parts which the size alone decides: equal for any team. */
static double sum_losses(const vg_device *d, const float *x, const int64_t *t, columns c,
                         const vg_loss *p, float *each) {
  int64_t parts = (c.count + PART - 1) / PART;
  double partial[MAX_PARTS], sum = 0;
  if (parts > MAX_PARTS) parts = MAX_PARTS;
#pragma omp parallel for schedule(static) \
    num_threads(vg_cpu_threads(d)) if (c.count * c.n >= VG_CPU_GRAIN)
  for (int64_t b = 0; b < parts; b++) {
    partial[b] = 0;
    for (int64_t i = c.count * b / parts; i < c.count * (b + 1) / parts; i++) {
      float l = t[i] == p->ignore_index ? 0 : column_loss(x + start(c, i), c.n, c.inner, t[i], p);
      if (each) each[i] = l;
      partial[b] += (double)l;
    }
  }
  for (int64_t b = 0; b < parts; b++) sum += partial[b];
  return sum;
}

static vg_status cross_entropy(vg_device *d, vg_tensor *loss, const vg_tensor *x,
                               const vg_tensor *target, const vg_loss *p) {
  columns c = split(x, 1);
  const int64_t *t = vg_data(target);
  int64_t counted;
  float *out = vg_data(loss);
  double sum;
  vg_status st;
  VG_TRY(check_targets(t, c, p, &counted));
  sum = sum_losses(d, vg_data(x), t, c, p, p->reduction == VG_LOSS_NONE ? out : NULL);
  if (p->reduction == VG_LOSS_SUM) *out = (float)sum;
  if (p->reduction == VG_LOSS_MEAN) *out = (float)(sum / (double)counted); /* 0 / 0: NaN */
done:
  return st;
}

static void gradient_column(float *gx, const float *x, int64_t n, int64_t step, int64_t target,
                            float g, const vg_loss *p) {
  float m, r, off = p->label_smoothing / (float)n;
  if (p->log_probs) {
    for (int64_t i = 0; i < n; i++) gx[i * step] = 0;
    gx[target * step] = -g;
    return;
  }
  r = (float)(1 / sum_exp(x, n, step, &m));
  for (int64_t i = 0; i < n; i++) {
    float want = off + (i == target ? 1 - p->label_smoothing : 0);
    gx[i * step] = g * (expf(x[i * step] - m) * r - want);
  }
}

static vg_status cross_entropy_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gloss,
                                   const vg_tensor *x, const vg_tensor *target, const vg_loss *p) {
  columns c = split(x, 1);
  const int64_t *t = vg_data(target);
  const float *g = vg_data(gloss), *from = vg_data(x);
  float *to = vg_data(gx), scale = 1;
  int64_t counted;
  vg_status st;
  VG_TRY(check_targets(t, c, p, &counted));
  if (p->reduction == VG_LOSS_MEAN) scale = 1 / (float)counted;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t i = 0; i < c.count; i++) {
    int64_t at = start(c, i);
    if (t[i] == p->ignore_index)
      for (int64_t k = 0; k < c.n; k++) to[at + k * c.inner] = 0;
    else
      gradient_column(to + at, from + at, c.n, c.inner, t[i],
                      p->reduction == VG_LOSS_NONE ? g[i] : *g * scale, p);
  }
done:
  return st;
}

const vg_softmax_vt vg_cpu_softmax = {.softmax = softmax,
                                      .softmax_bwd = softmax_bwd,
                                      .cross_entropy = cross_entropy,
                                      .cross_entropy_bwd = cross_entropy_bwd};
