/* Classification metrics from integer accumulators. Everything that torchmetrics derives from true
   and false positives follows from one C x (C + 1) matrix of counts (row: true class, last column:
   scores with a NaN, which count as a wrong prediction of no class at all). */
#ifndef VG_METRIC_METRIC_H
#define VG_METRIC_METRIC_H

#include "vgglua/backend.h"

/* ---- accumulating ---- */

/* counts += one batch. preds: scores N x C x ... (f32, bf16), or labels like target (i64, u8);
   target: N x ... (i64, u8). VG_ESHAPE, VG_EDTYPE; VG_EINVAL for a class outside 0..C-1. */
VG_API vg_status vg_confusion_update(vg_tensor *counts, vg_tensor *preds, vg_tensor *target,
                                     const vg_metric_args *a);
/* bins ((B + 1) x 3) += one batch of scores. */
VG_API vg_status vg_calibration_update(vg_tensor *bins, vg_tensor *preds, vg_tensor *target,
                                       const vg_metric_args *a);

/* ---- computing, from counts in host memory ---- */

typedef enum vg_average { VG_MICRO, VG_MACRO, VG_WEIGHTED, VG_PER_CLASS } vg_average;

typedef enum vg_score_kind {
  VG_ACCURACY, /* tp / (tp + fn) */
  VG_PRECISION,
  VG_RECALL,
  VG_SPECIFICITY,
  VG_FBETA,
  VG_JACCARD
} vg_score_kind;

typedef struct vg_score {
  vg_score_kind kind;
  vg_average average;
  double beta; /* VG_FBETA */
  int top_k;
  int64_t ignore_index;
} vg_score;

/* One value, or `classes` of them for VG_PER_CLASS. 0 / 0 counts as 0. Macro: classes without any
   true or predicted sample leave the mean; for accuracy, precision and recall with top_k > 1 those
   without a true one. */
VG_API void vg_score_compute(double *out, const int64_t *counts, int64_t classes,
                             const vg_score *s);

typedef enum vg_kappa_weights {
  VG_KAPPA_NONE,
  VG_KAPPA_LINEAR,
  VG_KAPPA_QUADRATIC
} vg_kappa_weights;
/* A NaN prediction lies as far from every class as the farthest classes from each other. */
VG_API double vg_cohen_kappa(const int64_t *counts, int64_t classes, vg_kappa_weights w);
VG_API double vg_matthews(const int64_t *counts, int64_t classes);

typedef enum vg_normalize { VG_NORM_NONE, VG_NORM_TRUE, VG_NORM_PRED, VG_NORM_ALL } vg_normalize;
/* classes x classes; returns how many 0 / 0 were replaced by 0. */
VG_API int64_t vg_confusion_normalize(float *out, const int64_t *counts, int64_t classes,
                                      vg_normalize n);

typedef enum vg_calibration_norm { VG_CAL_L1, VG_CAL_L2, VG_CAL_MAX } vg_calibration_norm;
/* NaN when nothing was counted (l2 and max: 0), as torchmetrics. */
VG_API double vg_calibration_error(const int64_t *bins, int64_t nbins, vg_calibration_norm n);

#endif
