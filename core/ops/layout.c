/* Views with history, and copies that change form (contiguous, dtype, device, clone). Each backward
   brings the gradient back to the input's form. */
#include <string.h>

#include "ops/ops.h"

/* ---- one record for all: what the backward needs is the input's shape and the way back ---- */

static vg_status finish(vg_tensor **out, const char *op, vg_backward_fn backward, vg_tensor *y,
                        vg_tensor *x, const vg_attr *attr) {
  vg_node *n;
  vg_status st;
  VG_TRY(vg_record(&n, op, backward, y, 1, &x));
  if (n) n->attr = *attr;
  *out = vg_retain(y);
done:
  return st;
}

static void remember(vg_attr *a, const vg_tensor *x) {
  memset(a, 0, sizeof *a);
  a->view.ndim = x->ndim;
  memcpy(a->view.shape, x->shape, sizeof x->shape);
}

/* ---- reshape ---- */

static vg_status reshape_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL;
  vg_status st;
  VG_TRY(vg_reshape(&gx, gy, n->attr.view.ndim, n->attr.view.shape));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(gx);
  return st;
}

static vg_status fill_in_size(const vg_tensor *x, int ndim, const int64_t *want, int64_t *shape) {
  int open = -1;
  int64_t n = 1;
  if (ndim > VG_MAX_DIMS)
    return vg_fail(VG_EINVAL, "reshape: %d dimensions, at most %d are possible", ndim, VG_MAX_DIMS);
  for (int d = 0; d < ndim; d++) {
    shape[d] = want[d];
    if (want[d] == -1 && open >= 0) return vg_fail(VG_EINVAL, "reshape: only one size can be -1");
    if (want[d] < -1) return vg_fail(VG_EINVAL, "reshape: a size is negative");
    if (want[d] == -1)
      open = d;
    else
      n *= want[d];
  }
  if (open >= 0 && n > 0 && x->n % n == 0) shape[open] = x->n / n;
  if (vg_numel(ndim, shape) != x->n || (open >= 0 && shape[open] < 0))
    return vg_fail(VG_ESHAPE, "reshape: %s (%lld elements) does not fit %s",
                   vg_shape_text(ndim, want), (long long)x->n, vg_shape_str(x));
  return VG_OK;
}

vg_status vg_reshape(vg_tensor **out, vg_tensor *x, int ndim, const int64_t *want) {
  vg_tensor *plain = NULL, *y = NULL;
  int64_t shape[VG_MAX_DIMS] = {0}, stride[VG_MAX_DIMS];
  vg_attr a;
  vg_status st;
  VG_TRY(fill_in_size(x, ndim, want, shape));
  if (ndim == x->ndim && !memcmp(shape, x->shape, (size_t)ndim * sizeof *shape) &&
      (x->layout || vg_is_contiguous(x))) {
    VG_TRY(vg_alias(&y, x)); /* nothing to do: keep a backend layout */
  } else {
    VG_TRY(vg_relayout(&plain, x, NULL));
    vg_dense_strides(ndim, shape, stride);
    VG_TRY(vg_view(&y, plain, ndim, shape, stride, 0));
  }
  remember(&a, x);
  st = finish(out, "reshape", reshape_backward, y, x, &a);
done:
  vg_release(plain);
  vg_release(y);
  return st;
}

vg_status vg_flatten(vg_tensor **out, vg_tensor *x, int first, int last) {
  int64_t shape[VG_MAX_DIMS], one = 1;
  int a = 0, b = 0, n = 0;
  vg_status st;
  if (x->ndim == 0) return vg_reshape(out, x, 1, &one);
  VG_TRY(vg_dim("flatten", x->ndim, first, &a));
  VG_TRY(vg_dim("flatten", x->ndim, last, &b));
  if (a > b)
    return vg_fail(VG_EINVAL, "flatten: dimension %d comes after dimension %d", a + 1, b + 1);
  for (int d = 0; d < x->ndim; d++) {
    if (d > a && d <= b)
      shape[n - 1] *= x->shape[d];
    else
      shape[n++] = x->shape[d];
  }
  st = vg_reshape(out, x, n, shape);
done:
  return st;
}

/* Squeeze and unsqueeze are views for any strides; a backend layout goes through reshape. */
static vg_status viewed(vg_tensor **out, const char *op, vg_tensor *x, int ndim,
                        const int64_t *shape, const int64_t *stride) {
  vg_tensor *y = NULL;
  vg_attr a;
  vg_status st;
  if (x->layout) return vg_reshape(out, x, ndim, shape);
  VG_TRY(vg_view(&y, x, ndim, shape, stride, 0));
  remember(&a, x);
  st = finish(out, op, reshape_backward, y, x, &a);
done:
  vg_release(y);
  return st;
}

vg_status vg_squeeze(vg_tensor **out, vg_tensor *x, int dim) {
  int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
  int at, n = 0;
  vg_status st;
  VG_TRY(vg_dim("squeeze", x->ndim, dim, &at));
  for (int d = 0; d < x->ndim; d++) {
    if (d == at && x->shape[d] == 1) continue;
    shape[n] = x->shape[d];
    stride[n++] = x->stride[d];
  }
  st = viewed(out, "squeeze", x, n, shape, stride);
done:
  return st;
}

vg_status vg_unsqueeze(vg_tensor **out, vg_tensor *x, int dim) {
  int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
  int at, k = 0;
  vg_status st;
  if (x->ndim == VG_MAX_DIMS)
    return vg_fail(VG_EINVAL, "unsqueeze: %d dimensions are the most", VG_MAX_DIMS);
  VG_TRY(vg_dim("unsqueeze", x->ndim + 1, dim, &at));
  for (int d = 0; d <= x->ndim; d++) {
    stride[d] = d == at ? 1 : x->stride[k];
    shape[d] = d == at ? 1 : x->shape[k++];
  }
  st = viewed(out, "unsqueeze", x, x->ndim + 1, shape, stride);
done:
  return st;
}

/* ---- narrow, select ---- */

static vg_status narrow_raw(vg_tensor **out, vg_tensor *x, int dim, int64_t start, int64_t length) {
  int64_t shape[VG_MAX_DIMS];
  memcpy(shape, x->shape, sizeof shape);
  shape[dim] = length;
  return vg_view(out, x, x->ndim, shape, x->stride, start * x->stride[dim]);
}

static vg_status narrow_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL, *part = NULL;
  vg_status st;
  VG_TRY(vg_filled(&gx, gy->dev, gy->dtype, n->attr.view.ndim, n->attr.view.shape, 0));
  VG_TRY(narrow_raw(&part, gx, n->attr.view.dim, n->attr.view.offset, gy->shape[n->attr.view.dim]));
  VG_TRY(vg_copy_into(part, gy));
  vg_release(part);
  part = NULL; /* gx is alone with its memory again */
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(part);
  vg_release(gx);
  return st;
}

vg_status vg_narrow(vg_tensor **out, vg_tensor *x, int dim, int64_t start, int64_t length) {
  vg_tensor *plain = NULL, *y = NULL;
  vg_attr a;
  int d;
  vg_status st;
  VG_TRY(vg_dim("narrow", x->ndim, dim, &d));
  if (start < 0 || length < 0 || start > x->shape[d] || length > x->shape[d] - start)
    return vg_fail(VG_EINVAL, "narrow: %lld elements from %lld on in dimension %d of %s",
                   (long long)length, (long long)start + 1, d + 1, vg_shape_str(x));
  VG_TRY(vg_strided(&plain, x));
  VG_TRY(narrow_raw(&y, plain, d, start, length));
  remember(&a, x);
  a.view.dim = d;
  a.view.offset = start;
  st = finish(out, "narrow", narrow_backward, y, x, &a);
done:
  vg_release(plain);
  vg_release(y);
  return st;
}

vg_status vg_select(vg_tensor **out, vg_tensor *x, int dim, int64_t index) {
  vg_tensor *part = NULL;
  int d;
  int64_t i = index;
  vg_status st;
  VG_TRY(vg_dim("select", x->ndim, dim, &d));
  if (i < 0) i += x->shape[d];
  if (i < 0 || i >= x->shape[d])
    return vg_fail(VG_EINVAL, "select: index %lld in dimension %d of %s",
                   (long long)(index < 0 ? index : index + 1), d + 1, vg_shape_str(x));
  VG_TRY(vg_narrow(&part, x, d, i, 1));
  st = vg_squeeze(out, part, d);
done:
  vg_release(part);
  return st;
}

/* ---- permute, transpose ---- */

static vg_status permute_raw(vg_tensor **out, vg_tensor *x, const int64_t *dims) {
  int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
  for (int d = 0; d < x->ndim; d++) {
    shape[d] = x->shape[dims[d]];
    stride[d] = x->stride[dims[d]];
  }
  return vg_view(out, x, x->ndim, shape, stride, 0);
}

static vg_status permute_backward(vg_node *n, vg_tensor *gy) {
  int64_t back[VG_MAX_DIMS];
  vg_tensor *plain = NULL, *gx = NULL;
  vg_status st;
  for (int d = 0; d < gy->ndim; d++) back[n->attr.view.stride[d]] = d;
  VG_TRY(vg_strided(&plain, gy));
  VG_TRY(permute_raw(&gx, plain, back));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(plain);
  vg_release(gx);
  return st;
}

static vg_status permuted(vg_tensor **out, const char *op, vg_tensor *x, const int64_t *dims) {
  vg_tensor *plain = NULL, *y = NULL;
  vg_attr a;
  vg_status st;
  VG_TRY(vg_strided(&plain, x));
  VG_TRY(permute_raw(&y, plain, dims));
  remember(&a, x);
  memcpy(a.view.stride, dims, sizeof a.view.stride);
  st = finish(out, op, permute_backward, y, x, &a);
done:
  vg_release(plain);
  vg_release(y);
  return st;
}

vg_status vg_permute(vg_tensor **out, vg_tensor *x, int n, const int *dims) {
  int64_t order[VG_MAX_DIMS] = {0};
  bool seen[VG_MAX_DIMS] = {false};
  vg_status st;
  if (n != x->ndim)
    return vg_fail(VG_EINVAL, "permute: %d dimensions given for %s", n, vg_shape_str(x));
  for (int i = 0; i < n; i++) {
    int d;
    VG_TRY(vg_dim("permute", n, dims[i], &d));
    if (seen[d]) return vg_fail(VG_EINVAL, "permute: dimension %d is given twice", d + 1);
    seen[d] = true;
    order[i] = d;
  }
  st = permuted(out, "permute", x, order);
done:
  return st;
}

vg_status vg_transpose(vg_tensor **out, vg_tensor *x, int a, int b) {
  int64_t order[VG_MAX_DIMS];
  int p, q;
  vg_status st;
  VG_TRY(vg_dim("transpose", x->ndim, a, &p));
  VG_TRY(vg_dim("transpose", x->ndim, b, &q));
  for (int d = 0; d < VG_MAX_DIMS; d++) order[d] = d == p ? q : d == q ? p : d;
  st = permuted(out, "transpose", x, order);
done:
  return st;
}

/* ---- expand ---- */

static vg_status expand_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *gx = NULL;
  vg_status st;
  VG_TRY(vg_sum_to_shape(&gx, gy, n->attr.view.ndim, n->attr.view.shape));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(gx);
  return st;
}

vg_status vg_expand(vg_tensor **out, vg_tensor *x, int ndim, const int64_t *want) {
  vg_tensor *plain = NULL, *y = NULL;
  int64_t shape[VG_MAX_DIMS];
  vg_attr a;
  int extra = ndim - x->ndim;
  vg_status st;
  if (extra < 0 || ndim > VG_MAX_DIMS)
    return vg_fail(VG_ESHAPE, "expand: %s to %s", vg_shape_str(x), vg_shape_text(ndim, want));
  for (int d = 0; d < ndim; d++) {
    int64_t have = d < extra ? 1 : x->shape[d - extra];
    shape[d] = want[d] == -1 && d >= extra ? have : want[d];
    if (shape[d] < 0 || (have != 1 && shape[d] != have))
      return vg_fail(VG_ESHAPE, "expand: %s to %s", vg_shape_str(x), vg_shape_text(ndim, want));
  }
  VG_TRY(vg_shape_check("expand", ndim, shape));
  VG_TRY(vg_strided(&plain, x));
  VG_TRY(vg_expand_raw(&y, plain, ndim, shape));
  remember(&a, x);
  st = finish(out, "expand", expand_backward, y, x, &a);
done:
  vg_release(plain);
  vg_release(y);
  return st;
}
