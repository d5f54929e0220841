/* Batch normalisation over N, H, W: shape rule, statistics, gradient rule; and the same with the
   maximum of windows behind it, where a backend has both in one pass. */
#include "ops/ops.h"

enum { X, WEIGHT, BIAS, MEAN, INVSTD };

static vg_status vector_of(const char *what, const vg_tensor *t, const vg_tensor *x) {
  vg_status st;
  if (!t) return VG_OK;
  VG_TRY(vg_want_dtype("batch_norm2d", t, VG_F32));
  VG_TRY(vg_want_same_device("batch_norm2d", x, t));
  if (t->ndim != 1 || t->shape[0] != x->shape[1] || !vg_is_contiguous(t))
    return vg_fail(VG_ESHAPE, "batch_norm2d: want a contiguous %s of %lld, got %s", what,
                   (long long)x->shape[1], vg_shape_str(t));
done:
  return st;
}

static vg_status check(const vg_tensor *x, const vg_tensor *weight, const vg_tensor *bias,
                       const vg_tensor *mean, const vg_tensor *var, const vg_norm *p) {
  vg_status st;
  if (x->ndim != 4) return vg_fail(VG_ESHAPE, "batch_norm2d: want NCHW, got %s", vg_shape_str(x));
  VG_TRY(vg_want_float("batch_norm2d", x));
  if (!weight != !bias || !mean != !var)
    return vg_fail(VG_EINVAL, "batch_norm2d: %s come as a pair",
                   !weight != !bias ? "weight and bias" : "running_mean and running_var");
  VG_TRY(vector_of("weight", weight, x));
  VG_TRY(vector_of("bias", bias, x));
  VG_TRY(vector_of("running_mean", mean, x));
  VG_TRY(vector_of("running_var", var, x));
  if (p->training && x->shape[0] * x->shape[2] * x->shape[3] == 1)
    return vg_fail(VG_ESHAPE, "batch_norm2d: one value a channel has no variance, got %s",
                   vg_shape_str(x));
done:
  return st;
}

/* gy's own memory when nobody else can see it, else a new tensor. */
static vg_status gradient_for(vg_tensor **out, vg_tensor *gy) {
  if (gy->refs == 1 && gy->storage->refs == 1 && !gy->storage->deleter) {
    *out = vg_retain(gy);
    return VG_OK;
  }
  return vg_new_like(out, gy);
}

static vg_status call_backward(vg_node *n, vg_tensor *gx, vg_tensor *gw, vg_tensor *gb,
                               const vg_tensor *gy) {
  vg_tensor *x = n->saved[X], **t = n->saved;
  const vg_norm_vt *k = x->dev->be->norm;
  if (n->ws.ptr)
    return k->bn_max_bwd(x->dev, gx, gw, gb, gy, x, t[WEIGHT], t[BIAS], t[MEAN], t[INVSTD], &n->ws,
                         &n->attr.norm.p, &n->attr.norm.pool);
  return k->bn_bwd(x->dev, gx, gw, gb, gy, x, t[WEIGHT], t[BIAS], t[MEAN], t[INVSTD],
                   &n->attr.norm.p);
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  vg_tensor *x = n->saved[X], *cast = NULL, *g = NULL, *gx = NULL, *gw = NULL, *gb = NULL;
  const int64_t *c = &x->shape[1];
  vg_status st;
  if (gy->dtype == x->dtype && gy->layout == x->layout && (x->layout || vg_is_contiguous(gy))) {
    g = gy; /* one count less than vg_relayout would leave */
  } else {
    VG_TRY(vg_cast_raw(&cast, gy, x->dtype));
    VG_TRY(vg_relayout(&g, cast, x->layout));
  }
  if (vg_edge_wants(n, X)) VG_TRY(n->ws.ptr ? vg_new_like(&gx, x) : gradient_for(&gx, g));
  if (vg_edge_wants(n, WEIGHT)) VG_TRY(vg_new(&gw, x->dev, VG_F32, 1, c));
  if (vg_edge_wants(n, BIAS)) VG_TRY(vg_new(&gb, x->dev, VG_F32, 1, c));
  VG_TRY(call_backward(n, gx, gw, gb, g));
  if (gx == g) vg_bump(gx); /* what was known of gy is not true of it */
  if (gx) VG_TRY(vg_edge_add(n, X, gx));
  if (gw) VG_TRY(vg_edge_add(n, WEIGHT, gw));
  if (gb) VG_TRY(vg_edge_add(n, BIAS, gb));
done:
  if (g != gy) vg_release(g);
  vg_release(cast);
  vg_release(gx);
  vg_release(gw);
  vg_release(gb);
  return st;
}

/* What one call makes and hands to the tape. */
typedef struct made {
  vg_tensor *xl, *y, *mean, *invstd;
  vg_buf ws;
} made;

static vg_status record(made *m, vg_tensor *x, vg_tensor *weight, vg_tensor *bias, const vg_norm *p,
                        const vg_pool2d *pool) {
  const char *op = pool ? "batch_norm2d_max" : "batch_norm2d";
  vg_node *n;
  vg_status st;
  VG_TRY(vg_record(&n, op, backward, m->y, 3, (vg_tensor *[]){x, weight, bias}));
  if (!n) goto done;
  n->attr.norm.p = *p;
  if (pool) n->attr.norm.pool = *pool;
  n->ws = m->ws; /* the node owns the workspace from here */
  m->ws = (vg_buf){0};
  VG_TRY(vg_save(n, X, m->xl));
  VG_TRY(vg_save(n, WEIGHT, weight));
  VG_TRY(vg_save(n, BIAS, bias));
  VG_TRY(vg_save(n, MEAN, m->mean));
  VG_TRY(vg_save(n, INVSTD, m->invstd));
done:
  return st;
}

static bool wanted(const vg_tensor *t) { return t && vg_wants_grad(t); }

/* pool: NULL, or windows for which the backend has the maximum in the same pass. */
static vg_status norm(vg_tensor **out, vg_tensor *x, vg_tensor *weight, vg_tensor *bias,
                      vg_tensor *running_mean, vg_tensor *running_var, const vg_norm *p,
                      const vg_pool2d *pool) {
  const vg_norm_vt *k = x->dev->be->norm;
  bool grad = wanted(x) || wanted(weight) || wanted(bias);
  made m = {0};
  vg_norm q = *p;
  int64_t s[4];
  vg_status st;
  if (!k || !k->bn_fwd) return vg_unsupported(x->dev, "batch_norm2d");
  q.training = p->training || !running_mean;
  VG_TRY(check(x, weight, bias, running_mean, running_var, &q));
  if (pool) VG_TRY(vg_pool_shape("max_pool2d", x, pool, s));
  VG_TRY(vg_relayout(&m.xl, x, x->layout && k->accepts(x->layout) ? x->layout : NULL));
  VG_TRY(pool ? vg_new_layout(&m.y, x->dev, x->dtype, 4, s, m.xl->layout)
              : vg_new_like(&m.y, m.xl));
  VG_TRY(vg_new(&m.mean, x->dev, VG_F32, 1, &x->shape[1]));
  VG_TRY(vg_new(&m.invstd, x->dev, VG_F32, 1, &x->shape[1]));
  VG_TRY(pool ? k->bn_max_fwd(x->dev, m.y, m.xl, weight, bias, running_mean, running_var, m.mean,
                              m.invstd, grad ? &m.ws : NULL, &q, pool)
              : k->bn_fwd(x->dev, m.y, m.xl, weight, bias, running_mean, running_var, m.mean,
                          m.invstd, &q));
  if (q.training && running_mean && x->n > 0) {
    vg_bump(running_mean);
    vg_bump(running_var);
  }
  if (q.training && q.batches && x->n > 0) vg_bump(q.batches);
  VG_TRY(record(&m, x, weight, bias, &q, pool));
  *out = m.y;
  m.y = NULL;
done:
  vg_buf_give(&m.ws);
  vg_release(m.xl);
  vg_release(m.y);
  vg_release(m.mean);
  vg_release(m.invstd);
  return st;
}

vg_status vg_batch_norm2d(vg_tensor **out, vg_tensor *x, vg_tensor *weight, vg_tensor *bias,
                          vg_tensor *running_mean, vg_tensor *running_var, const vg_norm *p) {
  return norm(out, x, weight, bias, running_mean, running_var, p, NULL);
}

vg_status vg_batch_norm2d_max(vg_tensor **out, vg_tensor *x, vg_tensor *weight, vg_tensor *bias,
                              vg_tensor *running_mean, vg_tensor *running_var, const vg_norm *p,
                              const vg_pool2d *pool) {
  const vg_norm_vt *k = x->dev->be->norm;
  vg_tensor *y = NULL;
  vg_status st;
  if (k && k->bn_pools && k->bn_pools(x, pool))
    return norm(out, x, weight, bias, running_mean, running_var, p, pool);
  VG_TRY(norm(&y, x, weight, bias, running_mean, running_var, p, NULL));
  st = vg_max_pool2d(out, y, pool);
done:
  vg_release(y);
  return st;
}
