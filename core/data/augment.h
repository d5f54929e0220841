/* Augmentation pipelines. An operation is drawn (its random parameters, a pure function of seed,
   epoch, sample and place in the pipeline) and then applied; the two are separate so that each can
   be tested against its model. Everything happens on 8-bit pixels, then one table per channel makes
   floats. */
#ifndef VG_DATA_AUGMENT_H
#define VG_DATA_AUGMENT_H

#include "base/augment.h"
#include "data/image.h"

/* Normalisation tables. albumentations: (v - 255 mean) * (1 / (255 std)); torchvision:
   (v / 255 - mean) / std; both in float32, and bit for bit what those packages give. */
void vg_pipeline_albumentations_table(vg_pipeline *p, const double mean[3], const double std[3]);
void vg_pipeline_torchvision_table(vg_pipeline *p, const double mean[3], const double std[3]);

/* The size an h x w image has after the pipeline; VG_EINVAL with the reason if an option is out of
   range or an operation does not fit. Call it once per pipeline: the functions below rely on it. */
vg_status vg_pipeline_check(int out[2], const vg_pipeline *p, int h, int w);

/* Height and width before each operation of a checked pipeline. */
void vg_pipeline_sizes(int size[VG_AUG_MAX_OPS][2], const vg_pipeline *p, int h, int w);

/* Draws operation `place` (0-based) of a pipeline for an h x w image. */
vg_aug_draw vg_augment_draw(const vg_aug_op *op, vg_aug_key key, int place, int h, int w);
void vg_augment_apply(vg_image *m, const vg_aug_op *op, const vg_aug_draw *d);

/* Runs all operations, on 8-bit planes of h x w read from `src`; the result lies in m->px. */
void vg_augment(vg_image *m, const vg_pipeline *p, vg_aug_key key, const uint8_t *src, int h,
                int w);

/* Planes to floats through the tables. */
void vg_pipeline_floats(float *dst, const vg_pipeline *p, const vg_image *m);

#endif
