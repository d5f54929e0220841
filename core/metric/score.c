/* Accuracy, precision, recall, specificity, F-beta and Jaccard with torchmetrics' averages. */
#include "metric/metric.h"

typedef struct stats {
  double tp, fp, fn, tn;
} stats;

/* Of class c; total: all samples. */
static stats stats_of(const int64_t *n, int64_t classes, int64_t c, int64_t total) {
  int64_t tp = n[c * (classes + 1) + c], row = 0, column = 0;
  for (int64_t i = 0; i <= classes; i++) row += n[c * (classes + 1) + i];
  for (int64_t i = 0; i < classes; i++) column += n[i * (classes + 1) + c];
  return (stats){.tp = (double)tp,
                 .fp = (double)(column - tp),
                 .fn = (double)(row - tp),
                 .tn = (double)(total - row - column + tp)};
}

static double over(double a, double b) { return b != 0 ? a / b : 0; }

static double value(const vg_score *s, stats v) {
  double b2 = s->beta * s->beta;
  switch (s->kind) {
    case VG_PRECISION: return over(v.tp, v.tp + v.fp);
    case VG_SPECIFICITY: return over(v.tn, v.tn + v.fp);
    case VG_FBETA: return over((1 + b2) * v.tp, (1 + b2) * v.tp + b2 * v.fn + v.fp);
    case VG_JACCARD: return over(v.tp, v.tp + v.fp + v.fn);
    default: return over(v.tp, v.tp + v.fn);
  }
}

/* torchmetrics' top_k rule reaches these three only. */
static bool absent(const vg_score *s, stats v) {
  bool by_truth =
      s->top_k > 1 && (s->kind == VG_ACCURACY || s->kind == VG_PRECISION || s->kind == VG_RECALL);
  return by_truth ? v.tp + v.fn == 0 : v.tp + v.fp + v.fn == 0;
}

/* Jaccard leaves a class that is its ignore_index out of the micro and macro averages. */
static bool left_out(const vg_score *s, int64_t c) {
  return s->kind == VG_JACCARD && c == s->ignore_index;
}

static double micro(const int64_t *n, int64_t classes, int64_t total, const vg_score *s) {
  stats sum = {0, 0, 0, 0};
  for (int64_t c = 0; c < classes; c++) {
    stats v = stats_of(n, classes, c, total);
    sum.tp += v.tp;
    if (left_out(s, c)) continue;
    sum.fp += v.fp;
    sum.fn += v.fn;
    sum.tn += v.tn;
  }
  return value(s, sum);
}

void vg_score_compute(double *out, const int64_t *n, int64_t classes, const vg_score *s) {
  double sum = 0, weights = 0;
  int64_t total = 0;
  for (int64_t i = 0; i < classes * (classes + 1); i++) total += n[i];
  if (s->average == VG_MICRO) {
    *out = micro(n, classes, total, s);
    return;
  }
  for (int64_t c = 0; c < classes; c++) {
    stats v = stats_of(n, classes, c, total);
    double weight = absent(s, v) || left_out(s, c) ? 0 : 1;
    if (s->average == VG_PER_CLASS) out[c] = value(s, v);
    if (s->average == VG_WEIGHTED) weight = v.tp + v.fn;
    sum += weight * value(s, v);
    weights += weight;
  }
  if (s->average == VG_PER_CLASS) return;
  /* Jaccard divides without a guard in torchmetrics: nothing counted gives NaN. */
  *out = s->kind == VG_JACCARD ? sum / weights : over(sum, weights);
}
