/* Softmax and log-softmax over any dimension. The backward needs the output only. */
#include "ops/ops.h"

static const char *name_of(bool log) { return log ? "log_softmax" : "softmax"; }

static vg_status backward(vg_node *n, vg_tensor *gy) {
  const vg_softmax_vt *k = gy->dev->be->softmax;
  vg_tensor *dense = NULL, *gx = NULL;
  vg_status st;
  if (!k->softmax_bwd) return vg_unsupported(gy->dev, "softmax backward");
  VG_TRY(vg_relayout(&dense, gy, NULL));
  VG_TRY(vg_new(&gx, gy->dev, gy->dtype, gy->ndim, gy->shape));
  VG_TRY(k->softmax_bwd(gy->dev, gx, dense, n->saved[0], n->attr.view.dim, n->attr.view.offset));
  VG_TRY(vg_edge_add(n, 0, gx));
done:
  vg_release(dense);
  vg_release(gx);
  return st;
}

/* Computed in f32; the result has x's type, under autocast f32. */
static vg_status in_f32(vg_tensor **out, vg_tensor *x, int dim, bool log) {
  vg_tensor *wide = NULL, *y = NULL;
  vg_status st;
  VG_TRY(vg_cast(&wide, x, VG_F32));
  VG_TRY(vg_softmax(&y, wide, dim, log));
  VG_TRY(vg_cast(out, y, x->dev->ctx->autocast == VG_BF16 ? VG_F32 : VG_BF16));
done:
  vg_release(wide);
  vg_release(y);
  return st;
}

vg_status vg_softmax(vg_tensor **out, vg_tensor *x, int dim, bool log) {
  const vg_softmax_vt *k = x->dev->be->softmax;
  vg_tensor *dense = NULL, *y = NULL;
  vg_node *n;
  int at;
  vg_status st;
  if (!k || !k->softmax) return vg_unsupported(x->dev, name_of(log));
  if (x->dtype == VG_BF16) return in_f32(out, x, dim, log);
  VG_TRY(vg_want_dtype(name_of(log), x, VG_F32));
  VG_TRY(vg_dim(name_of(log), x->ndim ? x->ndim : 1, dim, &at));
  VG_TRY(vg_relayout(&dense, x, NULL));
  VG_TRY(vg_new(&y, x->dev, x->dtype, x->ndim, x->shape));
  VG_TRY(k->softmax(x->dev, y, dense, at, log));
  VG_TRY(vg_record(&n, name_of(log), backward, y, 1, &x));
  if (n) {
    n->attr.view.dim = at;
    n->attr.view.offset = log;
    VG_TRY(vg_save(n, 0, y));
  }
  *out = y;
  y = NULL;
done:
  vg_release(dense);
  vg_release(y);
  return st;
}
