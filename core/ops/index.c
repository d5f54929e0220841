/* Joining, gathering, selecting, ranking. */
#include "ops/ops.h"

#include <string.h>

#include "base/alloc.h"

/* ---- cat ---- */

static vg_status part_of(vg_tensor **out, vg_tensor *x, int dim, int64_t start, int64_t length) {
  int64_t shape[VG_MAX_DIMS];
  memcpy(shape, x->shape, sizeof shape);
  shape[dim] = length;
  return vg_view(out, x, x->ndim, shape, x->stride, start * x->stride[dim]);
}

/* saved[0] holds the inputs' sizes along the dimension, on the CPU whatever the device. */
static vg_status cat_backward(vg_node *n, vg_tensor *gy) {
  const int64_t *size = vg_data(n->saved[0]);
  int dim = n->attr.view.dim;
  int64_t at = 0;
  vg_tensor *plain = NULL, *part = NULL, *gx = NULL;
  vg_status st;
  VG_TRY(vg_strided(&plain, gy));
  for (int i = 0; i < n->nedges; i++) {
    if (vg_edge_wants(n, i)) {
      VG_TRY(part_of(&part, plain, dim, at, size[i]));
      VG_TRY(vg_new(&gx, part->dev, part->dtype, part->ndim, part->shape));
      VG_TRY(vg_copy_into(gx, part));
      VG_TRY(vg_edge_add(n, i, gx));
      vg_release(part);
      vg_release(gx);
      part = gx = NULL;
    }
    at += size[i];
  }
done:
  vg_release(plain);
  vg_release(part);
  vg_release(gx);
  return st;
}

static vg_status cat_shape(int n, vg_tensor *const *x, int dim, int64_t *shape) {
  vg_status st = VG_OK;
  memcpy(shape, x[0]->shape, sizeof x[0]->shape);
  for (int i = 1; i < n; i++) {
    bool fits = x[i]->ndim == x[0]->ndim;
    VG_TRY(vg_want_same_device("cat", x[0], x[i]));
    VG_TRY(vg_want_dtype("cat", x[i], x[0]->dtype));
    for (int d = 0; fits && d < x[0]->ndim; d++)
      fits = d == dim || x[i]->shape[d] == x[0]->shape[d];
    if (!fits)
      return vg_fail(VG_ESHAPE, "cat: %s and %s do not fit along dimension %d", vg_shape_str(x[0]),
                     vg_shape_str(x[i]), dim + 1);
    shape[dim] += x[i]->shape[dim];
  }
  st = vg_shape_check("cat", x[0]->ndim, shape);
done:
  return st;
}

static vg_status record_cat(vg_tensor *y, int n, vg_tensor *const *x, int dim) {
  vg_tensor *sizes = NULL;
  int64_t count = n;
  vg_node *node;
  vg_status st;
  VG_TRY(vg_record(&node, "cat", cat_backward, y, n, x));
  if (!node) return VG_OK;
  node->attr.view.dim = dim;
  VG_TRY(vg_new(&sizes, vg_cpu(y->dev->ctx), VG_I64, 1, &count));
  for (int i = 0; i < n; i++) ((int64_t *)vg_data(sizes))[i] = x[i]->shape[dim];
  st = vg_save(node, 0, sizes);
done:
  vg_release(sizes);
  return st;
}

vg_status vg_cat(vg_tensor **out, int n, vg_tensor *const *x, int dim) {
  vg_tensor *y = NULL, *part = NULL;
  int64_t shape[VG_MAX_DIMS], at = 0;
  int d;
  vg_status st;
  if (n == 0) return vg_fail(VG_EINVAL, "cat: want at least one tensor");
  VG_TRY(vg_dim("cat", x[0]->ndim, dim, &d));
  VG_TRY(cat_shape(n, x, d, shape));
  VG_TRY(vg_new(&y, x[0]->dev, x[0]->dtype, x[0]->ndim, shape));
  for (int i = 0; i < n; i++) {
    VG_TRY(part_of(&part, y, d, at, x[i]->shape[d]));
    VG_TRY(vg_copy_into(part, x[i]));
    vg_release(part);
    part = NULL;
    at += x[i]->shape[d];
  }
  VG_TRY(record_cat(y, n, x, d));
  *out = y;
  y = NULL;
done:
  vg_release(y);
  vg_release(part);
  return st;
}

vg_status vg_stack(vg_tensor **out, int n, vg_tensor *const *x, int dim) {
  vg_tensor **wide;
  vg_status st = VG_OK;
  if (n == 0) return vg_fail(VG_EINVAL, "stack: want at least one tensor");
  wide = vg_calloc((size_t)n, sizeof *wide);
  if (!wide) return VG_ENOMEM;
  for (int i = 0; i < n; i++) {
    if (!vg_same_shape(x[0], x[i]))
      VG_TRY(vg_fail(VG_ESHAPE, "stack: %s and %s", vg_shape_str(x[0]), vg_shape_str(x[i])));
    VG_TRY(vg_unsqueeze(&wide[i], x[i], dim));
  }
  st = vg_cat(out, n, wide, dim);
done:
  for (int i = 0; i < n; i++) vg_release(wide[i]);
  vg_free(wide);
  return st;
}

/* ---- gather, index_select: the gradient is added back where the values came from ---- */

typedef vg_status (*add_back)(vg_device *, vg_tensor *, const vg_tensor *, const vg_tensor *, int);

static vg_status scatter(vg_node *n, vg_tensor *gy, add_back add) {
  vg_tensor *plain = NULL, *gx = NULL;
  vg_status st;
  VG_TRY(vg_relayout(&plain, gy, NULL));
  VG_TRY(vg_filled(&gx, gy->dev, gy->dtype, n->attr.view.ndim, n->attr.view.shape, 0));
  VG_TRY(add(gy->dev, gx, n->saved[0], plain, n->attr.view.dim));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(plain);
  vg_release(gx);
  return st;
}

static vg_status gather_backward(vg_node *n, vg_tensor *gy) {
  return scatter(n, gy, gy->dev->be->index->scatter_add);
}

static vg_status select_backward(vg_node *n, vg_tensor *gy) {
  return scatter(n, gy, gy->dev->be->index->select_add);
}

static vg_status record(vg_tensor *y, const char *op, vg_backward_fn backward, vg_tensor *x,
                        vg_tensor *index, int dim) {
  vg_node *n;
  vg_status st;
  VG_TRY(vg_record(&n, op, backward, y, 1, &x));
  if (!n) return VG_OK;
  n->attr.view.ndim = x->ndim;
  n->attr.view.dim = dim;
  memcpy(n->attr.view.shape, x->shape, sizeof x->shape);
  st = vg_save(n, 0, index);
done:
  return st;
}

/* x, contiguous index and dimension of one call, checked. */
static vg_status prepare(const char *op, vg_tensor **plain, vg_tensor **order, int *d, vg_tensor *x,
                         int dim, vg_tensor *index) {
  vg_status st;
  VG_TRY(vg_dim(op, x->ndim, dim, d));
  VG_TRY(vg_want_dtype(op, index, VG_I64));
  VG_TRY(vg_want_same_device(op, x, index));
  VG_TRY(vg_relayout(plain, x, NULL));
  st = vg_relayout(order, index, NULL);
done:
  return st;
}

vg_status vg_gather(vg_tensor **out, vg_tensor *x, int dim, vg_tensor *index) {
  const vg_index_vt *k = x->dev->be->index;
  vg_tensor *plain = NULL, *order = NULL, *y = NULL;
  int d;
  bool fits = index->ndim == x->ndim;
  vg_status st;
  if (!k || !k->gather || !k->scatter_add) return vg_unsupported(x->dev, "gather");
  VG_TRY(prepare("gather", &plain, &order, &d, x, dim, index));
  for (int i = 0; fits && i < x->ndim; i++) fits = i == d || index->shape[i] <= x->shape[i];
  if (!fits)
    VG_TRY(vg_fail(VG_ESHAPE, "gather: index %s does not fit %s along dimension %d",
                   vg_shape_str(index), vg_shape_str(x), d + 1));
  VG_TRY(vg_new(&y, x->dev, x->dtype, index->ndim, index->shape));
  VG_TRY(k->gather(x->dev, y, plain, order, d));
  VG_TRY(record(y, "gather", gather_backward, x, order, d));
  *out = y;
  y = NULL;
done:
  vg_release(plain);
  vg_release(order);
  vg_release(y);
  return st;
}

vg_status vg_index_select(vg_tensor **out, vg_tensor *x, int dim, vg_tensor *index) {
  const vg_index_vt *k = x->dev->be->index;
  vg_tensor *plain = NULL, *order = NULL, *y = NULL;
  int64_t shape[VG_MAX_DIMS];
  int d;
  vg_status st;
  if (!k || !k->select || !k->select_add) return vg_unsupported(x->dev, "index_select");
  VG_TRY(prepare("index_select", &plain, &order, &d, x, dim, index));
  if (index->ndim != 1)
    VG_TRY(
        vg_fail(VG_ESHAPE, "index_select: want a vector of indices, got %s", vg_shape_str(index)));
  memcpy(shape, x->shape, sizeof shape);
  shape[d] = index->n;
  VG_TRY(vg_new(&y, x->dev, x->dtype, x->ndim, shape));
  VG_TRY(k->select(x->dev, y, plain, order, d));
  VG_TRY(record(y, "index_select", select_backward, x, order, d));
  *out = y;
  y = NULL;
done:
  vg_release(plain);
  vg_release(order);
  vg_release(y);
  return st;
}

vg_status vg_topk(vg_tensor **values, vg_tensor **indices, vg_tensor *x, int64_t k, int dim,
                  bool largest) {
  const vg_index_vt *t = x->dev->be->index;
  vg_tensor *plain = NULL, *v = NULL, *i = NULL;
  int64_t shape[VG_MAX_DIMS];
  int d;
  vg_status st;
  if (!t || !t->topk || !t->scatter_add) return vg_unsupported(x->dev, "topk");
  VG_TRY(vg_dim("topk", x->ndim, dim, &d));
  if (k < 1 || k > x->shape[d])
    return vg_fail(VG_EINVAL, "topk: the %lld largest along dimension %d of %s", (long long)k,
                   d + 1, vg_shape_str(x));
  VG_TRY(vg_relayout(&plain, x, NULL));
  memcpy(shape, x->shape, sizeof shape);
  shape[d] = k;
  VG_TRY(vg_new(&v, x->dev, x->dtype, x->ndim, shape));
  VG_TRY(vg_new(&i, x->dev, VG_I64, x->ndim, shape));
  VG_TRY(t->topk(x->dev, v, i, plain, d, largest));
  VG_TRY(record(v, "topk", gather_backward, x, i, d));
  *values = v;
  *indices = i;
  v = i = NULL;
done:
  vg_release(plain);
  vg_release(v);
  vg_release(i);
  return st;
}
