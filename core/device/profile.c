#include "device/profile.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { LABELS = 1024, MOST_ROWS = 2048, TRACES = 8192 };

typedef struct named {
  uint64_t storage;
  char label[64];
} named;

struct vg_profile {
  vg_backend table; /* ours, in which these stand */
  vg_layout_vt layout;
  vg_elementwise_vt elementwise;
  vg_reduce_vt reduce;
  vg_matmul_vt matmul;
  vg_conv_vt conv;
  vg_pool_vt pool;
  vg_norm_vt norm;
  vg_softmax_vt softmax;
  vg_random_vt random;
  vg_optim_vt optim;
  const vg_backend *real;
  bool on;
  int rows, labels;
  vg_profile_row row[MOST_ROWS];
  named label[LABELS];
  struct {
    uint64_t storage;
    int label;
  } trace[TRACES]; /* inputs of layers: their weight gradients do not see the weight */
  int64_t reorders;
  double reorder_bytes;
  vg_pool_stats before, spent; /* at the last switching on; over all times that it was on */
};

typedef struct vg_profile profile;

/* ---- labels: numbers from 1 on, 0 for none ---- */

static int label_of(const profile *p, const vg_tensor *t) {
  for (int i = 0; t && i < p->labels; i++)
    if (p->label[i].storage == t->storage->id) return i + 1;
  return 0;
}

static void leave_trace(profile *p, const vg_tensor *x, int label) {
  p->trace[x->storage->id % TRACES].storage = x->storage->id;
  p->trace[x->storage->id % TRACES].label = label;
}

static int traced(const profile *p, const vg_tensor *x) {
  uint64_t id = x ? x->storage->id : 0;
  return id && p->trace[id % TRACES].storage == id ? p->trace[id % TRACES].label : 0;
}

/* ---- one call ---- */

typedef struct call {
  vg_device *d;
  profile *p;
  double begin;
} call;

/* What a call was; the first tensor gives shape, type and layout. */
typedef struct what {
  const char *op, *pass;
  int label;
  double flops;
  const vg_tensor *t[6];
} what;

static double bytes_of(const vg_tensor *t) {
  return t ? (double)vg_physical_n(t) * (double)vg_dtype_size(t->dtype) : 0;
}

static call begin(vg_device *d) {
  call c = {d, d->profile, 0};
  if (!c.p->on) return c;
  if (c.p->real->device->kernel) c.p->real->device->kernel(d); /* forget an older one */
  if (c.p->real->device->synchronise) c.p->real->device->synchronise(d);
  c.begin = vg_clock();
  return c;
}

static vg_profile_row *row_of(profile *p, const what *w, const char *kernel) {
  vg_profile_row r = {.op = w->op, .pass = w->pass, .dtype = vg_dtype_name(w->t[0]->dtype)};
  const vg_layout *l = w->t[0]->layout;
  if (w->label) snprintf(r.label, sizeof r.label, "%s", p->label[w->label - 1].label);
  snprintf(r.shape, sizeof r.shape, "%s", vg_shape_str(w->t[0]));
  snprintf(r.layout, sizeof r.layout, "%s", l ? l->name : "strided");
  snprintf(r.kernel, sizeof r.kernel, "%s", kernel ? kernel : "");
  for (int i = 0; i < p->rows; i++) {
    vg_profile_row *o = &p->row[i];
    if (!strcmp(o->op, r.op) && !strcmp(o->pass, r.pass) && o->dtype == r.dtype &&
        !strcmp(o->label, r.label) && !strcmp(o->shape, r.shape) && !strcmp(o->layout, r.layout) &&
        !strcmp(o->kernel, r.kernel))
      return o;
  }
  if (p->rows == MOST_ROWS) return NULL;
  p->row[p->rows] = r;
  return &p->row[p->rows++];
}

static void end(const call *c, const what *w) {
  const vg_device_vt *v = c->p->real->device;
  vg_profile_row *r;
  double seconds;
  if (!c->p->on) return;
  if (v->synchronise) v->synchronise(c->d);
  seconds = vg_clock() - c->begin;
  if (!(r = row_of(c->p, w, v->kernel ? v->kernel(c->d) : NULL))) return;
  r->calls++;
  r->seconds += seconds;
  r->flops += w->flops;
  for (int i = 0; i < 6; i++) r->bytes += bytes_of(w->t[i]);
}

static const char *pass_of(const vg_device *d) { return d->ctx->no_grad ? "backward" : "forward"; }

/* ---- the timed members ---- */

#define REAL(table) (((const profile *)d->profile)->real->table)
#define TIMED(NAME, TABLE, MEMBER, PARAMS, ARGS, ...) \
  static vg_status NAME PARAMS {                      \
    call c = begin(d);                                \
    vg_status st = REAL(TABLE)->MEMBER ARGS;          \
    what w_ = {__VA_ARGS__};                          \
    end(&c, &w_);                                     \
    return st;                                        \
  }

#define DEV vg_device *d
#define OUT vg_tensor *
#define IN const vg_tensor *

TIMED(unary, elementwise, unary, (DEV, vg_unary op, vg_scalars s, OUT y, IN x), (d, op, s, y, x),
      .op = op == VG_RELU ? "relu" : "unary", .pass = pass_of(d), .t = {y, x})
TIMED(unary_bwd, elementwise, unary_bwd,
      (DEV, vg_unary op, vg_scalars s, OUT gx, IN gy, IN x, IN y), (d, op, s, gx, gy, x, y),
      .op = op == VG_RELU ? "relu" : "unary", .pass = "backward", .t = {gx, gy, x, y})
TIMED(binary, elementwise, binary, (DEV, vg_binary op, OUT y, IN a, IN b), (d, op, y, a, b),
      .op = op == VG_ADD ? "add" : "binary", .pass = pass_of(d), .t = {y, a, b})
TIMED(fill, elementwise, fill, (DEV, OUT y, double v), (d, y, v), .op = "fill", .pass = pass_of(d),
      .t = {y})
TIMED(reduce, reduce, reduce,
      (DEV, vg_reduction op, vg_scalars s, OUT y, IN x, const vg_reduce_dims *r),
      (d, op, s, y, x, r), .op = "reduce", .pass = pass_of(d), .t = {x, y})
TIMED(sum_rows, matmul, sum_rows, (DEV, OUT y, IN x), (d, y, x), .op = "bias gradient",
      .pass = "weight", .t = {x, y})
TIMED(max_fwd, pool, max_fwd, (DEV, OUT y, IN x, vg_buf *ws, const vg_pool2d *p), (d, y, x, ws, p),
      .op = "max_pool2d", .pass = pass_of(d), .t = {x, y})
TIMED(max_bwd, pool, max_bwd, (DEV, OUT gx, IN gy, const vg_buf *ws, const vg_pool2d *p),
      (d, gx, gy, ws, p), .op = "max_pool2d", .pass = "backward", .t = {gx, gy})
TIMED(avg_fwd, pool, avg_fwd, (DEV, OUT y, IN x, const vg_pool2d *p), (d, y, x, p),
      .op = "avg_pool2d", .pass = pass_of(d), .t = {x, y})
TIMED(avg_bwd, pool, avg_bwd, (DEV, OUT gx, IN gy, const vg_pool2d *p), (d, gx, gy, p),
      .op = "avg_pool2d", .pass = "backward", .t = {gx, gy})
TIMED(bn_fwd, norm, bn_fwd,
      (DEV, OUT y, IN x, IN w, IN b, OUT rm, OUT rv, OUT mean, OUT is, const vg_norm *p),
      (d, y, x, w, b, rm, rv, mean, is, p), .op = p->relu ? "batch_norm+relu" : "batch_norm",
      .pass = pass_of(d), .label = label_of(c.p, w), .t = {y, x})
TIMED(bn_bwd, norm, bn_bwd,
      (DEV, OUT gx, OUT gw, OUT gb, IN gy, IN x, IN w, IN b, IN mean, IN is, const vg_norm *p),
      (d, gx, gw, gb, gy, x, w, b, mean, is, p), .op = p->relu ? "batch_norm+relu" : "batch_norm",
      .pass = "backward", .label = label_of(c.p, w), .t = {x, gy, gx})
#define POOLED(p) ((p)->relu ? "batch_norm+relu+pool" : "batch_norm+pool")
TIMED(bn_max_fwd, norm, bn_max_fwd,
      (DEV, OUT y, IN x, IN w, IN b, OUT rm, OUT rv, OUT mean, OUT is, vg_buf *ws, const vg_norm *p,
       const vg_pool2d *q),
      (d, y, x, w, b, rm, rv, mean, is, ws, p, q), .op = POOLED(p), .pass = pass_of(d),
      .label = label_of(c.p, w), .t = {x, y})
TIMED(bn_max_bwd, norm, bn_max_bwd,
      (DEV, OUT gx, OUT gw, OUT gb, IN gy, IN x, IN w, IN b, IN mean, IN is, const vg_buf *ws,
       const vg_norm *p, const vg_pool2d *q),
      (d, gx, gw, gb, gy, x, w, b, mean, is, ws, p, q), .op = POOLED(p), .pass = "backward",
      .label = label_of(c.p, w), .t = {x, gy, gx})
TIMED(softmax, softmax, softmax, (DEV, OUT y, IN x, int dim, bool log), (d, y, x, dim, log),
      .op = "softmax", .pass = pass_of(d), .t = {y, x})
TIMED(cross_entropy, softmax, cross_entropy, (DEV, OUT l, IN x, IN t, const vg_loss *p),
      (d, l, x, t, p), .op = "cross_entropy", .pass = pass_of(d), .t = {x, t})
TIMED(cross_entropy_bwd, softmax, cross_entropy_bwd,
      (DEV, OUT gx, IN g, IN x, IN t, const vg_loss *p), (d, gx, g, x, t, p), .op = "cross_entropy",
      .pass = "backward", .t = {gx, x, t})
TIMED(dropout, random, dropout, (DEV, OUT y, IN x, vg_stream s, double p), (d, y, x, s, p),
      .op = "dropout", .pass = pass_of(d), .t = {y, x})

#define CONV_FLOPS(y, w) (2 * (double)(y)->n * (double)(w)->n / (double)(w)->shape[0])
#define CONV_PARAMS const vg_conv2d *p
TIMED(conv_fwd_timed, conv, fwd, (DEV, OUT y, IN x, IN w, IN b, CONV_PARAMS), (d, y, x, w, b, p),
      .op = "conv2d", .pass = "forward", .label = label_of(c.p, w), .flops = CONV_FLOPS(y, w),
      .t = {y, x, w})
TIMED(conv_data, conv, bwd_data, (DEV, OUT gx, IN gy, IN w, CONV_PARAMS), (d, gx, gy, w, p),
      .op = "conv2d", .pass = "data", .label = label_of(c.p, w), .flops = CONV_FLOPS(gy, w),
      .t = {gy, gx, w})
TIMED(conv_weight, conv, bwd_weight, (DEV, OUT gw, OUT gb, IN x, IN gy, CONV_PARAMS),
      (d, gw, gb, x, gy, p), .op = "conv2d", .pass = "weight", .label = traced(c.p, x),
      .flops = CONV_FLOPS(gy, gw), .t = {gy, x, gw})
TIMED(conv_both, conv, bwd, (DEV, OUT gx, OUT gw, OUT gb, IN x, IN gy, IN w, CONV_PARAMS),
      (d, gx, gw, gb, x, gy, w, p), .op = "conv2d", .pass = "backward", .label = label_of(c.p, w),
      .flops = 2 * CONV_FLOPS(gy, w), .t = {gy, x, gx, w, gw})

static vg_status conv_fwd(DEV, OUT y, IN x, IN w, IN b, CONV_PARAMS) {
  int label = label_of(d->profile, w);
  if (label) leave_trace(d->profile, x, label);
  return conv_fwd_timed(d, y, x, w, b, p);
}

/* A product with a weight is a linear layer's, or the gradient of its input; one of two activations
   may be the gradient of the weight. */
static vg_status matmul(DEV, OUT y, IN a, IN b, IN bias) {
  call c = begin(d);
  vg_status st = REAL(matmul)->matmul(d, y, a, b, bias);
  int weight = label_of(c.p, b), input = traced(c.p, b);
  what w = {.op = weight || input ? "linear" : "matmul",
            .pass = input ? "weight" : pass_of(d),
            .label = weight ? weight : input,
            .flops = 2 * (double)y->n * (double)a->shape[2],
            .t = {y, a, b}};
  if (weight && d->ctx->no_grad) w.pass = "data";
  if (weight && !d->ctx->no_grad) leave_trace(c.p, a, weight);
  end(&c, &w);
  return st;
}

static vg_status reorder(DEV, OUT y, IN x, bool layouts) {
  call c = begin(d);
  vg_status st = layouts ? REAL(layout)->convert(d, y, x) : REAL(layout)->copy(d, y, x);
  what w = {.op = layouts                ? "reorder"
                  : x->dtype == y->dtype ? "copy"
                                         : "cast",
            .pass = pass_of(d),
            .label = label_of(c.p, x),
            .t = {y, x}};
  if (c.p->on) c.p->reorders++;
  if (c.p->on) c.p->reorder_bytes += bytes_of(x) + bytes_of(y);
  end(&c, &w);
  return st;
}
static vg_status convert(DEV, OUT y, IN x) { return reorder(d, y, x, true); }
static vg_status copy(DEV, OUT y, IN x) { return reorder(d, y, x, false); }

/* Parameters, gradients and state: read, and all but the gradient written. */
static void end_update(const call *c, const char *op, int n, const vg_optim_slot *s) {
  what w = {.op = op, .pass = "update", .t = {s[0].p}};
  vg_profile_row *r = NULL;
  double bytes = 0;
  end(c, &w);
  if (!c->p->on || !(r = row_of(c->p, &w, NULL))) return;
  for (int i = 0; i < n; i++)
    bytes += 2 * bytes_of(s[i].p) + bytes_of(s[i].g) + 2 * bytes_of(s[i].m) + 2 * bytes_of(s[i].v);
  r->bytes += bytes - bytes_of(s[0].p);
}

static vg_status adam(DEV, int n, const vg_optim_slot *s, const vg_adam_args *a) {
  call c = begin(d);
  vg_status st = REAL(optim)->adam(d, n, s, a);
  if (n > 0) end_update(&c, "adam", n, s);
  return st;
}

static vg_status sgd(DEV, int n, const vg_optim_slot *s, const vg_sgd_args *a) {
  call c = begin(d);
  vg_status st = REAL(optim)->sgd(d, n, s, a);
  if (n > 0) end_update(&c, "sgd", n, s);
  return st;
}

static vg_status sum_squares(DEV, int n, OUT const *t, double *out) {
  call c = begin(d);
  vg_status st = REAL(optim)->sum_squares(d, n, t, out);
  if (n > 0) end(&c, &(what){.op = "norm", .pass = "update", .t = {t[0]}});
  return st;
}

/* ---- on and off ---- */

/* Members that the backend has. */
#define PUT(TABLE, MEMBER, FN) \
  if (p->TABLE.MEMBER) p->TABLE.MEMBER = FN
#define TAKE(TABLE)             \
  if (p->real->TABLE) {         \
    p->TABLE = *p->real->TABLE; \
    p->table.TABLE = &p->TABLE; \
  }

static void put_elementwise(profile *p) {
  TAKE(layout)
  TAKE(elementwise)
  TAKE(reduce)
  TAKE(random)
  PUT(layout, copy, copy);
  PUT(layout, convert, convert);
  PUT(elementwise, unary, unary);
  PUT(elementwise, unary_bwd, unary_bwd);
  PUT(elementwise, binary, binary);
  PUT(elementwise, fill, fill);
  PUT(reduce, reduce, reduce);
  PUT(random, dropout, dropout);
}

static void put_layers(profile *p) {
  TAKE(matmul)
  TAKE(conv)
  TAKE(pool)
  TAKE(norm)
  PUT(matmul, matmul, matmul);
  PUT(matmul, sum_rows, sum_rows);
  PUT(conv, fwd, conv_fwd);
  PUT(conv, bwd_data, conv_data);
  PUT(conv, bwd_weight, conv_weight);
  PUT(conv, bwd, conv_both);
  PUT(pool, max_fwd, max_fwd);
  PUT(pool, max_bwd, max_bwd);
  PUT(pool, avg_fwd, avg_fwd);
  PUT(pool, avg_bwd, avg_bwd);
  PUT(norm, bn_fwd, bn_fwd);
  PUT(norm, bn_bwd, bn_bwd);
  PUT(norm, bn_max_fwd, bn_max_fwd);
  PUT(norm, bn_max_bwd, bn_max_bwd);
}

static void put_rest(profile *p) {
  TAKE(softmax)
  TAKE(optim)
  PUT(softmax, softmax, softmax);
  PUT(softmax, cross_entropy, cross_entropy);
  PUT(softmax, cross_entropy_bwd, cross_entropy_bwd);
  PUT(optim, adam, adam);
  PUT(optim, sgd, sgd);
  PUT(optim, sum_squares, sum_squares);
}

vg_status vg_profile_start(vg_device *d) {
  profile *p;
  vg_profile_stop(d);
  if (!(p = vg_calloc(1, sizeof *p))) return VG_ENOMEM;
  p->real = d->be;
  p->table = *p->real;
  put_elementwise(p);
  put_layers(p);
  put_rest(p);
  d->profile = p;
  d->be = &p->table;
  vg_profile_switch(d, true);
  return VG_OK;
}

void vg_profile_switch(vg_device *d, bool on) {
  profile *p = d->profile;
  vg_pool_stats now = vg_pool_statistics(d);
  if (!p || p->on == on) return;
  if (p->on) {
    p->spent.taken += now.taken - p->before.taken;
    p->spent.device_allocs += now.device_allocs - p->before.device_allocs;
  }
  p->before = now;
  p->on = on;
}

vg_status vg_profile_name(vg_device *d, const vg_tensor *w, const char *label) {
  profile *p = d->profile;
  if (!p || p->labels == LABELS) return VG_OK;
  p->label[p->labels].storage = w->storage->id;
  snprintf(p->label[p->labels++].label, sizeof p->label->label, "%s", label);
  return VG_OK;
}

int vg_profile_rows(const vg_device *d, const vg_profile_row **rows) {
  const profile *p = d->profile;
  *rows = p ? p->row : NULL;
  return p ? p->rows : 0;
}

vg_profile_totals vg_profile_count(const vg_device *d) {
  const profile *p = d->profile;
  vg_pool_stats now = vg_pool_statistics(d);
  vg_profile_totals t = {0};
  if (!p) return t;
  t.reorders = p->reorders;
  t.reorder_bytes = p->reorder_bytes;
  t.taken = p->spent.taken + (p->on ? now.taken - p->before.taken : 0);
  t.device_allocs =
      p->spent.device_allocs + (p->on ? now.device_allocs - p->before.device_allocs : 0);
  return t;
}

void vg_profile_stop(vg_device *d) {
  profile *p = d->profile;
  if (!p) return;
  d->be = p->real;
  d->profile = NULL;
  vg_free(p);
}
