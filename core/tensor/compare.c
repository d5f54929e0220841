/* Comparisons of values, read on the host. */
#include "tensor/compare.h"

#include <math.h>

#include "base/alloc.h"
#include "vgglua/backend.h"

/* The values of x as dense host memory: x's own on the CPU, else a copy to be freed. */
static vg_status host_values(const void **out, void **copy, const vg_tensor *x) {
  size_t bytes = (size_t)x->n * vg_dtype_size(x->dtype);
  *copy = NULL;
  if (vg_is_contiguous(x) && x->dev == vg_cpu(x->dev->ctx)) {
    *out = vg_data(x);
    return VG_OK;
  }
  *copy = vg_alloc(bytes);
  if (!*copy) return VG_ENOMEM;
  *out = *copy;
  return vg_read(x, *copy);
}

static double value(const void *data, vg_dtype d, int64_t i) {
  switch (d) {
    case VG_F32: return (double)((const float *)data)[i];
    case VG_BF16: return (double)vg_bf16_to_f32(((const uint16_t *)data)[i]);
    case VG_I64: return (double)((const int64_t *)data)[i];
    default: return (double)((const uint8_t *)data)[i];
  }
}

static vg_status compare(bool *out, const vg_tensor *a, const vg_tensor *b, double rtol,
                         double atol) {
  const void *p, *q;
  void *copy_a = NULL, *copy_b = NULL;
  vg_status st;
  VG_TRY(host_values(&p, &copy_a, a));
  VG_TRY(host_values(&q, &copy_b, b));
  *out = true;
  for (int64_t i = 0; i < a->n && *out; i++) {
    double u = value(p, a->dtype, i), v = value(q, b->dtype, i);
    *out = u == v || fabs(u - v) <= atol + rtol * fabs(v);
    if (isinf(u) || isinf(v)) *out = u == v;
  }
done:
  vg_free(copy_a);
  vg_free(copy_b);
  return st;
}

vg_status vg_all_close(bool *out, const vg_tensor *a, const vg_tensor *b, double rtol,
                       double atol) {
  if (!vg_same_shape(a, b))
    return vg_fail(VG_ESHAPE, "allclose: %s and %s", vg_shape_str(a), vg_shape_str(b));
  return compare(out, a, b, rtol, atol);
}

vg_status vg_all_equal(bool *out, const vg_tensor *a, const vg_tensor *b) {
  *out = false;
  if (!vg_same_shape(a, b) || a->dtype != b->dtype) return VG_OK;
  return compare(out, a, b, 0, 0);
}
