/* What the metrics read off one column of class scores (`step` apart), and calibration's bins. */
#ifndef VG_BASE_SCORE_H
#define VG_BASE_SCORE_H

#include <math.h>
#include <stdint.h>

#include "base/hd.h"

/* The target if it is among the k best, else the best; `classes` for a NaN. */
VG_HD int64_t vg_score_predicted(const float *s, int64_t classes, int64_t step, int64_t target,
                                 int64_t top_k) {
  int64_t best = 0, better = 0;
  float mine = s[target * step];
  for (int64_t c = 0; c < classes; c++) {
    float v = s[c * step];
    if (v != v) return classes;
    if (v > s[best * step]) best = c;
    if (v > mine || (v == mine && c < target)) better++;
  }
  return better < top_k ? target : best;
}

/* Largest score (NaN if any is) and its class. */
VG_HD float vg_score_largest(const float *s, int64_t classes, int64_t step, int64_t *at) {
  float m = s[0];
  *at = 0;
  for (int64_t c = 0; c < classes; c++) {
    float v = s[c * step];
    if (v != v) return v;
    if (v > m) {
      m = v;
      *at = c;
    }
  }
  return m;
}

VG_HD float vg_score_softmax_of_largest(const float *s, int64_t classes, int64_t step, float m) {
  double sum = 0;
  for (int64_t c = 0; c < classes; c++) sum += (double)expf(s[c * step] - m);
  return (float)(1 / sum);
}

/* torch.linspace(0, 1, bins + 1)[i] in f32: from the near end. */
VG_HD float vg_bin_boundary(int64_t i, int64_t bins) {
  float step = 1.0f / (float)bins;
  return i < (bins + 1) / 2 ? step * (float)i : 1 - step * (float)(bins - i);
}

VG_HD int64_t vg_bin_of(float confidence, int64_t bins) {
  int64_t b = (int64_t)(confidence * (float)bins);
  if (b > bins) b = bins;
  while (b < bins && vg_bin_boundary(b + 1, bins) <= confidence) b++;
  while (b > 0 && vg_bin_boundary(b, bins) > confidence) b--;
  return b;
}

#endif
