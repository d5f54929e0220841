/* Convolution: the shape rule, the layouts the backend asks for, the gradient rule. */
#include <string.h>

#include "ops/ops.h"

static vg_status check(const vg_tensor *x, const vg_tensor *w, const vg_tensor *bias,
                       const vg_conv2d *p) {
  if (x->ndim != 4) return vg_fail(VG_ESHAPE, "conv2d: want NCHW, got %s", vg_shape_str(x));
  if (w->ndim != 4)
    return vg_fail(VG_ESHAPE, "conv2d: want a weight of out x in x h x w, got %s", vg_shape_str(w));
  if (x->shape[1] < 1 || w->shape[0] < 1)
    return vg_fail(VG_ESHAPE, "conv2d: %s and weight %s have no channels", vg_shape_str(x),
                   vg_shape_str(w));
  if (p->groups < 1 || x->shape[1] % p->groups || w->shape[0] % p->groups)
    return vg_fail(VG_ESHAPE, "conv2d: %d groups do not divide %lld input and %lld output channels",
                   p->groups, (long long)x->shape[1], (long long)w->shape[0]);
  if (w->shape[1] * p->groups != x->shape[1])
    return vg_fail(VG_ESHAPE, "conv2d: weight %s with %d group%s wants %lld channels, got %s",
                   vg_shape_str(w), p->groups, p->groups == 1 ? "" : "s",
                   (long long)(w->shape[1] * p->groups), vg_shape_str(x));
  if (bias && (bias->ndim != 1 || bias->shape[0] != w->shape[0]))
    return vg_fail(VG_ESHAPE, "conv2d: want a bias of %lld, got %s", (long long)w->shape[0],
                   vg_shape_str(bias));
  return VG_OK;
}

/* The only place that turns a convolution's window into an output size. */
static vg_status out_shape(const vg_tensor *x, const vg_tensor *w, const vg_conv2d *p,
                           int64_t s[4]) {
  s[0] = x->shape[0];
  s[1] = w->shape[0];
  for (int d = 0; d < 2; d++) {
    int64_t k = w->shape[2 + d], reach = p->dilation[d] * (k - 1) + 1,
            span = x->shape[2 + d] + 2 * (int64_t)p->pad[d] - reach;
    if (k < 1 || p->stride[d] < 1 || p->pad[d] < 0 || p->dilation[d] < 1 || span < 0)
      return vg_fail(VG_ESHAPE, "conv2d: kernel %lld stride %d pad %d dilation %d does not fit %s",
                     (long long)k, p->stride[d], p->pad[d], p->dilation[d], vg_shape_str(x));
    s[2 + d] = span / p->stride[d] + 1;
  }
  return VG_OK;
}

static vg_status check_dtypes(const vg_tensor *x, const vg_tensor *w, const vg_tensor *bias) {
  vg_status st;
  VG_TRY(vg_want_float("conv2d", x));
  VG_TRY(vg_want_dtype("conv2d", w, VG_F32));
  if (bias) VG_TRY(vg_want_dtype("conv2d", bias, VG_F32));
  VG_TRY(vg_want_same_device("conv2d", x, w));
  if (bias) VG_TRY(vg_want_same_device("conv2d", x, bias));
done:
  return st;
}

enum { X, W, BIAS };

/* The gradients that exist, by one call of the backend where it has that. */
static vg_status gradients(vg_tensor *gx, vg_tensor *gw, vg_tensor *gb, const vg_node *n,
                           const vg_tensor *gy) {
  const vg_tensor *x = n->saved[X], *w = n->saved[W];
  const vg_conv_vt *k = x->dev->be->conv;
  vg_status st = VG_OK;
  if (gx && gw && k->bwd) return k->bwd(x->dev, gx, gw, gb, x, gy, w, &n->attr.conv);
  if (gw) VG_TRY(k->bwd_weight(x->dev, gw, gb, x, gy, &n->attr.conv));
  if (gx) VG_TRY(k->bwd_data(x->dev, gx, gy, w, &n->attr.conv));
done:
  return st;
}

static vg_status make_gradients(vg_node *n, const vg_tensor *gy) {
  vg_tensor *x = n->saved[X], *w = n->saved[W], *gx = NULL, *gw = NULL, *gb = NULL;
  bool bias = vg_edge_wants(n, BIAS);
  vg_status st;
  if (bias || vg_edge_wants(n, W)) VG_TRY(vg_new_same_walk(&gw, w));
  if (bias) VG_TRY(vg_new(&gb, x->dev, VG_F32, 1, w->shape));
  if (vg_edge_wants(n, X)) VG_TRY(vg_new_like(&gx, x));
  VG_TRY(gradients(gx, gw, gb, n, gy));
  if (gw) VG_TRY(vg_edge_add(n, W, gw));
  if (gb) VG_TRY(vg_edge_add(n, BIAS, gb));
  if (gx) VG_TRY(vg_edge_add(n, X, gx));
done:
  vg_release(gx);
  vg_release(gw);
  vg_release(gb);
  return st;
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *x = n->saved[X], *w = n->saved[W], *cast = NULL, *g = NULL;
  const vg_layout *lx, *ly;
  vg_status st;
  VG_TRY(x->dev->be->conv->layouts(x->dev, x, w, gy->shape, &n->attr.conv, &lx, &ly));
  VG_TRY(vg_cast_raw(&cast, gy, x->dtype));
  VG_TRY(vg_relayout(&g, cast, ly));
  VG_TRY(make_gradients(n, g));
done:
  vg_release(cast);
  vg_release(g);
  return st;
}

static vg_status weight_for(vg_tensor **out, const vg_conv_vt *k, vg_tensor *w) {
  if (w->layout || !k->takes_weight || !k->takes_weight(w)) return vg_relayout(out, w, NULL);
  *out = vg_retain(w);
  return VG_OK;
}

vg_status vg_conv2d_op(vg_tensor **out, vg_tensor *input, vg_tensor *w, vg_tensor *bias,
                       const vg_conv2d *p) {
  const vg_conv_vt *k = input->dev->be->conv;
  vg_tensor *x = NULL, *xl = NULL, *wl = NULL, *bl = NULL, *y = NULL;
  const vg_layout *lx, *ly;
  vg_node *n;
  int64_t s[4];
  vg_status st;
  if (!k || !k->fwd) return vg_unsupported(input->dev, "conv2d");
  VG_TRY(check(input, w, bias, p));
  VG_TRY(check_dtypes(input, w, bias));
  VG_TRY(vg_autocast(&x, "conv2d", input));
  VG_TRY(out_shape(x, w, p, s));
  VG_TRY(k->layouts(x->dev, x, w, s, p, &lx, &ly));
  VG_TRY(vg_relayout(&xl, x, lx));
  VG_TRY(weight_for(&wl, k, w));
  if (bias) VG_TRY(vg_relayout(&bl, bias, NULL));
  VG_TRY(vg_new_layout(&y, x->dev, x->dtype, 4, s, ly));
  VG_TRY(k->fwd(x->dev, y, xl, wl, bl, p));
  VG_TRY(vg_record(&n, "conv2d", backward, y, 3, (vg_tensor *[]){x, w, bias}));
  if (n) {
    n->attr.conv = *p;
    VG_TRY(vg_save(n, X, xl));
    VG_TRY(vg_save(n, W, wl));
  }
  *out = y; /* the caller owns y */
  y = NULL;
done:
  vg_release(x);
  vg_release(xl);
  vg_release(wl);
  vg_release(bl);
  vg_release(y);
  return st;
}
