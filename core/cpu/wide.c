#include "cpu/wide.h"

#include "cpu/convert.h"

vg_status vg_wide_room(vg_wide *w, vg_device *d, const vg_tensor *x, const vg_layout *layout) {
  vg_status st;
  w->t = *x;
  w->t.refs = 1;
  w->t.dtype = VG_F32;
  w->t.offset = 0;
  w->t.layout = layout;
  w->t.storage = &w->storage;
  w->t.node = NULL;
  w->t.grad = NULL;
  vg_dense_strides(x->ndim, x->shape, w->t.stride);
  VG_TRY(vg_buf_take(&w->storage.buf, d, (size_t)vg_physical_n(&w->t) * sizeof(float)));
done:
  return st;
}

/* The same tensor as one row of its physical elements. */
static vg_tensor flat(const vg_tensor *x) {
  vg_tensor t = *x;
  t.layout = NULL;
  t.ndim = 1;
  t.shape[0] = t.n = vg_physical_n(x);
  t.stride[0] = 1;
  return t;
}

/* One step: other strides and types, or another layout. */
static vg_status step(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  vg_tensor a, b;
  if (vg_cpu_plans(d)) return VG_OK;
  if (!x->layout && !y->layout) return vg_cpu_layout.copy(d, y, x);
  if (x->layout != y->layout) return vg_cpu_layout.convert(d, y, x);
  a = flat(y);
  b = flat(x);
  return vg_cpu_layout.copy(d, &a, &b);
}

/* y <- x between types and layouts: where both differ, the layout changes in f32. */
static vg_status move(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  vg_wide between = {0};
  vg_status st;
  if (x->layout == y->layout || x->dtype == y->dtype) return step(d, y, x);
  VG_TRY(vg_wide_room(&between, d, x, x->dtype == VG_F32 ? y->layout : x->layout));
  VG_TRY(step(d, &between.t, x));
  st = step(d, y, &between.t);
done:
  vg_wide_give(&between);
  return st;
}

vg_status vg_wide_copy(vg_wide *w, vg_device *d, const vg_tensor *x, const vg_layout *layout) {
  vg_status st;
  VG_TRY(vg_wide_room(w, d, x, layout));
  st = move(d, &w->t, x);
done:
  return st;
}

vg_status vg_wide_store(vg_device *d, vg_tensor *x, vg_wide *w) { return move(d, x, &w->t); }

void vg_wide_give(vg_wide *w) { vg_buf_give(&w->storage.buf); }
