/* Cross-entropy, negative log-likelihood, mean squared error. Cross-entropy is one kernel each way:
   nothing of the size of the logits is kept, the backward computes the softmax again. */
#include "ops/ops.h"

static const char *name_of(const vg_loss *p) { return p->log_probs ? "nll_loss" : "cross_entropy"; }

static vg_status check(const vg_tensor *x, const vg_tensor *target, const vg_loss *p) {
  const char *op = name_of(p);
  bool same = x->ndim == target->ndim + 1 && x->ndim >= 2;
  vg_status st;
  VG_TRY(vg_want_dtype(op, x, VG_F32));
  VG_TRY(vg_want_dtype(op, target, VG_I64));
  VG_TRY(vg_want_same_device(op, x, target));
  for (int d = 0; same && d < target->ndim; d++) same = target->shape[d] == x->shape[d ? d + 1 : 0];
  if (!same)
    return vg_fail(VG_ESHAPE, "%s: want logits N x C x ... and target N x ..., got %s and %s", op,
                   vg_shape_str(x), vg_shape_str(target));
  if (x->shape[1] < 1) return vg_fail(VG_ESHAPE, "%s: no classes in %s", op, vg_shape_str(x));
  if (!(p->label_smoothing >= 0 && p->label_smoothing <= 1))
    return vg_fail(VG_EINVAL, "%s: label_smoothing %g is outside 0..1", op,
                   (double)p->label_smoothing);
done:
  return st;
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  const vg_softmax_vt *k = gy->dev->be->softmax;
  vg_tensor *dense = NULL, *gx = NULL, *x = n->saved[0];
  vg_status st;
  if (!k->cross_entropy_bwd) return vg_unsupported(gy->dev, "cross_entropy backward");
  VG_TRY(vg_relayout(&dense, gy, NULL));
  VG_TRY(vg_new(&gx, x->dev, x->dtype, x->ndim, x->shape));
  VG_TRY(k->cross_entropy_bwd(gy->dev, gx, dense, x, n->saved[1], &n->attr.loss));
  VG_TRY(vg_edge_add(n, 0, gx));
done:
  vg_release(dense);
  vg_release(gx);
  return st;
}

/* The loss is f32 whatever the logits are. */
static vg_status in_f32(vg_tensor **out, vg_tensor *logits, vg_tensor *target, const vg_loss *p) {
  vg_tensor *x = NULL;
  vg_status st;
  VG_TRY(vg_cast(&x, logits, VG_F32));
  VG_TRY(vg_cross_entropy(out, x, target, p));
done:
  vg_release(x);
  return st;
}

vg_status vg_cross_entropy(vg_tensor **out, vg_tensor *logits, vg_tensor *target,
                           const vg_loss *p) {
  const vg_softmax_vt *k = logits->dev->be->softmax;
  bool each = p->reduction == VG_LOSS_NONE;
  vg_tensor *x = NULL, *t = NULL, *y = NULL;
  vg_node *n;
  vg_status st;
  if (!k || !k->cross_entropy) return vg_unsupported(logits->dev, name_of(p));
  if (logits->dtype == VG_BF16) return in_f32(out, logits, target, p);
  VG_TRY(check(logits, target, p));
  VG_TRY(vg_relayout(&x, logits, NULL));
  VG_TRY(vg_relayout(&t, target, NULL));
  VG_TRY(vg_new(&y, x->dev, VG_F32, each ? t->ndim : 0, t->shape));
  VG_TRY(k->cross_entropy(x->dev, y, x, t, p));
  VG_TRY(vg_record(&n, name_of(p), backward, y, 1, &logits));
  if (n) {
    n->attr.loss = *p;
    VG_TRY(vg_save(n, 0, x));
    VG_TRY(vg_save(n, 1, t));
  }
  *out = y;
  y = NULL;
done:
  vg_release(x);
  vg_release(t);
  vg_release(y);
  return st;
}

vg_status vg_nll_loss(vg_tensor **out, vg_tensor *log_probs, vg_tensor *target, const vg_loss *p) {
  vg_loss q = *p;
  q.log_probs = true;
  q.label_smoothing = 0;
  return vg_cross_entropy(out, log_probs, target, &q);
}

/* Computed in f32 from bf16, too. */
vg_status vg_mse_loss(vg_tensor **out, vg_tensor *x, vg_tensor *target, vg_mean_or_sum reduction) {
  vg_tensor *wide = NULL, *difference = NULL, *square = NULL;
  vg_scalars none = {0, 0};
  vg_status st;
  if (!vg_same_shape(x, target))
    return vg_fail(VG_ESHAPE, "mse_loss: want equal shapes, got %s and %s", vg_shape_str(x),
                   vg_shape_str(target));
  VG_TRY(vg_cast(&wide, x, x->dtype == VG_BF16 ? VG_F32 : x->dtype));
  VG_TRY(vg_binary_op(&difference, VG_SUB, wide, target));
  VG_TRY(vg_unary_op(&square, VG_SQUARE, none, difference));
  if (reduction == VG_LOSS_NONE)
    *out = vg_retain(square);
  else
    VG_TRY(
        vg_reduce(out, reduction == VG_LOSS_MEAN ? VG_MEAN : VG_SUM, none, square, 0, NULL, false));
done:
  vg_release(wide);
  vg_release(difference);
  vg_release(square);
  return st;
}
