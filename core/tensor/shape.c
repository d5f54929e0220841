/* Sizes, strides, broadcasting and their text form. */
#include <stdio.h>
#include <string.h>

#include "tensor/tensor.h"

int64_t vg_numel(int ndim, const int64_t *shape) {
  int64_t n = 1;
  for (int d = 0; d < ndim; d++) n *= shape[d];
  return n;
}

vg_status vg_shape_check(const char *op, int ndim, const int64_t *shape) {
  const int64_t most = (int64_t)1 << 46;
  int64_t n = 1;
  if (ndim < 0 || ndim > VG_MAX_DIMS)
    return vg_fail(VG_EINVAL, "%s: %d dimensions, at most %d are possible", op, ndim, VG_MAX_DIMS);
  for (int d = 0; d < ndim; d++) {
    if (shape[d] < 0)
      return vg_fail(VG_EINVAL, "%s: size %lld of dimension %d is negative", op,
                     (long long)shape[d], d + 1);
    if (shape[d] > 1 && n > most / shape[d])
      return vg_fail(VG_EINVAL, "%s: %s has too many elements", op, vg_shape_text(ndim, shape));
    if (shape[d] > 0) n *= shape[d];
  }
  return VG_OK;
}

void vg_dense_strides(int ndim, const int64_t *shape, int64_t *stride) {
  int64_t step = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= shape[d] > 0 ? shape[d] : 1;
  }
}

bool vg_same_shape(const vg_tensor *a, const vg_tensor *b) {
  return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

vg_status vg_broadcast_shape(const char *op, const vg_tensor *a, const vg_tensor *b, int *ndim,
                             int64_t *shape) {
  int n = a->ndim > b->ndim ? a->ndim : b->ndim;
  for (int i = 1; i <= n; i++) {
    int64_t p = i <= a->ndim ? a->shape[a->ndim - i] : 1,
            q = i <= b->ndim ? b->shape[b->ndim - i] : 1;
    if (p != q && p != 1 && q != 1)
      return vg_fail(VG_ESHAPE, "%s: %s and %s do not fit together", op, vg_shape_str(a),
                     vg_shape_str(b));
    shape[n - i] = p == 1 ? q : p;
  }
  *ndim = n;
  return VG_OK;
}

const char *vg_shape_text(int ndim, const int64_t *shape) {
  static _Thread_local char ring[8][160];
  static _Thread_local int next;
  char *s = ring[next++ & 7];
  size_t len = 0;
  if (ndim == 0) return "scalar";
  for (int d = 0; d < ndim && len < sizeof ring[0] - 1; d++)
    len +=
        (size_t)snprintf(s + len, sizeof ring[0] - len, d ? "x%lld" : "%lld", (long long)shape[d]);
  return s;
}

const char *vg_shape_str(const vg_tensor *t) { return vg_shape_text(t->ndim, t->shape); }

const char *vg_dtype_name(vg_dtype d) {
  static const char *const names[VG_DTYPE_COUNT] = {"float32", "bfloat16", "int64", "uint8"};
  return d < VG_DTYPE_COUNT ? names[d] : "unknown";
}

size_t vg_dtype_size(vg_dtype d) {
  static const size_t size[VG_DTYPE_COUNT] = {4, 2, 8, 1};
  return size[d];
}
