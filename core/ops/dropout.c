/* Dropout. No mask is stored: it is a function of the stream, and the backward draws it again. */
#include "ops/ops.h"

static vg_status run(vg_tensor **out, vg_tensor *x, vg_stream s, double p) {
  vg_tensor *dense = NULL, *y = NULL;
  vg_status st;
  if (!x->layout) VG_TRY(vg_relayout(&dense, x, NULL));
  VG_TRY(vg_new_like(&y, x));
  VG_TRY(x->dev->be->random->dropout(x->dev, y, dense ? dense : x, s, p));
  *out = y;
  y = NULL;
done:
  vg_release(dense);
  vg_release(y);
  return st;
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL;
  vg_status st;
  VG_TRY(run(&gx, gy, n->attr.dropout.stream, n->attr.dropout.p));
  VG_TRY(vg_edge_add(n, 0, gx));
done:
  vg_release(gx);
  return st;
}

vg_status vg_dropout(vg_tensor **out, vg_tensor *x, double p, bool training) {
  vg_tensor *y = NULL;
  vg_stream s;
  vg_node *n;
  vg_status st;
  if (!(p >= 0 && p <= 1)) return vg_fail(VG_EINVAL, "dropout: probability %g is outside 0..1", p);
  if (!training || p == 0) {
    *out = vg_retain(x);
    return VG_OK;
  }
  if (!x->dev->be->random || !x->dev->be->random->dropout) return vg_unsupported(x->dev, "dropout");
  if (x->dtype != VG_F32 && x->dtype != VG_BF16)
    return vg_fail(VG_EDTYPE, "dropout: want a float tensor, got %s", vg_dtype_name(x->dtype));
  s = vg_next_stream(x->dev->ctx, VG_RNG_DROPOUT);
  VG_TRY(run(&y, x, s, p));
  VG_TRY(vg_record(&n, "dropout", backward, y, 1, &x));
  if (n) {
    n->attr.dropout.stream = s;
    n->attr.dropout.p = p;
  }
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}
