/* Matrix product and linear layer: shapes, folding of batches, gradient rules. */
#include <string.h>

#include "ops/ops.h"

/* ---- without history ---- */

/* The last two dimensions are rows or columns that lie densely, as the kernel wants them. */
static bool is_dense_matrix(const vg_tensor *t) {
  int64_t rows = t->shape[t->ndim - 2], cols = t->shape[t->ndim - 1], sr = t->stride[t->ndim - 2],
          sc = t->stride[t->ndim - 1];
  if (t->n <= 1) return true;
  return ((sc == 1 || cols == 1) && (sr >= cols || rows == 1)) ||
         ((sr == 1 || rows == 1) && (sc >= rows || cols == 1));
}

/* One stride that walks the batch dimensions (all but the last two) of t, or -1. */
static int64_t batch_stride(const vg_tensor *t) {
  int64_t step = 0, size = 1;
  for (int d = t->ndim - 3; d >= 0; d--) {
    if (t->shape[d] == 1) continue;
    if (size == 1)
      step = t->stride[d];
    else if (t->stride[d] != step * size)
      return -1;
    size *= t->shape[d];
  }
  return step;
}

static vg_status dense_copy(vg_tensor **out, vg_tensor *t) {
  vg_status st;
  VG_TRY(vg_new(out, t->dev, t->dtype, t->ndim, t->shape));
  VG_TRY(vg_copy_into(*out, t));
done:
  return st;
}

/* x (at least two dimensions, strided) as B x rows x cols with the batch dimensions broadcast to
   batch[0..nb-1]; copied only when no strides can say it. */
static vg_status as_batch(vg_tensor **out, vg_tensor *x, int nb, const int64_t *batch) {
  int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS], flat[3], steps[3];
  vg_tensor *wide = NULL, *copy = NULL, *from;
  vg_status st;
  for (int d = 0; d < nb + 2; d++) {
    int own = d - (nb + 2 - x->ndim);
    bool spread = d < nb && (own < 0 || x->shape[own] != batch[d]);
    shape[d] = d < nb ? batch[d] : x->shape[own];
    stride[d] = spread ? 0 : x->stride[own];
  }
  VG_TRY(vg_view(&wide, x, nb + 2, shape, stride, 0));
  wide->n = vg_numel(nb + 2, shape);
  if (!is_dense_matrix(wide) || batch_stride(wide) < 0) VG_TRY(dense_copy(&copy, wide));
  from = copy ? copy : wide;
  flat[0] = vg_numel(nb, batch);
  steps[0] = batch_stride(from);
  for (int d = 1; d < 3; d++) {
    flat[d] = from->shape[nb + d - 1];
    steps[d] = from->stride[nb + d - 1];
  }
  VG_TRY(vg_view(out, from, 3, flat, steps, 0));
done:
  vg_release(wide);
  vg_release(copy);
  return st;
}

static vg_status fits(const vg_tensor *a, const vg_tensor *b, int *nb, int64_t *batch) {
  vg_tensor fa = *a, fb = *b;
  fa.ndim -= 2;
  fb.ndim -= 2;
  if (a->shape[a->ndim - 1] != b->shape[b->ndim - 2] ||
      vg_broadcast_shape("matmul", &fa, &fb, nb, batch) != VG_OK)
    return vg_fail(VG_ESHAPE, "matmul: %s and %s do not fit together", vg_shape_str(a),
                   vg_shape_str(b));
  return VG_OK;
}

/* a (..., m, k) times b (..., k, n) plus bias (n or NULL), batches broadcast; contiguous result, of
   bf16 when a is and b is a weight, which stays f32. */
static vg_status product(vg_tensor **out, vg_tensor *a, vg_tensor *b, vg_tensor *bias) {
  int64_t shape[VG_MAX_DIMS];
  vg_tensor *a3 = NULL, *b3 = NULL, *c = NULL, *c3 = NULL;
  int nb;
  vg_status st;
  VG_TRY(fits(a, b, &nb, shape));
  VG_TRY(as_batch(&a3, a, nb, shape));
  VG_TRY(as_batch(&b3, b, nb, shape));
  shape[nb] = a->shape[a->ndim - 2];
  shape[nb + 1] = b->shape[b->ndim - 1];
  VG_TRY(vg_new(&c, a->dev, b->dtype == VG_BF16 ? VG_F32 : a->dtype, nb + 2, shape));
  VG_TRY(as_batch(&c3, c, nb, shape));
  VG_TRY(a->dev->be->matmul->matmul(a->dev, c3, a3, b3, bias));
  *out = c;
  c = NULL;
done:
  vg_release(a3);
  vg_release(b3);
  vg_release(c3);
  vg_release(c);
  return st;
}

static vg_status swapped(vg_tensor **out, vg_tensor *x) {
  int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
  int n = x->ndim;
  memcpy(shape, x->shape, sizeof shape);
  memcpy(stride, x->stride, sizeof stride);
  shape[n - 2] = x->shape[n - 1];
  shape[n - 1] = x->shape[n - 2];
  stride[n - 2] = x->stride[n - 1];
  stride[n - 1] = x->stride[n - 2];
  return vg_view(out, x, n, shape, stride, 0);
}

/* A view of a contiguous tensor in another shape. */
static vg_status reshaped(vg_tensor **out, vg_tensor *x, int ndim, const int64_t *shape) {
  int64_t stride[VG_MAX_DIMS];
  vg_tensor *dense = NULL;
  vg_status st;
  VG_TRY(vg_relayout(&dense, x, NULL));
  vg_dense_strides(ndim, shape, stride);
  VG_TRY(vg_view(out, dense, ndim, shape, stride, 0));
done:
  vg_release(dense);
  return st;
}

/* All dimensions but the last as rows. */
static vg_status as_rows(vg_tensor **out, vg_tensor *x) {
  int64_t cols = x->shape[x->ndim - 1], shape[2] = {1, cols};
  for (int d = 0; d < x->ndim - 1; d++) shape[0] *= x->shape[d];
  if (x->ndim == 2 && !x->layout) {
    *out = vg_retain(x);
    return VG_OK;
  }
  return reshaped(out, x, 2, shape);
}

/* ---- matmul ---- */

/* A vector is a row on the left and a column on the right. */
static vg_status promote(vg_tensor **out, vg_tensor *x, bool left) {
  vg_tensor *s = NULL;
  vg_status st;
  VG_TRY(vg_strided(&s, x));
  if (x->ndim > 1) {
    *out = vg_retain(s);
  } else {
    int64_t n = s->shape[0], step = s->stride[0];
    VG_TRY(vg_view(out, s, 2, left ? (int64_t[]){1, n} : (int64_t[]){n, 1},
                   left ? (int64_t[]){n * step, step} : (int64_t[]){step, step}, 0));
  }
done:
  vg_release(s);
  return st;
}

/* The gradient of one operand: product(u, v) summed over its broadcast batches, in its shape. */
static vg_status operand_gradient(vg_node *n, int edge, vg_tensor *u, vg_tensor *v,
                                  const vg_tensor *promoted, const vg_tensor *operand) {
  vg_tensor *full = NULL, *sum = NULL, *g = NULL;
  vg_status st;
  VG_TRY(product(&full, u, v, NULL));
  VG_TRY(vg_sum_to_shape(&sum, full, promoted->ndim, promoted->shape));
  VG_TRY(reshaped(&g, sum, operand->ndim, operand->shape));
  VG_TRY(vg_edge_add(n, edge, g));
done:
  vg_release(full);
  vg_release(sum);
  vg_release(g);
  return st;
}

/* b is one matrix and a many: the batches of a and gy are rows of one product. */
static vg_status right_gradient(vg_node *n, vg_tensor *a, vg_tensor *b, vg_tensor *gy) {
  vg_tensor *ar = NULL, *gr = NULL, *at = NULL;
  vg_status st;
  if (b->ndim == 2) {
    VG_TRY(as_rows(&ar, a));
    VG_TRY(as_rows(&gr, gy));
  }
  VG_TRY(swapped(&at, ar ? ar : a));
  VG_TRY(operand_gradient(n, 1, at, gr ? gr : gy, b, n->saved[1]));
done:
  vg_release(ar);
  vg_release(gr);
  vg_release(at);
  return st;
}

static vg_status matmul_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *a = NULL, *b = NULL, *g = NULL, *bt = NULL;
  int64_t shape[VG_MAX_DIMS];
  int nb;
  vg_status st;
  VG_TRY(promote(&a, n->saved[0], true));
  VG_TRY(promote(&b, n->saved[1], false));
  VG_TRY(fits(a, b, &nb, shape));
  shape[nb] = a->shape[a->ndim - 2];
  shape[nb + 1] = b->shape[b->ndim - 1];
  VG_TRY(reshaped(&g, gy, nb + 2, shape));
  VG_TRY(swapped(&bt, b));
  if (vg_edge_wants(n, 0)) VG_TRY(operand_gradient(n, 0, g, bt, a, n->saved[0]));
  if (vg_edge_wants(n, 1)) VG_TRY(right_gradient(n, a, b, g));
done:
  vg_release(a);
  vg_release(b);
  vg_release(g);
  vg_release(bt);
  return st;
}

/* A contiguous batch on the left of one matrix is one tall matrix. */
static vg_status folded_product(vg_tensor **out, vg_tensor *a, vg_tensor *b) {
  int64_t shape[VG_MAX_DIMS];
  vg_tensor *rows = NULL, *c = NULL;
  vg_status st;
  if (b->ndim != 2 || a->ndim == 2 || !vg_is_contiguous(a)) return product(out, a, b, NULL);
  VG_TRY(as_rows(&rows, a));
  VG_TRY(product(&c, rows, b, NULL));
  memcpy(shape, a->shape, sizeof shape);
  shape[a->ndim - 1] = b->shape[1];
  VG_TRY(reshaped(out, c, a->ndim, shape));
done:
  vg_release(rows);
  vg_release(c);
  return st;
}

static vg_status check_pair(const char *op, const vg_tensor *a, const vg_tensor *b) {
  vg_status st;
  if (!a->dev->be->matmul || !a->dev->be->matmul->matmul) return vg_unsupported(a->dev, op);
  VG_TRY(vg_want_float(op, a));
  VG_TRY(vg_want_dtype(op, b, VG_F32));
  VG_TRY(vg_want_same_device(op, a, b));
done:
  return st;
}

/* bf16 operands are computed as f32; two of them give bf16 again. */
static vg_status matmul_in_f32(vg_tensor **out, vg_tensor *a, vg_tensor *b) {
  vg_tensor *wa = NULL, *wb = NULL, *y = NULL;
  vg_status st;
  VG_TRY(vg_cast(&wa, a, a->dtype == VG_BF16 ? VG_F32 : a->dtype));
  VG_TRY(vg_cast(&wb, b, b->dtype == VG_BF16 ? VG_F32 : b->dtype));
  VG_TRY(vg_matmul(&y, wa, wb));
  VG_TRY(vg_cast(out, y, a->dtype == b->dtype ? VG_BF16 : VG_F32));
done:
  vg_release(wa);
  vg_release(wb);
  vg_release(y);
  return st;
}

vg_status vg_matmul(vg_tensor **out, vg_tensor *a, vg_tensor *b) {
  vg_tensor *a2 = NULL, *b2 = NULL, *c = NULL, *y = NULL;
  int64_t shape[VG_MAX_DIMS];
  int ndim = 0;
  vg_node *n;
  vg_status st;
  if (a->ndim == 0 || b->ndim == 0)
    return vg_fail(VG_ESHAPE, "matmul: want at least one dimension, got %s and %s", vg_shape_str(a),
                   vg_shape_str(b));
  if (a->dtype == VG_BF16 || b->dtype == VG_BF16) return matmul_in_f32(out, a, b);
  VG_TRY(check_pair("matmul", a, b));
  VG_TRY(promote(&a2, a, true));
  VG_TRY(promote(&b2, b, false));
  if (a2->shape[a2->ndim - 1] != b2->shape[b2->ndim - 2])
    VG_TRY(vg_fail(VG_ESHAPE, "matmul: %s and %s do not fit together", vg_shape_str(a),
                   vg_shape_str(b)));
  VG_TRY(folded_product(&c, a2, b2));
  for (int d = 0; d < c->ndim; d++)
    if (!((d == c->ndim - 2 && a->ndim == 1) || (d == c->ndim - 1 && b->ndim == 1)))
      shape[ndim++] = c->shape[d];
  VG_TRY(reshaped(&y, c, ndim, shape));
  VG_TRY(vg_record(&n, "matmul", matmul_backward, y, 2, (vg_tensor *[]){a, b}));
  if (n) {
    VG_TRY(vg_save(n, 0, a));
    VG_TRY(vg_save(n, 1, b));
  }
  *out = y;
  y = NULL;
done:
  vg_release(a2);
  vg_release(b2);
  vg_release(c);
  vg_release(y);
  return st;
}

/* ---- linear ---- */

enum { X, W, BIAS };

static vg_status linear_backward_x(vg_node *n, vg_tensor *g) {
  vg_tensor *x = n->saved[X], *gx = NULL, *g2 = NULL;
  vg_status st;
  VG_TRY(product(&g2, g, n->saved[W], NULL));
  VG_TRY(reshaped(&gx, g2, x->ndim, x->shape));
  VG_TRY(vg_edge_add(n, X, gx));
done:
  vg_release(g2);
  vg_release(gx);
  return st;
}

static vg_status linear_backward_w(vg_node *n, vg_tensor *g) {
  vg_tensor *rows = NULL, *gt = NULL, *gw = NULL;
  vg_status st;
  VG_TRY(as_rows(&rows, n->saved[X]));
  VG_TRY(swapped(&gt, g));
  VG_TRY(product(&gw, gt, rows, NULL));
  VG_TRY(vg_edge_add(n, W, gw));
done:
  vg_release(rows);
  vg_release(gt);
  vg_release(gw);
  return st;
}

static vg_status linear_backward_bias(vg_node *n, vg_tensor *g) {
  vg_tensor *gb = NULL;
  vg_status st;
  VG_TRY(vg_new(&gb, g->dev, VG_F32, 1, &g->shape[1]));
  VG_TRY(g->dev->be->matmul->sum_rows(g->dev, gb, g));
  VG_TRY(vg_edge_add(n, BIAS, gb));
done:
  vg_release(gb);
  return st;
}

static vg_status linear_backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *g = NULL, *cast = NULL, *dense = NULL;
  vg_status st;
  VG_TRY(vg_cast_raw(&cast, gy, n->saved[X]->dtype));
  VG_TRY(vg_relayout(&dense, cast, NULL));
  VG_TRY(as_rows(&g, dense));
  if (vg_edge_wants(n, W)) VG_TRY(linear_backward_w(n, g));
  if (vg_edge_wants(n, BIAS)) VG_TRY(linear_backward_bias(n, g));
  if (vg_edge_wants(n, X)) VG_TRY(linear_backward_x(n, g));
done:
  vg_release(g);
  vg_release(cast);
  vg_release(dense);
  return st;
}

static vg_status check_linear(const vg_tensor *x, const vg_tensor *w, const vg_tensor *bias) {
  vg_status st;
  VG_TRY(check_pair("linear", x, w));
  if (w->ndim != 2)
    return vg_fail(VG_ESHAPE, "linear: want a weight of out x in, got %s", vg_shape_str(w));
  if (x->ndim < 1 || x->shape[x->ndim - 1] != w->shape[1])
    return vg_fail(VG_ESHAPE, "linear: weight %s wants a last dimension of %lld, got %s",
                   vg_shape_str(w), (long long)w->shape[1], vg_shape_str(x));
  if (!bias) return VG_OK;
  VG_TRY(check_pair("linear", x, bias));
  if (bias->ndim != 1 || bias->shape[0] != w->shape[0])
    return vg_fail(VG_ESHAPE, "linear: want a bias of %lld, got %s", (long long)w->shape[0],
                   vg_shape_str(bias));
done:
  return st;
}

vg_status vg_linear(vg_tensor **out, vg_tensor *input, vg_tensor *w, vg_tensor *bias) {
  vg_tensor *x = NULL, *rows = NULL, *wt = NULL, *b = NULL, *c = NULL, *y = NULL;
  int64_t shape[VG_MAX_DIMS];
  vg_node *n;
  vg_status st;
  VG_TRY(check_linear(input, w, bias));
  VG_TRY(vg_autocast(&x, "linear", input));
  VG_TRY(as_rows(&rows, x));
  VG_TRY(swapped(&wt, w));
  if (bias) VG_TRY(vg_relayout(&b, bias, NULL));
  VG_TRY(product(&c, rows, wt, b));
  memcpy(shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = w->shape[0];
  VG_TRY(reshaped(&y, c, x->ndim, shape));
  VG_TRY(vg_record(&n, "linear", linear_backward, y, 3, (vg_tensor *[]){x, w, bias}));
  if (n) {
    VG_TRY(vg_save(n, X, x));
    VG_TRY(vg_save(n, W, w));
  }
  *out = y;
  y = NULL;
done:
  vg_release(x);
  vg_release(rows);
  vg_release(wt);
  vg_release(b);
  vg_release(c);
  vg_release(y);
  return st;
}
