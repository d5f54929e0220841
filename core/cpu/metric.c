/* Counting for the metrics. A call sees one batch, a few thousand values at most, and runs on the
   calling thread. */
#include <math.h>

#include "cpu/cpu.h"

typedef struct batch {
  const int64_t *target, *labels; /* labels: NULL when there are scores */
  const float *scores;
  int64_t count, classes, inner;
} batch;

static batch batch_of(const vg_tensor *x, const vg_tensor *target, int64_t classes) {
  batch b = {.target = vg_data(target), .count = target->n, .classes = classes, .inner = 1};
  if (x->dtype == VG_I64)
    b.labels = vg_data(x);
  else
    b.scores = vg_data(x);
  for (int d = 1; d < target->ndim; d++) b.inner *= target->shape[d];
  return b;
}

static const float *scores_at(const batch *b, int64_t i) {
  return b->scores + i / b->inner * b->classes * b->inner + i % b->inner;
}

static vg_status check(const batch *b, int64_t ignore) {
  for (int64_t i = 0; i < b->count; i++) {
    int64_t t = b->target[i];
    if (t != ignore && (t < 0 || t >= b->classes))
      return vg_fail(VG_EINVAL, "metric: target %lld at position %lld is outside 0..%lld",
                     (long long)t, (long long)i + 1, (long long)b->classes - 1);
    if (b->labels && t != ignore && (b->labels[i] < 0 || b->labels[i] >= b->classes))
      return vg_fail(VG_EINVAL, "metric: prediction %lld at position %lld is outside 0..%lld",
                     (long long)b->labels[i], (long long)i + 1, (long long)b->classes - 1);
  }
  return VG_OK;
}

/* The target if it is among the k best, else the best; `classes` for a NaN. */
static int64_t predicted(const batch *b, int64_t i, int top_k) {
  const float *s = scores_at(b, i);
  int64_t best = 0, t = b->target[i], better = 0;
  float mine = s[t * b->inner];
  for (int64_t c = 0; c < b->classes; c++) {
    float v = s[c * b->inner];
    if (v != v) return b->classes;
    if (v > s[best * b->inner]) best = c;
    if (v > mine || (v == mine && c < t)) better++;
  }
  return better < top_k ? t : best;
}

static vg_status confusion(vg_device *d, vg_tensor *counts, const vg_tensor *x,
                           const vg_tensor *target, const vg_metric_args *a) {
  batch b = batch_of(x, target, counts->shape[0]);
  int64_t *n = vg_data(counts);
  vg_status st;
  (void)d;
  VG_TRY(check(&b, a->ignore_index));
  for (int64_t i = 0; i < b.count; i++) {
    if (b.target[i] == a->ignore_index) continue;
    n[b.target[i] * (b.classes + 1) + (b.labels ? b.labels[i] : predicted(&b, i, a->top_k))]++;
  }
done:
  return st;
}

/* ---- calibration ---- */

static bool are_probabilities(const batch *b, int64_t ignore) {
  for (int64_t i = 0; i < b->count; i++) {
    const float *s = scores_at(b, i);
    if (b->target[i] == ignore) continue;
    for (int64_t c = 0; c < b->classes; c++)
      if (s[c * b->inner] < 0 || s[c * b->inner] > 1) return false;
  }
  return true;
}

/* Largest score (NaN if any is) and its class. */
static float largest(const float *s, int64_t classes, int64_t step, int64_t *class) {
  float m = s[0];
  *class = 0;
  for (int64_t c = 0; c < classes; c++) {
    float v = s[c * step];
    if (v != v) return v;
    if (v > m) {
      m = v;
      *class = c;
    }
  }
  return m;
}

static float softmax_of_largest(const float *s, int64_t classes, int64_t step, float m) {
  double sum = 0;
  for (int64_t c = 0; c < classes; c++) sum += (double)expf(s[c * step] - m);
  return (float)(1 / sum);
}

/* torch.linspace(0, 1, bins + 1)[i] in f32: from the near end. */
static float boundary(int64_t i, int64_t bins) {
  float step = 1.0f / (float)bins;
  return i < (bins + 1) / 2 ? step * (float)i : 1 - step * (float)(bins - i);
}

static int64_t bin_of(float confidence, int64_t bins) {
  int64_t b = (int64_t)(confidence * (float)bins);
  if (b > bins) b = bins;
  while (b < bins && boundary(b + 1, bins) <= confidence) b++;
  while (b > 0 && boundary(b, bins) > confidence) b--;
  return b;
}

static vg_status calibration(vg_device *d, vg_tensor *bins, const vg_tensor *x,
                             const vg_tensor *target, const vg_metric_args *a) {
  batch b = batch_of(x, target, x->shape[1]);
  int64_t *n = vg_data(bins), class;
  bool ready;
  vg_status st;
  (void)d;
  VG_TRY(check(&b, a->ignore_index));
  ready = are_probabilities(&b, a->ignore_index);
  for (int64_t i = 0; i < b.count; i++) {
    const float *s = scores_at(&b, i);
    float m = largest(s, b.classes, b.inner, &class);
    int64_t *row;
    if (b.target[i] == a->ignore_index || m != m) continue;
    if (!ready) m = softmax_of_largest(s, b.classes, b.inner, m);
    if (m != m) continue; /* infinite logits */
    row = n + 3 * bin_of(m, bins->shape[0] - 1);
    row[0]++;
    row[1] += class == b.target[i];
    row[2] += (int64_t)((double)m * 1099511627776.0);
  }
done:
  return st;
}

const vg_metric_vt vg_cpu_metric = {.confusion = confusion, .calibration = calibration};
