#include "cpu/through_f32.h"

#include "cpu/blocked.h"
#include "cpu/wide.h"

/* The f32 kernels' layout of a tensor that has any. */
static const vg_layout *f32_layout(const vg_tensor *x) {
  return x->layout && vg_cpu_can_block(x->ndim, x->shape) ? vg_cpu_blocked() : NULL;
}

/* ---- convolution ---- */

/* Both operands in the layouts which the f32 convolution wants. */
static vg_status wanted(vg_device *d, const vg_tensor *x, const vg_tensor *w, const vg_tensor *y,
                        const vg_conv2d *p, const vg_layout **lx, const vg_layout **ly) {
  vg_tensor f = *x;
  f.dtype = VG_F32;
  return vg_cpu_conv.layouts(d, &f, w, y->shape, p, lx, ly);
}

vg_status vg_f32_conv_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                          const vg_tensor *bias, const vg_conv2d *p) {
  const vg_layout *lx, *ly;
  vg_wide wx = {0}, wy = {0};
  vg_status st;
  VG_TRY(wanted(d, x, w, y, p, &lx, &ly));
  VG_TRY(vg_wide_copy(&wx, d, x, lx));
  VG_TRY(vg_wide_room(&wy, d, y, ly));
  VG_TRY(vg_cpu_conv.fwd(d, &wy.t, &wx.t, w, bias, p));
  st = vg_wide_store(d, y, &wy);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wy);
  return st;
}

vg_status vg_f32_conv_bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                               const vg_conv2d *p) {
  const vg_layout *lx, *ly;
  vg_wide wx = {0}, wy = {0};
  vg_status st;
  VG_TRY(wanted(d, gx, w, gy, p, &lx, &ly));
  VG_TRY(vg_wide_copy(&wy, d, gy, ly));
  VG_TRY(vg_wide_room(&wx, d, gx, lx));
  VG_TRY(vg_cpu_conv.bwd_data(d, &wx.t, &wy.t, w, p));
  st = vg_wide_store(d, gx, &wx);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wy);
  return st;
}

vg_status vg_f32_conv_bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                                 const vg_tensor *gy, const vg_conv2d *p) {
  const vg_layout *lx, *ly;
  vg_wide wx = {0}, wy = {0};
  vg_status st;
  VG_TRY(wanted(d, x, gw, gy, p, &lx, &ly));
  VG_TRY(vg_wide_copy(&wx, d, x, lx));
  VG_TRY(vg_wide_copy(&wy, d, gy, ly));
  st = vg_cpu_conv.bwd_weight(d, gw, gbias, &wx.t, &wy.t, p);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wy);
  return st;
}

/* ---- batch normalisation ---- */

vg_status vg_f32_bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_bn_tensors *t,
                        const vg_norm *p) {
  vg_wide w = {0};
  vg_status st;
  VG_TRY(vg_wide_copy(&w, d, x, f32_layout(x)));
  VG_TRY(vg_cpu_norm.bn_fwd(d, &w.t, &w.t, t->weight, t->bias, t->running_mean, t->running_var,
                            t->mean, t->invstd, p));
  st = vg_wide_store(d, y, &w);
done:
  vg_wide_give(&w);
  return st;
}

vg_status vg_f32_bn_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                        const vg_bn_tensors *t, const vg_norm *p) {
  vg_wide wx = {0}, wg = {0};
  vg_status st;
  VG_TRY(vg_wide_copy(&wx, d, x, f32_layout(x)));
  VG_TRY(vg_wide_copy(&wg, d, gy, f32_layout(x)));
  VG_TRY(vg_cpu_norm.bn_bwd(d, gx ? &wg.t : NULL, t->gweight, t->gbias, &wg.t, &wx.t, t->weight,
                            t->bias, t->mean, t->invstd, p));
  if (gx) st = vg_wide_store(d, gx, &wg);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wg);
  return st;
}

/* ---- pooling ---- */

vg_status vg_f32_pool_fwd(vg_device *d, bool max, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                          const vg_pool2d *p) {
  vg_wide wx = {0}, wy = {0};
  vg_status st;
  VG_TRY(vg_wide_copy(&wx, d, x, f32_layout(x)));
  VG_TRY(vg_wide_room(&wy, d, y, f32_layout(x)));
  if (max)
    VG_TRY(vg_cpu_pool.max_fwd(d, &wy.t, &wx.t, ws, p));
  else
    VG_TRY(vg_cpu_plans(d) ? VG_OK : vg_cpu_pool.avg_fwd(d, &wy.t, &wx.t, p));
  st = vg_wide_store(d, y, &wy);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wy);
  return st;
}

vg_status vg_f32_pool_bwd(vg_device *d, bool max, vg_tensor *gx, const vg_tensor *gy,
                          const vg_buf *ws, const vg_pool2d *p) {
  vg_wide wx = {0}, wy = {0};
  vg_status st;
  VG_TRY(vg_wide_copy(&wy, d, gy, f32_layout(gx)));
  VG_TRY(vg_wide_room(&wx, d, gx, f32_layout(gx)));
  if (vg_cpu_plans(d)) goto done;
  if (max)
    VG_TRY(vg_cpu_pool.max_bwd(d, &wx.t, &wy.t, ws, p));
  else
    VG_TRY(vg_cpu_pool.avg_bwd(d, &wx.t, &wy.t, p));
  st = vg_wide_store(d, gx, &wx);
done:
  vg_wide_give(&wx);
  vg_wide_give(&wy);
  return st;
}

/* ---- matrix product ---- */

vg_status vg_f32_matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                        const vg_tensor *bias) {
  vg_wide wa = {0}, wb = {0}, wc = {0};
  vg_status st;
  VG_TRY(vg_wide_copy(&wa, d, a, NULL));
  if (b->dtype == VG_BF16) VG_TRY(vg_wide_copy(&wb, d, b, NULL));
  if (c->dtype == VG_BF16) VG_TRY(vg_wide_room(&wc, d, c, NULL));
  VG_TRY(vg_cpu_matmul.matmul(d, c->dtype == VG_BF16 ? &wc.t : c, &wa.t,
                              b->dtype == VG_BF16 ? &wb.t : b, bias));
  if (c->dtype == VG_BF16) st = vg_wide_store(d, c, &wc);
done:
  vg_wide_give(&wa);
  vg_wide_give(&wb);
  vg_wide_give(&wc);
  return st;
}
