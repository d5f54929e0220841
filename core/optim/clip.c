/* Gradient norms and clipping, over the gradients themselves. */
#include <math.h>

#include "optim/optim.h"

enum { BATCH = 64 };

typedef struct grads {
  vg_tensor *g[BATCH];
  vg_device *dev;
  int n;
} grads;

typedef vg_status (*batch_fn)(const vg_optim_vt *k, const grads *b, void *arg);

/* The kernels walk gradients flat, and what is changed in place must not be shared: z = a + b gives
   one and the same tensor to both. A private dense copy takes the place of anything else. */
static vg_status make_fit(vg_tensor *p, bool change) {
  vg_tensor *g = p->grad, *copy = NULL;
  bool flat = g->layout || vg_is_dense(g), shared = g->refs > 1 || g->storage->refs > 1;
  vg_status st = VG_OK;
  if (flat && !(change && shared)) return VG_OK;
  VG_TRY(vg_new_same_walk(&copy, g));
  VG_TRY(vg_copy_into(copy, g));
  p->grad = copy;
  copy = NULL;
  vg_release(g);
done:
  vg_release(copy);
  return st;
}

static vg_status flush(grads *b, batch_fn fn, void *arg) {
  const vg_optim_vt *k = b->n ? b->dev->be->optim : NULL;
  vg_status st = VG_OK;
  if (b->n && (!k || !k->sum_squares || !k->scale || !k->clamp))
    return vg_unsupported(b->dev, "gradient clipping");
  if (b->n) st = fn(k, b, arg);
  b->n = 0;
  return st;
}

static vg_status add_squares(const vg_optim_vt *k, const grads *b, void *total) {
  double sum = 0;
  vg_status st;
  VG_TRY(k->sum_squares(b->dev, b->n, b->g, &sum));
  *(double *)total += sum;
done:
  return st;
}

static vg_status scale(const vg_optim_vt *k, const grads *b, void *factor) {
  for (int i = 0; i < b->n; i++) vg_bump(b->g[i]);
  return k->scale(b->dev, b->n, b->g, *(double *)factor);
}

static vg_status clamp(const vg_optim_vt *k, const grads *b, void *bound) {
  for (int i = 0; i < b->n; i++) vg_bump(b->g[i]);
  return k->clamp(b->dev, b->n, b->g, *(double *)bound);
}

static vg_status each_batch(int n, vg_tensor *const *params, batch_fn fn, bool change, void *arg) {
  grads b = {.n = 0};
  vg_status st;
  for (int i = 0; i < n; i++) {
    if (!params[i]->grad) continue;
    if (params[i]->grad->dtype != VG_F32)
      return vg_fail(VG_EDTYPE, "gradient clipping: gradient %d is %s, want float32", i + 1,
                     vg_dtype_name(params[i]->grad->dtype));
    VG_TRY(make_fit(params[i], change));
    if (b.n == BATCH || (b.n && b.dev != params[i]->dev)) VG_TRY(flush(&b, fn, arg));
    b.dev = params[i]->dev;
    b.g[b.n++] = params[i]->grad;
  }
  st = flush(&b, fn, arg);
done:
  return st;
}

vg_status vg_grad_norm(int n, vg_tensor *const *params, double *norm) {
  vg_status st;
  *norm = 0;
  VG_TRY(each_batch(n, params, add_squares, false, norm));
  *norm = sqrt(*norm);
done:
  return st;
}

vg_status vg_clip_grad_norm(int n, vg_tensor *const *params, double max_norm, double *norm) {
  double factor;
  vg_status st;
  if (!(max_norm >= 0))
    return vg_fail(VG_EINVAL, "clip_grad_norm: want max_norm >= 0, got %g", max_norm);
  VG_TRY(vg_grad_norm(n, params, norm));
  factor = max_norm / (*norm + 1e-6);
  if (!(factor >= 1)) VG_TRY(each_batch(n, params, scale, true, &factor)); /* NaN scales, too */
done:
  return st;
}

vg_status vg_clip_grad_value(int n, vg_tensor *const *params, double bound) {
  if (!(bound >= 0)) return vg_fail(VG_EINVAL, "clip_grad_value: want a bound >= 0, got %g", bound);
  return each_batch(n, params, clamp, true, &bound);
}

/* ---- on the device alone ---- */

typedef struct device_sum {
  vg_tensor *t; /* i64, holds a double */
  bool begun;
} device_sum;

static vg_status device_squares(const vg_optim_vt *k, const grads *b, void *sum_) {
  device_sum *sum = sum_;
  bool first = !sum->begun;
  if (b->dev != sum->t->dev)
    return vg_fail(VG_EUNSUPPORTED, "gradient norm: want float32 gradients on one device");
  sum->begun = true;
  return k->squares(b->dev, b->n, b->g, sum->t, first);
}

vg_status vg_grad_norm_tensor(vg_tensor **norm, vg_tensor **squares, int n,
                              vg_tensor *const *params) {
  const int64_t one = 1;
  vg_device *d = n ? params[0]->dev : NULL;
  device_sum sum = {.t = NULL};
  vg_tensor *root = NULL;
  vg_status st;
  if (!d) return vg_fail(VG_EINVAL, "gradient norm: of no parameters");
  if (!d->be->optim || !d->be->optim->squares || !d->be->optim->root)
    return vg_unsupported(d, "gradient norm on the device");
  vg_pool_want_lasting(d, sizeof(int64_t)); /* a step may read it later */
  st = vg_new(&sum.t, d, VG_I64, 1, &one);
  vg_pool_want_lasting(d, 0);
  VG_TRY(st);
  VG_TRY(vg_new(&root, d, VG_F32, 0, NULL));
  VG_TRY(each_batch(n, params, device_squares, false, &sum));
  if (!sum.begun) VG_TRY(vg_fail(VG_ESTATE, "gradient norm: no parameter has a gradient"));
  VG_TRY(d->be->optim->root(d, root, sum.t));
  *norm = root;
  *squares = sum.t;
  return VG_OK;
done:
  vg_release(sum.t);
  vg_release(root);
  return st;
}

void vg_zero_grad(int n, vg_tensor *const *params) {
  for (int i = 0; i < n; i++) {
    vg_release(params[i]->grad);
    params[i]->grad = NULL;
  }
}
