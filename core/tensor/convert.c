/* Copies between layouts, dtypes, devices and host memory, without history. */
#include "base/alloc.h"
#include "tensor/tensor.h"
#include "vgglua/backend.h"

static vg_status copy_layouts(vg_tensor *y, const vg_tensor *x) {
  const vg_layout_vt *k = y->dev->be->layout;
  if (!y->layout && !x->layout)
    return k && k->copy ? k->copy(y->dev, y, x) : vg_unsupported(y->dev, "copy");
  if (y->layout == x->layout && k->copy) {
    /* same physical form: copy it as one flat run of elements */
    int64_t n = vg_physical_n(x), one = 1;
    vg_tensor fx = *x, fy = *y;
    fx.layout = fy.layout = NULL;
    fx.ndim = fy.ndim = 1;
    fx.n = fy.n = fx.shape[0] = fy.shape[0] = n;
    fx.stride[0] = fy.stride[0] = one;
    return k->copy(y->dev, &fy, &fx);
  }
  return k && k->convert ? k->convert(y->dev, y, x) : vg_unsupported(y->dev, "layout conversion");
}

static vg_status copy_across(vg_tensor *y, const vg_tensor *x) {
  size_t bytes = (size_t)x->n * vg_dtype_size(x->dtype);
  void *host = vg_alloc(bytes);
  vg_tensor *moved = NULL;
  vg_status st;
  if (!host) VG_TRY(VG_ENOMEM);
  VG_TRY(vg_read(x, host));
  VG_TRY(vg_new(&moved, y->dev, x->dtype, x->ndim, x->shape));
  VG_TRY(vg_write(moved, host));
  VG_TRY(vg_copy_into(y, moved));
done:
  vg_release(moved);
  vg_free(host);
  return st;
}

vg_status vg_copy_into(vg_tensor *y, const vg_tensor *x) {
  vg_tensor *cast = NULL, *plain = NULL;
  vg_status st;
  if (!vg_same_shape(y, x))
    return vg_fail(VG_ESHAPE, "copy: %s into %s", vg_shape_str(x), vg_shape_str(y));
  vg_bump(y);
  if (y->dev != x->dev) return copy_across(y, x);
  if (x->dtype == y->dtype || x->layout == y->layout) return copy_layouts(y, x);
  if (x->layout) VG_TRY(vg_new(&plain, x->dev, x->dtype, x->ndim, x->shape));
  if (plain) VG_TRY(copy_layouts(plain, x));
  VG_TRY(vg_new(&cast, y->dev, y->dtype, y->ndim, y->shape));
  VG_TRY(copy_layouts(cast, plain ? plain : x));
  VG_TRY(copy_layouts(y, cast));
done:
  vg_release(plain);
  vg_release(cast);
  return st;
}

vg_status vg_relayout(vg_tensor **out, vg_tensor *x, const vg_layout *layout) {
  vg_tensor *y = NULL;
  vg_status st;
  if (x->layout == layout && (layout || vg_is_contiguous(x))) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_new_layout(&y, x->dev, x->dtype, x->ndim, x->shape, layout));
  VG_TRY(copy_layouts(y, x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_strided(vg_tensor **out, vg_tensor *x) {
  if (x->layout) return vg_relayout(out, x, NULL);
  *out = vg_retain(x);
  return VG_OK;
}

vg_status vg_cast_raw(vg_tensor **out, vg_tensor *x, vg_dtype dtype) {
  vg_tensor *y = NULL;
  vg_status st;
  if (x->dtype == dtype) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_new_layout(&y, x->dev, dtype, x->ndim, x->shape, x->layout));
  VG_TRY(copy_layouts(y, x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_to_device(vg_tensor **out, vg_tensor *x, vg_device *dev) {
  vg_tensor *y = NULL;
  vg_status st;
  if (x->dev == dev) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_new(&y, dev, x->dtype, x->ndim, x->shape));
  VG_TRY(copy_across(y, x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_walk_as(vg_tensor **out, vg_tensor *x, const vg_tensor *as) {
  vg_tensor *y = NULL;
  vg_status st;
  if (vg_same_walk(x, as)) {
    *out = vg_retain(x);
    return VG_OK;
  }
  VG_TRY(vg_new_same_walk(&y, as));
  VG_TRY(vg_copy_into(y, x));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  return st;
}

vg_status vg_read(const vg_tensor *x, void *host) {
  vg_tensor *dense = NULL;
  vg_status st;
  if (x->n == 0) return VG_OK;
  VG_TRY(vg_relayout(&dense, (vg_tensor *)(uintptr_t)x, NULL));
  VG_TRY(x->dev->be->memory->read(x->dev, host, vg_data(dense),
                                  (size_t)x->n * vg_dtype_size(x->dtype)));
done:
  vg_release(dense);
  return st;
}

vg_status vg_write(vg_tensor *x, const void *host) {
  vg_tensor *dense = NULL;
  vg_status st;
  if (x->n == 0) return VG_OK;
  vg_bump(x);
  if (vg_is_contiguous(x))
    return x->dev->be->memory->write(x->dev, vg_data(x), host,
                                     (size_t)x->n * vg_dtype_size(x->dtype));
  VG_TRY(vg_new(&dense, x->dev, x->dtype, x->ndim, x->shape));
  VG_TRY(vg_write(dense, host));
  VG_TRY(copy_layouts(x, dense));
done:
  vg_release(dense);
  return st;
}

vg_status vg_item(const vg_tensor *x, double *out) {
  union {
    float f;
    uint16_t h;
    int64_t i;
    uint8_t u;
  } v;
  vg_status st;
  if (x->n != 1) return vg_fail(VG_ESHAPE, "item: want one element, got %s", vg_shape_str(x));
  VG_TRY(vg_read(x, &v));
  switch (x->dtype) {
    case VG_F32: *out = (double)v.f; break;
    case VG_BF16: *out = (double)vg_bf16_to_f32(v.h); break;
    case VG_I64: *out = (double)v.i; break;
    default: *out = (double)v.u; break;
  }
done:
  return st;
}
