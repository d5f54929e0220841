/* Reductions over dimensions and their gradients. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

static const char *const names[VG_REDUCTION_COUNT] = {
    [VG_SUM] = "sum",    [VG_MEAN] = "mean",     [VG_AMAX] = "amax",
    [VG_AMIN] = "amin",  [VG_PROD] = "prod",     [VG_VAR] = "var",
    [VG_NORM2] = "norm", [VG_ARGMAX] = "argmax", [VG_ARGMIN] = "argmin"};

static bool is_float(vg_dtype d) { return d == VG_F32 || d == VG_BF16; }

/* ---- gradients: g is the output's gradient with the reduced dimensions kept, y alike ---- */

static vg_status divided(vg_tensor **out, vg_tensor *g, double by) {
  return vg_unary_op(out, VG_DIV_SCALAR, (vg_scalars){by, 0}, g);
}

/* Ties share: g * (x == y) / count. */
static vg_status extreme_slope(vg_tensor **out, vg_node *n, vg_tensor *g, vg_tensor *x,
                               vg_tensor *y) {
  vg_tensor *hit = NULL, *mask = NULL, *count = NULL, *t = NULL;
  int dims[VG_MAX_DIMS], nd = 0;
  vg_status st;
  for (int d = 0; d < x->ndim; d++)
    if (n->attr.reduce.dims.reduced[d]) dims[nd++] = d;
  VG_TRY(vg_binary_op(&hit, VG_EQ, x, y));
  VG_TRY(vg_cast(&mask, hit, x->dtype));
  VG_TRY(vg_reduce(&count, VG_SUM, (vg_scalars){0, 0}, mask, nd, dims, true));
  VG_TRY(vg_binary_op(&t, VG_MUL, g, mask));
  st = vg_binary_op(out, VG_DIV, t, count);
done:
  vg_release(hit);
  vg_release(mask);
  vg_release(count);
  vg_release(t);
  return st;
}

/* g * y / x, and where x holds zeros: with one zero only that place has a gradient, the product of
   the others; with more none has. */
static vg_status prod_slope(vg_tensor **out, vg_node *n, vg_tensor *g, vg_tensor *x) {
  vg_tensor *zero = NULL, *t[8] = {NULL};
  const vg_scalars none = {0, 0};
  int dims[VG_MAX_DIMS], nd = 0;
  vg_status st;
  for (int d = 0; d < x->ndim; d++)
    if (n->attr.reduce.dims.reduced[d]) dims[nd++] = d;
  VG_TRY(vg_filled(&zero, x->dev, x->dtype, 0, NULL, 0));
  VG_TRY(vg_unary_op(&t[0], VG_EQ_SCALAR, none, x));
  VG_TRY(vg_filled(&t[1], x->dev, x->dtype, 0, NULL, 1));
  VG_TRY(vg_where(&t[2], t[0], t[1], x));                        /* x without its zeros */
  VG_TRY(vg_reduce(&t[3], VG_PROD, none, t[2], nd, dims, true)); /* and its product */
  VG_TRY(vg_reduce(&t[4], VG_SUM, none, t[0], nd, dims, true));  /* zeros in each group */
  VG_TRY(vg_binary_op(&t[5], VG_DIV, t[3], t[2]));               /* product of the others */
  VG_TRY(vg_binary_op(&t[6], VG_EQ, t[4], t[0])); /* 0 zeros: all places; 1: the zero's place */
  vg_release(t[4]);
  t[4] = NULL;
  VG_TRY(vg_where(&t[4], t[6], t[5], zero));
  st = vg_binary_op(out, VG_MUL, g, t[4]);
done:
  vg_release(zero);
  for (int i = 0; i < 8; i++) vg_release(t[i]);
  return st;
}

static vg_status var_slope(vg_tensor **out, vg_node *n, vg_tensor *g, vg_tensor *x) {
  vg_tensor *mean = NULL, *t = NULL, *u = NULL;
  int dims[VG_MAX_DIMS], nd = 0;
  double count = 1;
  vg_status st;
  for (int d = 0; d < x->ndim; d++)
    if (n->attr.reduce.dims.reduced[d]) {
      count *= (double)x->shape[d];
      dims[nd++] = d;
    }
  VG_TRY(vg_reduce(&mean, VG_MEAN, (vg_scalars){0, 0}, x, nd, dims, true));
  VG_TRY(vg_binary_op(&t, VG_SUB, x, mean));
  VG_TRY(vg_unary_op(&u, VG_MUL_SCALAR, (vg_scalars){2 / (count - n->attr.reduce.s.a), 0}, g));
  st = vg_binary_op(out, VG_MUL, u, t);
done:
  vg_release(mean);
  vg_release(t);
  vg_release(u);
  return st;
}

/* g * x / y, zero where the norm is zero. */
static vg_status norm_slope(vg_tensor **out, vg_tensor *g, vg_tensor *x, vg_tensor *y) {
  vg_tensor *t = NULL, *u = NULL, *zero = NULL, *mask = NULL;
  vg_status st;
  VG_TRY(vg_binary_op(&t, VG_DIV, x, y));
  VG_TRY(vg_binary_op(&u, VG_MUL, t, g));
  VG_TRY(vg_filled(&zero, x->dev, x->dtype, 0, NULL, 0));
  VG_TRY(vg_unary_op(&mask, VG_EQ_SCALAR, (vg_scalars){0, 0}, y));
  st = vg_where(out, mask, zero, u);
done:
  vg_release(t);
  vg_release(u);
  vg_release(zero);
  vg_release(mask);
  return st;
}

static vg_status slope(vg_tensor **out, vg_node *n, vg_tensor *g) {
  vg_tensor *x = n->saved[0], *y = n->saved[1];
  double count = 1;
  for (int d = 0; d < n->attr.reduce.ndim; d++)
    if (n->attr.reduce.dims.reduced[d]) count *= (double)n->attr.reduce.shape[d];
  switch (n->attr.reduce.kind) {
    case VG_MEAN: return divided(out, g, count);
    case VG_AMAX:
    case VG_AMIN: return extreme_slope(out, n, g, x, y);
    case VG_PROD: return prod_slope(out, n, g, x);
    case VG_VAR: return var_slope(out, n, g, x);
    case VG_NORM2: return norm_slope(out, g, x, y);
    default: *out = vg_retain(g); return VG_OK;
  }
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  int64_t kept[VG_MAX_DIMS];
  int ndim = n->attr.reduce.ndim;
  vg_tensor *g = NULL, *s = NULL, *wide = NULL, *gx = NULL;
  vg_status st;
  for (int d = 0; d < ndim; d++)
    kept[d] = n->attr.reduce.dims.reduced[d] ? 1 : n->attr.reduce.shape[d];
  VG_TRY(vg_reshape(&g, gy, ndim, kept));
  VG_TRY(slope(&s, n, g));
  VG_TRY(vg_expand_raw(&wide, s, ndim, n->attr.reduce.shape));
  VG_TRY(vg_relayout(&gx, wide, NULL));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(g);
  vg_release(s);
  vg_release(wide);
  vg_release(gx);
  return st;
}

/* ---- forward ---- */

static vg_status check_dims(vg_reduction op, const vg_tensor *x, int ndims, const int *dims,
                            vg_reduce_dims *r, int64_t *kept) {
  vg_status st = VG_OK;
  memset(r, 0, sizeof *r);
  if ((op == VG_ARGMAX || op == VG_ARGMIN) && ndims > 1)
    return vg_fail(VG_EINVAL, "%s: one dimension, or none for all elements", names[op]);
  for (int i = 0; i < ndims; i++) {
    int d;
    VG_TRY(vg_dim(names[op], x->ndim, dims[i], &d));
    if (r->reduced[d])
      return vg_fail(VG_EINVAL, "%s: dimension %d is given twice", names[op], d + 1);
    r->reduced[d] = true;
  }
  for (int d = 0; d < x->ndim; d++) {
    r->reduced[d] = r->reduced[d] || ndims == 0;
    kept[d] = r->reduced[d] ? 1 : x->shape[d];
  }
done:
  return st;
}

static vg_status check_input(vg_reduction op, const vg_tensor *x, const vg_reduce_dims *r) {
  bool extreme = op == VG_AMAX || op == VG_AMIN || op == VG_ARGMAX || op == VG_ARGMIN;
  bool real = op == VG_MEAN || op == VG_VAR || op == VG_NORM2;
  if (real && !is_float(x->dtype))
    return vg_fail(VG_EDTYPE, "%s: want a float tensor, got %s", names[op],
                   vg_dtype_name(x->dtype));
  for (int d = 0; extreme && d < x->ndim; d++)
    if (r->reduced[d] && x->shape[d] == 0)
      return vg_fail(VG_ESHAPE, "%s: an empty dimension has no %s (%s)", names[op], names[op],
                     vg_shape_str(x));
  return VG_OK;
}

static vg_dtype result_dtype(vg_reduction op, vg_dtype d) {
  if (op == VG_ARGMAX || op == VG_ARGMIN) return VG_I64;
  return (op == VG_SUM || op == VG_PROD) && d == VG_U8 ? VG_I64 : d;
}

static vg_status record(vg_tensor *y, vg_tensor *full, vg_reduction op, vg_scalars s, vg_tensor *x,
                        const vg_reduce_dims *r) {
  vg_node *n;
  vg_status st;
  if (op == VG_ARGMAX || op == VG_ARGMIN || !is_float(x->dtype)) return VG_OK;
  VG_TRY(vg_record(&n, names[op], backward, y, 1, &x));
  if (!n) return VG_OK;
  n->attr.reduce.kind = op;
  n->attr.reduce.dims = *r;
  n->attr.reduce.s = s;
  n->attr.reduce.ndim = x->ndim;
  memcpy(n->attr.reduce.shape, x->shape, sizeof x->shape);
  if (op != VG_SUM && op != VG_MEAN) VG_TRY(vg_save(n, 0, x));
  if (op == VG_AMAX || op == VG_AMIN || op == VG_NORM2) VG_TRY(vg_save(n, 1, full));
done:
  return st;
}

vg_status vg_reduce(vg_tensor **out, vg_reduction op, vg_scalars s, vg_tensor *x, int ndims,
                    const int *dims, bool keep) {
  const vg_reduce_vt *k = x->dev->be->reduce;
  vg_tensor *plain = NULL, *full = NULL, *y = NULL;
  vg_reduce_dims r;
  int64_t kept[VG_MAX_DIMS], shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
  int n = 0;
  vg_status st;
  if (!k || !k->reduce) return vg_unsupported(x->dev, names[op]);
  VG_TRY(check_dims(op, x, ndims, dims, &r, kept));
  VG_TRY(check_input(op, x, &r));
  VG_TRY(vg_strided(&plain, x));
  VG_TRY(vg_new(&full, x->dev, result_dtype(op, x->dtype), x->ndim, kept));
  VG_TRY(k->reduce(x->dev, op, s, full, plain, &r));
  for (int d = 0; d < x->ndim; d++)
    if (keep || !r.reduced[d]) shape[n++] = kept[d];
  vg_dense_strides(n, shape, stride);
  VG_TRY(vg_view(&y, full, n, shape, stride, 0));
  VG_TRY(record(y, full, op, s, x, &r));
  *out = y;
  y = NULL;
done:
  vg_release(plain);
  vg_release(full);
  vg_release(y);
  return st;
}
