/* Augmentation pipelines as data, and what an operation draws for one image: a pure function of the
   image's key and the operation's place. Every backend compiles the drawing. */
#ifndef VG_BASE_AUGMENT_H
#define VG_BASE_AUGMENT_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/rng.h"

#define VG_IMAGE_MAX 64 /* largest side */
#define VG_IMAGE_BYTES (3 * VG_IMAGE_MAX * VG_IMAGE_MAX)
#define VG_AUG_MAX_OPS 16
#define VG_AUG_MAX_HOLES 8

typedef enum vg_border { VG_BORDER_CONSTANT, VG_BORDER_REFLECT101 } vg_border;

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

/* Words of one operation for one image: 64 blocks are set aside for each place in the pipeline. */
typedef struct vg_aug_words {
  vg_stream stream;
  uint64_t block;
  vg_u32x4 now;
  int used;
} vg_aug_words;

VG_HD vg_aug_words vg_aug_words_for(vg_aug_key key, int place) {
  vg_stream s = {key.seed, (uint64_t)key.epoch << 32 | key.sample, VG_RNG_AUGMENT};
  vg_aug_words w = {s, (uint64_t)place * 64, {{0, 0, 0, 0}}, 4};
  return w;
}

VG_HD uint32_t vg_aug_word(vg_aug_words *w) {
  if (w->used == 4) {
    w->now = vg_stream_block(w->stream, w->block++);
    w->used = 0;
  }
  return w->now.v[w->used++];
}

VG_HD double vg_aug_unit(vg_aug_words *w) { return vg_aug_word(w) * 0x1p-32; }
VG_HD double vg_aug_uniform(vg_aug_words *w, const double r[2]) {
  return r[0] + (r[1] - r[0]) * vg_aug_unit(w);
}
VG_HD int vg_aug_below(vg_aug_words *w, int n) {
  return (int)((uint64_t)vg_aug_word(w) * (uint64_t)n >> 32);
}
VG_HD int vg_aug_between(vg_aug_words *w, const double r[2]) { /* both ends included */
  return (int)r[0] + vg_aug_below(w, (int)r[1] - (int)r[0] + 1);
}

VG_HD void vg_aug_add_box(vg_aug_draw *d, vg_aug_words *w, int h, int wd, int bh, int bw) {
  int *b = d->box[d->boxes++];
  b[0] = vg_aug_below(w, h - bh + 1);
  b[1] = vg_aug_below(w, wd - bw + 1);
  b[2] = bh;
  b[3] = bw;
}

VG_HD void vg_aug_draw_jitter(vg_aug_draw *d, const vg_aug_op *op, vg_aug_words *w) {
  for (int i = 0; i < 4; i++) {
    d->factor[i] = vg_aug_uniform(w, op->range[i]);
    d->order[i] = i;
  }
  for (int i = 3; i > 0; i--) {
    int j = vg_aug_below(w, i + 1), t = d->order[i];
    d->order[i] = d->order[j];
    d->order[j] = t;
  }
}

/* torchvision's RandomResizedCrop: ten tries, then the largest centred crop of a legal aspect. */
VG_HD void vg_aug_draw_resized_crop(vg_aug_draw *d, const vg_aug_op *op, vg_aug_words *w, int h,
                                    int wd) {
  double aspect[2] = {log(op->range[1][0]), log(op->range[1][1])};
  for (int i = 0; i < 10; i++) {
    double area = h * wd * vg_aug_uniform(w, op->range[0]), ratio = exp(vg_aug_uniform(w, aspect));
    int bw = (int)nearbyint(sqrt(area * ratio)), bh = (int)nearbyint(sqrt(area / ratio));
    if (bw > 0 && bw <= wd && bh > 0 && bh <= h) {
      vg_aug_add_box(d, w, h, wd, bh, bw);
      return;
    }
  }
  int *b = d->box[d->boxes++];
  double ratio = (double)wd / h, low = op->range[1][0], high = op->range[1][1];
  b[2] = ratio < low ? (int)nearbyint(wd / low) : h;
  b[3] = ratio > high ? (int)nearbyint(h * high) : wd;
  b[0] = (h - b[2]) / 2;
  b[1] = (wd - b[3]) / 2;
}

VG_HD void vg_aug_draw_holes(vg_aug_draw *d, const vg_aug_op *op, vg_aug_words *w, int h, int wd) {
  int n = vg_aug_between(w, op->range[0]);
  for (int i = 0; i < n; i++) {
    int bh = vg_aug_between(w, op->range[1]), bw = vg_aug_between(w, op->range[2]);
    vg_aug_add_box(d, w, h, wd, bh, bw);
  }
}

VG_HD vg_aug_draw vg_aug_draw_op(const vg_aug_op *op, vg_aug_key key, int place, int h, int w) {
  vg_aug_draw d;
  vg_aug_words src = vg_aug_words_for(key, place);
  memset(&d, 0, sizeof d);
  d.on = vg_aug_unit(&src) < op->p;
  if (!d.on) return d;
  switch (op->kind) {
    case VG_AUG_CROP: vg_aug_add_box(&d, &src, h, w, op->size[0], op->size[1]); break;
    case VG_AUG_JITTER:
    case VG_AUG_PIL_JITTER: vg_aug_draw_jitter(&d, op, &src); break;
    case VG_AUG_ROTATE: d.factor[0] = vg_aug_uniform(&src, op->range[0]); break;
    case VG_AUG_RESIZED_CROP: vg_aug_draw_resized_crop(&d, op, &src, h, w); break;
    case VG_AUG_COARSE_DROPOUT: vg_aug_draw_holes(&d, op, &src, h, w); break;
    default: break;
  }
  return d;
}

#endif
