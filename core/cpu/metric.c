/* Counting for the metrics. A call sees one batch, a few thousand values at most, and runs on the
   calling thread. */
#include "base/score.h"
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

static vg_status confusion(vg_device *d, vg_tensor *counts, const vg_tensor *x,
                           const vg_tensor *target, const vg_metric_args *a) {
  batch b = batch_of(x, target, counts->shape[0]);
  int64_t *n = vg_data(counts);
  vg_status st;
  (void)d;
  VG_TRY(check(&b, a->ignore_index));
  for (int64_t i = 0; i < b.count; i++) {
    if (b.target[i] == a->ignore_index) continue;
    const int64_t t = b.target[i];
    n[t * (b.classes + 1) +
      (b.labels ? b.labels[i]
                : vg_score_predicted(scores_at(&b, i), b.classes, b.inner, t, a->top_k))]++;
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
    float m = vg_score_largest(s, b.classes, b.inner, &class);
    int64_t *row;
    if (b.target[i] == a->ignore_index || m != m) continue;
    if (!ready) m = vg_score_softmax_of_largest(s, b.classes, b.inner, m);
    if (m != m) continue; /* infinite logits */
    row = n + 3 * vg_bin_of(m, bins->shape[0] - 1);
    row[0]++;
    row[1] += class == b.target[i];
    row[2] += (int64_t)((double)m * 1099511627776.0);
  }
done:
  return st;
}

const vg_metric_vt vg_cpu_metric = {.confusion = confusion, .calibration = calibration};
