/* Augmentation pipelines. An operation is drawn (its random parameters, a pure function of seed,
   epoch, sample and place in the pipeline) and then applied; the two are separate so that each can
   be tested against its model. Everything happens on 8-bit pixels, then one table per channel makes
   floats. */
#ifndef VG_DATA_AUGMENT_H
#define VG_DATA_AUGMENT_H

#include "data/image.h"

#define VG_AUG_MAX_OPS 16
#define VG_AUG_MAX_HOLES 8

typedef enum vg_aug_kind {
  VG_AUG_PAD,            /* size, border, fill */
  VG_AUG_CROP,           /* size */
  VG_AUG_HFLIP,          /* */
  VG_AUG_VFLIP,          /* */
  VG_AUG_JITTER,         /* range: brightness, contrast, saturation, hue; OpenCV arithmetic */
  VG_AUG_PIL_JITTER,     /* the same in Pillow's */
  VG_AUG_ROTATE,         /* range[0]: degrees */
  VG_AUG_RESIZED_CROP,   /* size; range[0]: share of the area, range[1]: width / height */
  VG_AUG_COARSE_DROPOUT, /* range[0]: holes, [1]: their height, [2]: width, inclusive; fill */
  VG_AUG_RESIZE,         /* size */
  VG_AUG_KINDS
} vg_aug_kind;

typedef struct vg_aug_op {
  vg_aug_kind kind;
  double p;    /* probability that it is applied to an image */
  int size[2]; /* height, width */
  vg_border border;
  int fill; /* 0..255 */
  double range[4][2];
} vg_aug_op;

/* What one operation does to one image. */
typedef struct vg_aug_draw {
  bool on;
  int order[4];                 /* jitter: 0 brightness, 1 contrast, 2 saturation, 3 hue */
  double factor[4];             /* jitter; [0] is the angle of a rotation */
  int boxes;                    /* 1 for crops, the number of holes for coarse dropout */
  int box[VG_AUG_MAX_HOLES][4]; /* top, left, height, width */
} vg_aug_draw;

typedef struct vg_pipeline {
  int ops;
  vg_aug_op op[VG_AUG_MAX_OPS];
  float table[3][256]; /* byte to float, per channel */
} vg_pipeline;

/* Which image of which epoch of which run: the key of all its draws. */
typedef struct vg_aug_key {
  uint64_t seed;
  uint32_t epoch;
  uint32_t sample; /* position in the data set's files, not in a split or batch */
} vg_aug_key;

/* Normalisation tables. albumentations: (v - 255 mean) * (1 / (255 std)); torchvision:
   (v / 255 - mean) / std; both in float32, and bit for bit what those packages give. */
void vg_pipeline_albumentations_table(vg_pipeline *p, const double mean[3], const double std[3]);
void vg_pipeline_torchvision_table(vg_pipeline *p, const double mean[3], const double std[3]);

/* The size an h x w image has after the pipeline; VG_EINVAL with the reason if an option is out of
   range or an operation does not fit. Call it once per pipeline: the functions below rely on it. */
vg_status vg_pipeline_check(int out[2], const vg_pipeline *p, int h, int w);

/* Draws operation `place` (0-based) of a pipeline for an h x w image. */
vg_aug_draw vg_augment_draw(const vg_aug_op *op, vg_aug_key key, int place, int h, int w);
void vg_augment_apply(vg_image *m, const vg_aug_op *op, const vg_aug_draw *d);

/* Runs all operations, on 8-bit planes of h x w read from `src`; the result lies in m->px. */
void vg_augment(vg_image *m, const vg_pipeline *p, vg_aug_key key, const uint8_t *src, int h,
                int w);

/* Planes to floats through the tables. */
void vg_pipeline_floats(float *dst, const vg_pipeline *p, const vg_image *m);

#endif
