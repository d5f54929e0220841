/* Normalisation tables and the checks that let augment.c trust its operations. */
#include "data/augment.h"

void vg_pipeline_albumentations_table(vg_pipeline *p, const double mean[3], const double std[3]) {
  for (int c = 0; c < 3; c++) {
    float shift = (float)mean[c] * 255.0f, scale = 1.0f / ((float)std[c] * 255.0f);
    for (int i = 0; i < 256; i++) p->table[c][i] = ((float)i - shift) * scale;
  }
}

void vg_pipeline_torchvision_table(vg_pipeline *p, const double mean[3], const double std[3]) {
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < 256; i++)
      p->table[c][i] = ((float)i / 255.0f - (float)mean[c]) / (float)std[c];
}

void vg_pipeline_floats(float *dst, const vg_pipeline *p, const vg_image *m) {
  int n = m->h * m->w;
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < n; i++) dst[c * n + i] = p->table[c][m->px[c * n + i]];
}

static const char *const names[VG_AUG_KINDS] = {
    "PadIfNeeded", "RandomCrop", "HorizontalFlip",    "VerticalFlip",  "ColorJitter",
    "ColorJitter", "Rotate",     "RandomResizedCrop", "CoarseDropout", "Resize"};

static vg_status check_range(const vg_aug_op *op, int i, double low, double high,
                             const char *what) {
  const double *r = op->range[i];
  if (r[0] >= low && r[1] <= high && r[0] <= r[1]) return VG_OK;
  return vg_fail(VG_EINVAL, "%s: want %s within %g..%g, smaller end first, got %g..%g",
                 names[op->kind], what, low, high, r[0], r[1]);
}

static vg_status check_jitter(const vg_aug_op *op) {
  vg_status st;
  VG_TRY(check_range(op, 0, 0, 1e6, "brightness factors"));
  VG_TRY(check_range(op, 1, 0, 1e6, "contrast factors"));
  VG_TRY(check_range(op, 2, 0, 1e6, "saturation factors"));
  VG_TRY(check_range(op, 3, -0.5, 0.5, "hue shifts (in full turns)"));
done:
  return st;
}

static vg_status check_holes(const vg_aug_op *op, int h, int w) {
  vg_status st;
  VG_TRY(check_range(op, 0, 0, VG_AUG_MAX_HOLES, "numbers of holes"));
  VG_TRY(check_range(op, 1, 1, h, "hole heights"));
  VG_TRY(check_range(op, 2, 1, w, "hole widths"));
done:
  return st;
}

static vg_status check_size(const vg_aug_op *op, int h, int w) {
  if (h >= 1 && h <= VG_IMAGE_MAX && w >= 1 && w <= VG_IMAGE_MAX) return VG_OK;
  return vg_fail(VG_EINVAL, "%s: want a size of 1..%d each way, got %dx%d", names[op->kind],
                 VG_IMAGE_MAX, h, w);
}

/* Checks one operation on an image of s[0] x s[1] and leaves the new size in s. */
static vg_status check_op(const vg_aug_op *op, int s[2]) {
  int h = s[0], w = s[1];
  vg_status st = VG_OK;
  if ((int)op->kind < 0 || op->kind >= VG_AUG_KINDS)
    return vg_fail(VG_EINVAL, "augment: no operation number %d", (int)op->kind);
  if (!(op->p >= 0 && op->p <= 1))
    return vg_fail(VG_EINVAL, "%s: want p in 0..1, got %g", names[op->kind], op->p);
  if (op->fill < 0 || op->fill > 255)
    return vg_fail(VG_EINVAL, "%s: want fill in 0..255, got %d", names[op->kind], op->fill);
  switch (op->kind) {
    case VG_AUG_PAD:
      if (op->size[0] > h) s[0] = op->size[0];
      if (op->size[1] > w) s[1] = op->size[1];
      break;
    case VG_AUG_CROP:
      if (op->size[0] > h || op->size[1] > w)
        return vg_fail(VG_EINVAL, "RandomCrop: %dx%d does not fit into %dx%d", op->size[0],
                       op->size[1], h, w);
      s[0] = op->size[0], s[1] = op->size[1];
      break;
    case VG_AUG_RESIZED_CROP:
      VG_TRY(check_range(op, 0, 1e-6, 1, "shares of the area"));
      VG_TRY(check_range(op, 1, 1e-3, 1e3, "aspect ratios"));
      s[0] = op->size[0], s[1] = op->size[1];
      break;
    case VG_AUG_RESIZE: s[0] = op->size[0], s[1] = op->size[1]; break;
    case VG_AUG_JITTER:
    case VG_AUG_PIL_JITTER: VG_TRY(check_jitter(op)); break;
    case VG_AUG_ROTATE: VG_TRY(check_range(op, 0, -360, 360, "degrees")); break;
    case VG_AUG_COARSE_DROPOUT: VG_TRY(check_holes(op, h, w)); break;
    default: break;
  }
  VG_TRY(check_size(op, s[0], s[1]));
  if ((s[0] != h || s[1] != w) && op->p < 1)
    return vg_fail(VG_EINVAL, "%s: changes the size, so p must be 1, got %g", names[op->kind],
                   op->p);
done:
  return st;
}

vg_status vg_pipeline_check(int out[2], const vg_pipeline *p, int h, int w) {
  int s[2] = {h, w};
  vg_status st = VG_OK;
  if (p->ops < 0 || p->ops > VG_AUG_MAX_OPS)
    return vg_fail(VG_EINVAL, "augment: want at most %d operations, got %d", VG_AUG_MAX_OPS,
                   p->ops);
  for (int i = 0; i < p->ops; i++) VG_TRY(check_op(&p->op[i], s));
  out[0] = s[0];
  out[1] = s[1];
done:
  return st;
}

void vg_pipeline_sizes(int size[VG_AUG_MAX_OPS][2], const vg_pipeline *p, int h, int w) {
  int s[2] = {h, w};
  for (int i = 0; i < p->ops; i++) {
    size[i][0] = s[0];
    size[i][1] = s[1];
    check_op(&p->op[i], s);
  }
}
