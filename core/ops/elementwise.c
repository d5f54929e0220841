/* Operations on two or three tensors with broadcasting, fill and copy. */
#include <string.h>

#include "ops/ops.h"

static const char *const names[VG_BINARY_COUNT] = {
    [VG_ADD] = "add", [VG_SUB] = "sub",         [VG_MUL] = "mul",
    [VG_DIV] = "div", [VG_MAXIMUM] = "maximum", [VG_MINIMUM] = "minimum",
    [VG_POW] = "pow", [VG_EQ] = "eq",           [VG_NE] = "ne",
    [VG_LT] = "lt",   [VG_LE] = "le",           [VG_GT] = "gt",
    [VG_GE] = "ge"};

const char *vg_binary_name(vg_binary op) { return names[op]; }

static bool compares(vg_binary op) { return op >= VG_EQ; }

static bool is_float(vg_dtype d) { return d == VG_F32 || d == VG_BF16; }

static vg_dtype common_dtype(vg_binary op, vg_dtype a, vg_dtype b) {
  vg_dtype d = a < b ? a : b; /* the enum is in the order of precedence */
  return op == VG_DIV && !is_float(d) ? VG_F32 : d;
}

/* ---- operands of one call: one dtype, and one layout or all strided at the result's shape ---- */

static vg_status bring(vg_tensor **out, vg_tensor *x, const vg_layout *layout, int ndim,
                       const int64_t *shape) {
  vg_tensor *plain = NULL;
  vg_status st;
  if (layout) return vg_relayout(out, x, layout);
  VG_TRY(vg_strided(&plain, x));
  if (plain->ndim == ndim && vg_numel(ndim, shape) == plain->n) {
    *out = plain;
    return VG_OK;
  }
  st = vg_expand_raw(out, plain, ndim, shape);
done:
  vg_release(plain);
  return st;
}

/* The backend layout in which same-shaped operands meet: the first that has one. */
static const vg_layout *meeting_layout(int n, vg_tensor *const *x, int ndim, const int64_t *shape) {
  const vg_layout *found = NULL;
  for (int i = 0; i < n; i++) {
    if (x[i]->ndim != ndim) return NULL;
    for (int d = 0; d < ndim; d++)
      if (x[i]->shape[d] != shape[d]) return NULL;
    if (!found) found = x[i]->layout;
  }
  return found;
}

/* ---- backward ---- */

static vg_status give(vg_node *n, int i, vg_tensor *g) {
  vg_tensor *sum = NULL;
  vg_status st;
  VG_TRY(vg_sum_to_shape(&sum, g, n->attr.pair.ndim[i], n->attr.pair.shape[i]));
  st = vg_edge_add(n, i, sum);
done:
  vg_release(sum);
  return st;
}

static void remember_shapes(vg_node *n, const vg_tensor *a, const vg_tensor *b) {
  n->attr.pair.ndim[0] = a->ndim;
  n->attr.pair.ndim[1] = b->ndim;
  memcpy(n->attr.pair.shape[0], a->shape, sizeof a->shape);
  memcpy(n->attr.pair.shape[1], b->shape, sizeof b->shape);
}

/* g * a^b's slope with respect to a (i == 0) or b. */
static vg_status pow_slope(vg_tensor **out, int i, vg_tensor *g, vg_tensor *a, vg_tensor *b) {
  vg_tensor *t = NULL, *u = NULL, *v = NULL, *zero = NULL, *mask = NULL;
  vg_scalars none = {0, 0};
  vg_status st;
  VG_TRY(vg_filled(&zero, g->dev, g->dtype, 0, NULL, 0));
  if (i == 0) {
    VG_TRY(vg_unary_op(&t, VG_ADD_SCALAR, (vg_scalars){-1, 0}, b));
    VG_TRY(vg_binary_op(&u, VG_POW, a, t));
    VG_TRY(vg_binary_op(&v, VG_MUL, u, b));
    VG_TRY(vg_unary_op(&mask, VG_EQ_SCALAR, none, b));
  } else {
    VG_TRY(vg_unary_op(&t, VG_LOG, none, a));
    VG_TRY(vg_binary_op(&u, VG_POW, a, b));
    VG_TRY(vg_binary_op(&v, VG_MUL, u, t));
    vg_release(t);
    vg_release(u);
    t = u = NULL;
    VG_TRY(vg_unary_op(&t, VG_EQ_SCALAR, none, a));
    VG_TRY(vg_unary_op(&u, VG_GE_SCALAR, none, b));
    VG_TRY(vg_binary_op(&mask, VG_MUL, t, u));
  }
  vg_release(t);
  t = NULL;
  VG_TRY(vg_binary_op(&t, VG_MUL, v, g));
  VG_TRY(vg_where(out, mask, zero, t));
done:
  vg_release(t);
  vg_release(u);
  vg_release(v);
  vg_release(zero);
  vg_release(mask);
  return st;
}

/* maximum and minimum: the winner takes the gradient, a tie is shared. */
static vg_status extreme_slope(vg_tensor **out, bool loses_below, vg_tensor *g, vg_tensor *self,
                               vg_tensor *other) {
  vg_tensor *lost = NULL, *tie = NULL, *zero = NULL, *half = NULL, *t = NULL;
  vg_status st;
  VG_TRY(vg_filled(&zero, g->dev, g->dtype, 0, NULL, 0));
  VG_TRY(vg_binary_op(&lost, loses_below ? VG_LT : VG_GT, self, other));
  VG_TRY(vg_binary_op(&tie, VG_EQ, self, other));
  VG_TRY(vg_unary_op(&half, VG_MUL_SCALAR, (vg_scalars){0.5, 0}, g));
  VG_TRY(vg_where(&t, tie, half, g));
  VG_TRY(vg_where(out, lost, zero, t));
done:
  vg_release(lost);
  vg_release(tie);
  vg_release(zero);
  vg_release(half);
  vg_release(t);
  return st;
}

static vg_status div_slope(vg_tensor **out, int i, vg_tensor *g, vg_tensor *a, vg_tensor *b) {
  vg_tensor *t = NULL, *u = NULL;
  vg_status st;
  if (i == 0) return vg_binary_op(out, VG_DIV, g, b);
  VG_TRY(vg_binary_op(&t, VG_DIV, a, b));
  VG_TRY(vg_binary_op(&u, VG_DIV, t, b));
  vg_release(t);
  t = NULL;
  VG_TRY(vg_binary_op(&t, VG_MUL, g, u));
  st = vg_unary_op(out, VG_NEG, (vg_scalars){0, 0}, t);
done:
  vg_release(t);
  vg_release(u);
  return st;
}

static vg_status slope(vg_tensor **out, vg_binary op, int i, vg_tensor *g, vg_tensor *a,
                       vg_tensor *b) {
  switch (op) {
    case VG_SUB:
      if (i == 1) return vg_unary_op(out, VG_NEG, (vg_scalars){0, 0}, g);
      *out = vg_retain(g);
      return VG_OK;
    case VG_MUL: return vg_binary_op(out, VG_MUL, g, i == 0 ? b : a);
    case VG_DIV: return div_slope(out, i, g, a, b);
    case VG_POW: return pow_slope(out, i, g, a, b);
    case VG_MAXIMUM:
    case VG_MINIMUM: return extreme_slope(out, op == VG_MAXIMUM, g, i == 0 ? a : b, i == 0 ? b : a);
    default: *out = vg_retain(g); return VG_OK;
  }
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  vg_status st = VG_OK;
  for (int i = 0; i < 2; i++) {
    vg_tensor *g = NULL;
    if (!vg_edge_wants(n, i)) continue;
    st = slope(&g, (vg_binary)n->attr.pair.kind, i, gy, n->saved[0], n->saved[1]);
    if (st == VG_OK) st = give(n, i, g);
    vg_release(g);
    if (st != VG_OK) return st;
  }
  return st;
}

static vg_status record(vg_tensor *y, vg_binary op, vg_tensor *a, vg_tensor *b) {
  vg_node *n;
  vg_status st;
  if (compares(op)) return VG_OK;
  VG_TRY(vg_record(&n, names[op], backward, y, 2, (vg_tensor *[]){a, b}));
  if (!n) return VG_OK;
  n->attr.pair.kind = (int)op;
  remember_shapes(n, a, b);
  if (op == VG_ADD || op == VG_SUB) return VG_OK;
  VG_TRY(vg_save(n, 0, a));
  VG_TRY(vg_save(n, 1, b));
done:
  return st;
}

/* ---- forward ---- */

static vg_status forward(vg_tensor **out, vg_binary op, vg_tensor *a, vg_tensor *b) {
  const vg_elementwise_vt *k = a->dev->be->elementwise;
  vg_tensor *x = NULL, *z = NULL, *y = NULL, *in[2] = {a, b};
  int64_t shape[VG_MAX_DIMS];
  int ndim;
  const vg_layout *layout;
  vg_status st;
  VG_TRY(vg_broadcast_shape(names[op], a, b, &ndim, shape));
  layout = meeting_layout(2, in, ndim, shape);
  VG_TRY(bring(&x, a, layout, ndim, shape));
  VG_TRY(bring(&z, b, layout, ndim, shape));
  VG_TRY(vg_new_layout(&y, a->dev, compares(op) ? VG_U8 : a->dtype, ndim, shape, layout));
  VG_TRY(k->binary(a->dev, op, y, x, z));
  *out = y;
  y = NULL;
done:
  vg_release(x);
  vg_release(z);
  vg_release(y);
  return st;
}

vg_status vg_binary_op(vg_tensor **out, vg_binary op, vg_tensor *a, vg_tensor *b) {
  vg_dtype dtype = common_dtype(op, a->dtype, b->dtype);
  vg_tensor *x = NULL, *z = NULL, *y = NULL;
  vg_status st;
  VG_TRY(vg_want_same_device(names[op], a, b));
  if (!a->dev->be->elementwise || !a->dev->be->elementwise->binary)
    return vg_unsupported(a->dev, names[op]);
  VG_TRY(vg_cast(&x, a, dtype));
  VG_TRY(vg_cast(&z, b, dtype));
  VG_TRY(forward(&y, op, x, z));
  VG_TRY(record(y, op, x, z));
  *out = y;
  y = NULL;
done:
  vg_release(x);
  vg_release(z);
  vg_release(y);
  return st;
}

/* ---- where ---- */

static vg_status where_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *zero = NULL, *g = NULL, *mask = n->saved[0];
  vg_status st;
  VG_TRY(vg_filled(&zero, gy->dev, gy->dtype, 0, NULL, 0));
  for (int i = 0; i < 2; i++) {
    if (!vg_edge_wants(n, i)) continue;
    VG_TRY(vg_where(&g, mask, i == 0 ? gy : zero, i == 0 ? zero : gy));
    VG_TRY(give(n, i, g));
    vg_release(g);
    g = NULL;
  }
done:
  vg_release(zero);
  vg_release(g);
  return st;
}

static vg_status where_shape(vg_tensor *mask, vg_tensor *a, vg_tensor *b, int *ndim,
                             int64_t *shape) {
  vg_tensor both = *a;
  vg_status st;
  VG_TRY(vg_broadcast_shape("where", a, b, &both.ndim, both.shape));
  st = vg_broadcast_shape("where", mask, &both, ndim, shape);
done:
  return st;
}

static vg_status where_forward(vg_tensor **out, vg_tensor *mask, vg_tensor *a, vg_tensor *b) {
  vg_tensor *in[3] = {mask, a, b}, *ready[3] = {NULL}, *y = NULL;
  int64_t shape[VG_MAX_DIMS];
  int ndim;
  const vg_layout *layout;
  vg_status st;
  VG_TRY(where_shape(mask, a, b, &ndim, shape));
  layout = meeting_layout(3, in, ndim, shape);
  for (int i = 0; i < 3; i++) VG_TRY(bring(&ready[i], in[i], layout, ndim, shape));
  VG_TRY(vg_new_layout(&y, a->dev, a->dtype, ndim, shape, layout));
  VG_TRY(a->dev->be->elementwise->where(a->dev, y, ready[0], ready[1], ready[2]));
  *out = y;
  y = NULL;
done:
  for (int i = 0; i < 3; i++) vg_release(ready[i]);
  vg_release(y);
  return st;
}

vg_status vg_where(vg_tensor **out, vg_tensor *mask, vg_tensor *a, vg_tensor *b) {
  vg_tensor *x = NULL, *z = NULL, *y = NULL;
  vg_dtype dtype = common_dtype(VG_ADD, a->dtype, b->dtype);
  vg_node *n;
  vg_status st;
  VG_TRY(vg_want_dtype("where", mask, VG_U8));
  VG_TRY(vg_want_same_device("where", mask, a));
  VG_TRY(vg_want_same_device("where", a, b));
  if (!a->dev->be->elementwise || !a->dev->be->elementwise->where)
    return vg_unsupported(a->dev, "where");
  VG_TRY(vg_cast(&x, a, dtype));
  VG_TRY(vg_cast(&z, b, dtype));
  VG_TRY(where_forward(&y, mask, x, z));
  VG_TRY(vg_record(&n, "where", where_backward, y, 2, (vg_tensor *[]){x, z}));
  if (n) {
    VG_TRY(vg_save(n, 0, mask));
    remember_shapes(n, x, z);
  }
  *out = y;
  y = NULL;
done:
  vg_release(x);
  vg_release(z);
  vg_release(y);
  return st;
}

/* ---- in place ---- */

static vg_status may_change(const char *op, const vg_tensor *x, const vg_tensor *b) {
  if (vg_wants_grad(x) || (b && vg_wants_grad(b)))
    return vg_fail(VG_ESTATE,
                   "%s_: the tensor needs its history; use %s, or wrap the change in no_grad", op,
                   op);
  return VG_OK;
}

/* b broadcast to x's shape in x's layout and dtype; a copy when it shares x's memory otherwise. */
static vg_status bring_to(vg_tensor **out, const char *op, vg_tensor *x, vg_tensor *b) {
  vg_tensor *cast = NULL, *plain = NULL, *wide = NULL;
  int64_t shape[VG_MAX_DIMS];
  int ndim;
  vg_status st;
  VG_TRY(vg_want_same_device(op, x, b));
  VG_TRY(vg_broadcast_shape(op, x, b, &ndim, shape));
  if (ndim != x->ndim || vg_numel(ndim, shape) != x->n)
    return vg_fail(VG_ESHAPE, "%s_: %s does not fit into %s", op, vg_shape_str(b), vg_shape_str(x));
  VG_TRY(vg_cast_raw(&cast, b, x->dtype));
  if (cast->storage == x->storage && !(cast->offset == x->offset && vg_same_walk(cast, x))) {
    VG_TRY(vg_new(&plain, x->dev, x->dtype, cast->ndim, cast->shape));
    VG_TRY(vg_copy_into(plain, cast));
  } else if (cast->layout && cast->layout == x->layout && vg_same_shape(cast, x)) {
    plain = vg_retain(cast);
  } else {
    VG_TRY(vg_strided(&plain, cast));
  }
  if (plain->layout)
    wide = vg_retain(plain);
  else
    VG_TRY(vg_expand_raw(&wide, plain, x->ndim, x->shape));
  if (x->layout)
    VG_TRY(vg_relayout(out, wide, x->layout));
  else
    *out = vg_retain(wide);
done:
  vg_release(cast);
  vg_release(plain);
  vg_release(wide);
  return st;
}

vg_status vg_binary_op_(vg_tensor *x, vg_binary op, const vg_tensor *b) {
  vg_tensor *z = NULL;
  vg_status st;
  if (!x->dev->be->elementwise || !x->dev->be->elementwise->binary)
    return vg_unsupported(x->dev, names[op]);
  VG_TRY(may_change(names[op], x, b));
  if (compares(op) || (is_float(b->dtype) && !is_float(x->dtype)) ||
      (op == VG_DIV && !is_float(x->dtype)))
    return vg_fail(
        VG_EDTYPE, "%s_: a %s result does not fit a %s tensor", names[op],
        compares(op) ? "comparison" : vg_dtype_name(common_dtype(op, x->dtype, b->dtype)),
        vg_dtype_name(x->dtype));
  VG_TRY(bring_to(&z, names[op], x, (vg_tensor *)(uintptr_t)b));
  VG_TRY(x->dev->be->elementwise->binary(x->dev, op, x, x, z));
  vg_bump(x);
done:
  vg_release(z);
  return st;
}

vg_status vg_fill_(vg_tensor *x, double value) {
  vg_status st;
  if (!x->dev->be->elementwise || !x->dev->be->elementwise->fill)
    return vg_unsupported(x->dev, "fill");
  VG_TRY(may_change("fill", x, NULL));
  VG_TRY(x->dev->be->elementwise->fill(x->dev, x, value));
  vg_bump(x);
done:
  return st;
}

vg_status vg_copy_(vg_tensor *x, const vg_tensor *src) {
  vg_tensor *here = NULL, *z = NULL;
  vg_status st;
  VG_TRY(may_change("copy", x, src));
  if (vg_same_shape(x, src) && x->storage != src->storage) return vg_copy_into(x, src);
  VG_TRY(vg_to_device(&here, (vg_tensor *)(uintptr_t)src, x->dev));
  VG_TRY(bring_to(&z, "copy", x, here));
  VG_TRY(vg_copy_into(x, z));
done:
  vg_release(here);
  vg_release(z);
  return st;
}
