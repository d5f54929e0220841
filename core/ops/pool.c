/* Pooling: output shapes, forward calls, gradient rules. */
#include <limits.h>
#include <string.h>

#include "ops/ops.h"

/* The only place in the tree that turns a window into an output size. */
vg_status vg_pool_shape(const char *op, const vg_tensor *x, const vg_pool2d *p, int64_t s[4]) {
  s[0] = x->shape[0];
  s[1] = x->shape[1];
  for (int d = 0; d < 2; d++) {
    int64_t k = p->kernel[d], pad = p->pad[d], step = p->stride[d],
            span = x->shape[2 + d] + 2 * pad - k;
    if (k < 1 || step < 1 || pad < 0 || 2 * pad > k || span < 0)
      return vg_fail(VG_ESHAPE, "%s: kernel %d stride %d pad %d does not fit %s", op, p->kernel[d],
                     p->stride[d], p->pad[d], vg_shape_str(x));
    s[2 + d] = (p->ceil_mode ? span + step - 1 : span) / step + 1;
    /* the last window starts inside the input or its left padding */
    if (p->ceil_mode && (s[2 + d] - 1) * step >= x->shape[2 + d] + pad) s[2 + d]--;
  }
  return VG_OK;
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  const vg_pool_vt *k = gy->dev->be->pool;
  const vg_pool2d *p = &n->attr.pool.p;
  vg_tensor *gx = NULL, *cast = NULL, *g = NULL;
  bool max = n->ws.ptr != NULL;
  vg_status st;
  VG_TRY(vg_cast_raw(&cast, gy, n->attr.pool.dtype)); /* the workspace is read as it was written */
  VG_TRY(vg_relayout(&g, cast, n->attr.pool.layout));
  VG_TRY(vg_new_layout(&gx, g->dev, g->dtype, 4, n->attr.pool.shape, n->attr.pool.layout));
  if (max)
    VG_TRY(k->max_bwd(gy->dev, gx, g, &n->ws, p));
  else
    VG_TRY(k->avg_bwd(gy->dev, gx, g, p));
  VG_TRY(vg_edge_add(n, 0, gx));
done:
  vg_release(gx);
  vg_release(cast);
  vg_release(g);
  return st;
}

/* x in a layout the kernels read. */
static vg_status admit(vg_tensor **out, vg_tensor *x) {
  const vg_pool_vt *k = x->dev->be->pool;
  return vg_relayout(out, x, x->layout && k->accepts(x->layout) ? x->layout : NULL);
}

static vg_status pool(vg_tensor **out, const char *op, bool max, vg_tensor *x, const int64_t *s,
                      const vg_pool2d *p) {
  const vg_pool_vt *k = x->dev->be->pool;
  vg_tensor *xl = NULL, *y = NULL;
  vg_buf ws = {0};
  vg_node *n;
  vg_status st;
  VG_TRY(admit(&xl, x));
  VG_TRY(vg_new_layout(&y, x->dev, x->dtype, 4, s, xl->layout));
  VG_TRY(max ? k->max_fwd(x->dev, y, xl, vg_wants_grad(x) ? &ws : NULL, p)
             : k->avg_fwd(x->dev, y, xl, p));
  VG_TRY(vg_record(&n, op, backward, y, 1, &x));
  if (n) {
    n->attr.pool.p = *p;
    memcpy(n->attr.pool.shape, x->shape, sizeof n->attr.pool.shape);
    n->attr.pool.layout = xl->layout;
    n->attr.pool.dtype = xl->dtype;
    n->ws = ws; /* the node owns the workspace from here */
    ws = (vg_buf){0};
  }
  *out = y;
  y = NULL;
done:
  vg_buf_give(&ws);
  vg_release(xl);
  vg_release(y);
  return st;
}

static vg_status check(const char *op, const vg_tensor *x) {
  const vg_pool_vt *k = x->dev->be->pool;
  if (!k || !k->max_fwd || !k->avg_fwd) return vg_unsupported(x->dev, op);
  if (x->ndim != 4) return vg_fail(VG_ESHAPE, "%s: want NCHW, got %s", op, vg_shape_str(x));
  return vg_want_float(op, x);
}

static vg_status windowed(vg_tensor **out, const char *op, bool max, vg_tensor *x,
                          const vg_pool2d *p) {
  int64_t s[4];
  vg_status st;
  VG_TRY(check(op, x));
  VG_TRY(vg_pool_shape(op, x, p, s));
  st = pool(out, op, max, x, s, p);
done:
  return st;
}

vg_status vg_max_pool2d(vg_tensor **out, vg_tensor *x, const vg_pool2d *p) {
  return windowed(out, "max_pool2d", true, x, p);
}

vg_status vg_avg_pool2d(vg_tensor **out, vg_tensor *x, const vg_pool2d *p) {
  return windowed(out, "avg_pool2d", false, x, p);
}

static vg_status adaptive(vg_tensor **out, const char *op, bool max, vg_tensor *x, int64_t h,
                          int64_t w) {
  vg_pool2d p = {.adaptive = true};
  vg_status st;
  VG_TRY(check(op, x));
  if (h < 1 || w < 1 || h > INT_MAX || w > INT_MAX)
    VG_TRY(vg_fail(VG_ESHAPE, "%s: want an output of at least 1x1, got %lldx%lld", op, (long long)h,
                   (long long)w));
  if (x->shape[2] < 1 || x->shape[3] < 1)
    VG_TRY(vg_fail(VG_ESHAPE, "%s: want an image of at least 1x1, got %s", op, vg_shape_str(x)));
  st = pool(out, op, max, x, (int64_t[4]){x->shape[0], x->shape[1], h, w}, &p);
done:
  return st;
}

vg_status vg_adaptive_avg_pool2d(vg_tensor **out, vg_tensor *x, int64_t h, int64_t w) {
  return adaptive(out, "adaptive_avg_pool2d", false, x, h, w);
}

vg_status vg_adaptive_max_pool2d(vg_tensor **out, vg_tensor *x, int64_t h, int64_t w) {
  return adaptive(out, "adaptive_max_pool2d", true, x, h, w);
}
