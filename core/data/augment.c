/* Drawing and running augmentation pipelines. */
#include "data/augment.h"

#include <string.h>

vg_aug_draw vg_augment_draw(const vg_aug_op *op, vg_aug_key key, int place, int h, int w) {
  return vg_aug_draw_op(op, key, place, h, w);
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
