/* Operations that copy: contiguous, clone, dtype, device. */
#include "ops/ops.h"

static vg_status pass(vg_node *n, vg_tensor *gy) { return vg_edge_add(n, 0, gy); }

static vg_status copied(vg_tensor **out, const char *op, vg_tensor *x, const vg_layout *layout) {
  vg_tensor *y = NULL;
  vg_node *n;
  vg_status st;
  VG_TRY(vg_new_layout(&y, x->dev, x->dtype, x->ndim, x->shape, layout));
  VG_TRY(vg_copy_into(y, x));
  y->storage->version = 0;
  VG_TRY(vg_record(&n, op, pass, y, 1, &x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_contiguous(vg_tensor **out, vg_tensor *x) {
  if (!vg_is_contiguous(x)) return copied(out, "contiguous", x, NULL);
  *out = vg_retain(x);
  return VG_OK;
}

vg_status vg_channels_last(vg_tensor **out, vg_tensor *x) {
  vg_tensor *y = NULL;
  vg_node *n;
  vg_status st;
  VG_TRY(vg_to_channels_last(&y, x));
  if (y != x) VG_TRY(vg_record(&n, "contiguous", pass, y, 1, &x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_clone(vg_tensor **out, vg_tensor *x) { return copied(out, "clone", x, x->layout); }

static vg_status cast_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL;
  vg_status st;
  VG_TRY(vg_cast_raw(&gx, gy, (vg_dtype)n->attr.scalar.kind));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(gx);
  return st;
}

vg_status vg_cast(vg_tensor **out, vg_tensor *x, vg_dtype dtype) {
  vg_tensor *y = NULL;
  vg_node *n;
  vg_status st;
  if (x->dtype == dtype) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_cast_raw(&y, x, dtype));
  if (dtype == VG_F32 || dtype == VG_BF16) {
    VG_TRY(vg_record(&n, "to", cast_backward, y, 1, &x));
    if (n) n->attr.scalar.kind = (int)x->dtype;
  }
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

/* The device of the input is reached through the context: devices[index] never goes away. */
static vg_status move_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL;
  vg_status st;
  VG_TRY(vg_to_device(&gx, gy, gy->dev->ctx->devices[n->attr.scalar.kind]));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(gx);
  return st;
}

vg_status vg_move_to(vg_tensor **out, vg_tensor *x, vg_device *dev) {
  vg_context *c = x->dev->ctx;
  vg_tensor *y = NULL;
  vg_node *n;
  vg_status st;
  if (x->dev == dev) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_to_device(&y, x, dev));
  VG_TRY(vg_record(&n, "to", move_backward, y, 1, &x));
  for (int i = 0; n && i < c->ndevices; i++)
    if (c->devices[i] == x->dev) n->attr.scalar.kind = i;
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}
