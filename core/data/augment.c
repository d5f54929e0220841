/* Drawing and running augmentation pipelines. */
#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

/* Words of one operation for one image: 64 blocks are set aside for each place in the pipeline. */
typedef struct words {
  vg_stream stream;
  uint64_t block;
  vg_u32x4 now;
  int used;
} words;

static words words_for(vg_aug_key key, int place) {
  vg_stream s = {key.seed, (uint64_t)key.epoch << 32 | key.sample, VG_RNG_AUGMENT};
  return (words){.stream = s, .block = (uint64_t)place * 64, .used = 4};
}

static uint32_t word(words *w) {
  if (w->used == 4) {
    w->now = vg_stream_block(w->stream, w->block++);
    w->used = 0;
  }
  return w->now.v[w->used++];
}

static double unit(words *w) { return word(w) * 0x1p-32; }
static double uniform(words *w, const double r[2]) { return r[0] + (r[1] - r[0]) * unit(w); }
static int below(words *w, int n) { return (int)((uint64_t)word(w) * (uint64_t)n >> 32); }
static int between(words *w, const double r[2]) { /* both ends included */
  return (int)r[0] + below(w, (int)r[1] - (int)r[0] + 1);
}

static void add_box(vg_aug_draw *d, words *w, int h, int wd, int bh, int bw) {
  int *b = d->box[d->boxes++];
  b[0] = below(w, h - bh + 1);
  b[1] = below(w, wd - bw + 1);
  b[2] = bh;
  b[3] = bw;
}

static void draw_jitter(vg_aug_draw *d, const vg_aug_op *op, words *w) {
  for (int i = 0; i < 4; i++) {
    d->factor[i] = uniform(w, op->range[i]);
    d->order[i] = i;
  }
  for (int i = 3; i > 0; i--) {
    int j = below(w, i + 1), t = d->order[i];
    d->order[i] = d->order[j];
    d->order[j] = t;
  }
}

/* torchvision's RandomResizedCrop: ten tries, then the largest centred crop of a legal aspect. */
static void draw_resized_crop(vg_aug_draw *d, const vg_aug_op *op, words *w, int h, int wd) {
  double aspect[2] = {log(op->range[1][0]), log(op->range[1][1])};
  for (int i = 0; i < 10; i++) {
    double area = h * wd * uniform(w, op->range[0]), ratio = exp(uniform(w, aspect));
    int bw = (int)nearbyint(sqrt(area * ratio)), bh = (int)nearbyint(sqrt(area / ratio));
    if (bw > 0 && bw <= wd && bh > 0 && bh <= h) {
      add_box(d, w, h, wd, bh, bw);
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

static void draw_holes(vg_aug_draw *d, const vg_aug_op *op, words *w, int h, int wd) {
  int n = between(w, op->range[0]);
  for (int i = 0; i < n; i++) {
    int bh = between(w, op->range[1]), bw = between(w, op->range[2]);
    add_box(d, w, h, wd, bh, bw);
  }
}

vg_aug_draw vg_augment_draw(const vg_aug_op *op, vg_aug_key key, int place, int h, int w) {
  vg_aug_draw d = {0};
  words src = words_for(key, place);
  d.on = unit(&src) < op->p;
  if (!d.on) return d;
  switch (op->kind) {
    case VG_AUG_CROP: add_box(&d, &src, h, w, op->size[0], op->size[1]); break;
    case VG_AUG_JITTER:
    case VG_AUG_PIL_JITTER: draw_jitter(&d, op, &src); break;
    case VG_AUG_ROTATE: d.factor[0] = uniform(&src, op->range[0]); break;
    case VG_AUG_RESIZED_CROP: draw_resized_crop(&d, op, &src, h, w); break;
    case VG_AUG_COARSE_DROPOUT: draw_holes(&d, op, &src, h, w); break;
    default: break;
  }
  return d;
}

typedef void (*colour_fn)(vg_image *, double);
static const colour_fn opencv[4] = {vg_image_brightness, vg_image_contrast, vg_image_saturation,
                                    vg_image_hue};
static const colour_fn pillow[4] = {vg_image_pil_brightness, vg_image_pil_contrast,
                                    vg_image_pil_saturation, vg_image_pil_hue};

static void jitter(vg_image *m, const vg_aug_draw *d, const colour_fn fns[4]) {
  for (int i = 0; i < 4; i++) fns[d->order[i]](m, d->factor[d->order[i]]);
}

void vg_augment_apply(vg_image *m, const vg_aug_op *op, const vg_aug_draw *d) {
  const int *b = d->box[0];
  if (!d->on) return;
  switch (op->kind) {
    case VG_AUG_PAD:
      vg_image_pad(m, op->size[0], op->size[1], op->border, (uint8_t)op->fill);
      break;
    case VG_AUG_CROP: vg_image_crop(m, b[0], b[1], b[2], b[3]); break;
    case VG_AUG_HFLIP: vg_image_hflip(m); break;
    case VG_AUG_VFLIP: vg_image_vflip(m); break;
    case VG_AUG_JITTER: jitter(m, d, opencv); break;
    case VG_AUG_PIL_JITTER: jitter(m, d, pillow); break;
    case VG_AUG_ROTATE: vg_image_rotate(m, d->factor[0]); break;
    case VG_AUG_RESIZED_CROP:
      vg_image_crop(m, b[0], b[1], b[2], b[3]);
      vg_image_resize(m, op->size[0], op->size[1]);
      break;
    case VG_AUG_RESIZE: vg_image_resize(m, op->size[0], op->size[1]); break;
    default:
      for (int i = 0; i < d->boxes; i++)
        vg_image_fill(m, d->box[i][0], d->box[i][1], d->box[i][2], d->box[i][3], (uint8_t)op->fill);
  }
}

void vg_augment(vg_image *m, const vg_pipeline *p, vg_aug_key key, const uint8_t *src, int h,
                int w) {
  m->h = h;
  m->w = w;
  memcpy(m->px, src, (size_t)(3 * h * w));
  for (int i = 0; i < p->ops; i++) {
    vg_aug_draw d = vg_augment_draw(&p->op[i], key, i, m->h, m->w);
    vg_augment_apply(m, &p->op[i], &d);
  }
}
