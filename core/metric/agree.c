/* Cohen's kappa, the Matthews coefficient, normalised confusion matrices, calibration error. */
#include <float.h>
#include <math.h>

#include "metric/metric.h"

static double at(const int64_t *n, int64_t classes, int64_t row, int64_t column) {
  return row < classes ? (double)n[row * (classes + 1) + column] : 0;
}

static double row_sum(const int64_t *n, int64_t classes, int64_t row) {
  double s = 0;
  for (int64_t i = 0; i <= classes; i++) s += at(n, classes, row, i);
  return s;
}

static double column_sum(const int64_t *n, int64_t classes, int64_t column) {
  double s = 0;
  for (int64_t i = 0; i < classes; i++) s += at(n, classes, i, column);
  return s;
}

static double total(const int64_t *n, int64_t classes) {
  double s = 0;
  for (int64_t i = 0; i < classes; i++) s += row_sum(n, classes, i);
  return s;
}

/* ---- kappa ---- */

static double distance(int64_t i, int64_t j, int64_t classes, vg_kappa_weights w) {
  double d = j == classes ? (double)(classes - 1) : (double)(i - j);
  if (w == VG_KAPPA_NONE) return i != j;
  return w == VG_KAPPA_LINEAR ? fabs(d) : d * d;
}

double vg_cohen_kappa(const int64_t *n, int64_t classes, vg_kappa_weights w) {
  double seen = 0, expected = 0, all = total(n, classes);
  for (int64_t i = 0; i < classes; i++) {
    double row = row_sum(n, classes, i);
    for (int64_t j = 0; j <= classes; j++) {
      double d = distance(i, j, classes, w);
      seen += d * at(n, classes, i, j);
      expected += d * row * column_sum(n, classes, j) / all;
    }
  }
  return 1 - seen / expected;
}

/* ---- Matthews ---- */

/* torchmetrics' values where the denominator vanishes for two classes. */
static double matthews_of_two(double tn, double fp, double fn, double tp) {
  double eps = (double)FLT_EPSILON, root = sqrt(eps), numerator;
  if (fn == 0 && tn == 0)
    numerator = root * (tp - fp);
  else if (fp == 0 && tn == 0)
    numerator = root * (tp - fn);
  else if (tp == 0 && fn == 0)
    numerator = root * (tn - fp);
  else if (tp == 0 && fp == 0)
    numerator = root * (tn - fn);
  else
    return 0;
  return numerator / sqrt((tp + fp + eps) * (tp + fn + eps) * (tn + fp + eps) * (tn + fn + eps));
}

double vg_matthews(const int64_t *n, int64_t classes) {
  double s = total(n, classes), right = 0, both = 0, pp = 0, tt = 0, denominator;
  bool two = classes == 2 && column_sum(n, 2, 2) == 0;
  for (int64_t c = 0; c <= classes; c++) {
    double t = row_sum(n, classes, c), p = column_sum(n, classes, c);
    if (c < classes) right += at(n, classes, c, c);
    both += t * p;
    pp += p * p;
    tt += t * t;
  }
  if (two && right == s && s > 0) return 1;
  if (two && right == 0 && s > 0) return -1;
  denominator = (s * s - pp) * (s * s - tt);
  if (denominator == 0)
    return two ? matthews_of_two(at(n, 2, 0, 0), at(n, 2, 0, 1), at(n, 2, 1, 0), at(n, 2, 1, 1))
               : 0;
  return (right * s - both) / sqrt(denominator);
}

/* ---- confusion matrix ---- */

int64_t vg_confusion_normalize(float *out, const int64_t *n, int64_t classes, vg_normalize how) {
  int64_t empty = 0;
  double all = total(n, classes);
  for (int64_t i = 0; i < classes; i++)
    for (int64_t j = 0; j < classes; j++) {
      double by = 1, v = at(n, classes, i, j);
      if (how == VG_NORM_TRUE) by = row_sum(n, classes, i);
      if (how == VG_NORM_PRED) by = column_sum(n, classes, j);
      if (how == VG_NORM_ALL) by = all;
      empty += by == 0;
      out[i * classes + j] = by == 0 ? 0 : (float)(v / by);
    }
  return empty;
}

/* ---- calibration ---- */

double vg_calibration_error(const int64_t *bins, int64_t nbins, vg_calibration_norm how) {
  double all = 0, sum = 0, most = 0;
  for (int64_t b = 0; b < nbins; b++) all += (double)bins[3 * b];
  for (int64_t b = 0; b < nbins; b++) {
    double count = (double)bins[3 * b], gap;
    if (count == 0) continue;
    gap = fabs((double)bins[3 * b + 1] - (double)bins[3 * b + 2] / 1099511627776.0) / count;
    sum += (how == VG_CAL_L2 ? gap * gap : gap) * count / all;
    most = gap > most ? gap : most;
  }
  if (how == VG_CAL_MAX) return most;
  if (how == VG_CAL_L2) return sqrt(sum);
  return all == 0 ? NAN : sum;
}
