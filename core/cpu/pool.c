/* Pooling: windows of every output row and column, then one plane of pixels after the other. Ours,
   not oneDNN's: oneDNN 2.6 drops NaN where PyTorch propagates it. */
#include "base/alloc.h"
#include "base/window.h"
#include "cpu/bf16_pool.h"
#include "cpu/blocked.h"
#include "cpu/cpu.h"
#include "cpu/dense.h"
#include "cpu/through_f32.h"

/* One dimension: clipped windows and the divisor of the average. */
static int32_t axis(int32_t *lo, int32_t *hi, float *divisor, int64_t in, int64_t out,
                    const vg_pool2d *p, int dim) {
  const vg_window_rule r = {p->kernel[dim], p->stride[dim], p->pad[dim], p->adaptive,
                            p->count_include_pad};
  int32_t widest = 1;
  for (int64_t i = 0; i < out; i++) {
    vg_window w = vg_window_at(i, in, out, r);
    lo[i] = (int32_t)w.from;
    hi[i] = (int32_t)w.to;
    divisor[i] = (float)w.size;
    if (w.to - w.from > widest) widest = (int32_t)(w.to - w.from);
  }
  return widest;
}

typedef struct job {
  vg_windows w;
  const vg_cpu_dense *dense;
  void *tables;
  int kind, wide;
  int64_t planes, in, out; /* floats of a plane */
  int64_t arg;             /* bytes of a plane's arguments */
} job;

static vg_status describe(job *j, const vg_tensor *x, const vg_tensor *y, const vg_pool2d *p) {
  int64_t h = x->shape[2], w = x->shape[3], oh = y->shape[2], ow = y->shape[3], lanes;
  int32_t tallest, *t = vg_alloc((size_t)(oh + ow) * 3 * sizeof *t);
  float *f;
  if (!t) return VG_ENOMEM;
  f = (float *)(void *)(t + 2 * (oh + ow));
  j->tables = t;
  tallest = axis(t, t + oh, f, h, oh, p, 0);
  j->w.width = axis(t + 2 * oh, t + 2 * oh + ow, f + oh, w, ow, p, 1);
  j->w.h = h;
  j->w.w = w;
  j->w.p = oh;
  j->w.q = ow;
  j->w.h0 = t;
  j->w.h1 = t + oh;
  j->w.w0 = t + 2 * oh;
  j->w.w1 = t + 2 * oh + ow;
  j->w.dh = f;
  j->w.dw = f + oh;
  j->w.square2 = !p->adaptive && p->kernel[0] == 2 && p->kernel[1] == 2 && p->stride[0] == 2 &&
                 p->stride[1] == 2 && !p->pad[0] && !p->pad[1] && 2 * oh <= h && 2 * ow <= w;
  j->dense = vg_cpu_dense_get();
  j->kind = x->layout != NULL;
  lanes = j->kind ? j->dense->lanes : 1;
  j->wide = (int64_t)tallest * j->w.width > 256;
  j->planes = x->shape[0] * x->shape[1] / lanes;
  j->in = h * w * lanes;
  j->out = oh * ow * lanes;
  j->arg = j->out * (j->wide ? 4 : 1);
  return VG_OK;
}

/* Types and layouts for which the f32 kernels are reached by conversion. */
static bool foreign(const vg_tensor *x) { return x->dtype == VG_BF16 || x->layout == &vg_cpu_hwnc; }

static int team(const vg_device *d, const job *j) {
  return j->planes * j->in < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
}

static vg_status max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                         const vg_pool2d *p) {
  job j;
  float *to = vg_data(y);
  const float *from = vg_data(x);
  char *arg = NULL;
  vg_status st;
  if (vg_bf16_pool_has(x, p)) return vg_bf16_max_fwd(d, y, x, ws);
  if (foreign(x)) return vg_f32_pool_fwd(d, true, y, x, ws, p);
  VG_TRY(describe(&j, x, y, p));
  if (ws) st = vg_buf_take(ws, d, (size_t)(j.planes * j.arg) + 1);
  if (ws && st == VG_OK) arg = ws->ptr;
#pragma omp parallel for schedule(static) num_threads(team(d, &j)) if (team(d, &j) > 1)
  for (int64_t i = 0; i < (st == VG_OK && !vg_cpu_plans(d) ? j.planes : 0); i++)
    j.dense->max_fwd[j.kind](to + i * j.out, arg ? arg + i * j.arg : NULL, j.wide, from + i * j.in,
                             &j.w);
  vg_free(j.tables);
done:
  return st;
}

static vg_status max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws,
                         const vg_pool2d *p) {
  job j;
  float *to = vg_data(gx);
  const float *from = vg_data(gy);
  const char *arg = ws->ptr;
  vg_status st;
  if (vg_bf16_pool_has(gx, p)) {
    if (!vg_cpu_plans(d)) vg_bf16_max_bwd(d, gx, gy, ws);
    return VG_OK;
  }
  if (foreign(gx)) return vg_f32_pool_bwd(d, true, gx, gy, ws, p);
  VG_TRY(describe(&j, gx, gy, p));
#pragma omp parallel for schedule(static) num_threads(team(d, &j)) if (team(d, &j) > 1)
  for (int64_t i = 0; i < j.planes; i++)
    j.dense->max_bwd[j.kind](to + i * j.in, from + i * j.out, arg + i * j.arg, j.wide, &j.w);
  vg_free(j.tables);
done:
  return st;
}

static vg_status avg_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_pool2d *p) {
  job j;
  float *to = vg_data(y);
  const float *from = vg_data(x);
  vg_status st;
  if (foreign(x)) return vg_f32_pool_fwd(d, false, y, x, NULL, p);
  VG_TRY(describe(&j, x, y, p));
#pragma omp parallel for schedule(static) num_threads(team(d, &j)) if (team(d, &j) > 1)
  for (int64_t i = 0; i < j.planes; i++)
    j.dense->avg_fwd[j.kind](to + i * j.out, from + i * j.in, &j.w);
  vg_free(j.tables);
done:
  return st;
}

static vg_status avg_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_pool2d *p) {
  job j;
  float *to = vg_data(gx);
  const float *from = vg_data(gy);
  vg_status st;
  if (foreign(gx)) return vg_f32_pool_bwd(d, false, gx, gy, NULL, p);
  VG_TRY(describe(&j, gx, gy, p));
#pragma omp parallel for schedule(static) num_threads(team(d, &j)) if (team(d, &j) > 1)
  for (int64_t i = 0; i < j.planes; i++)
    j.dense->avg_bwd[j.kind](to + i * j.in, from + i * j.out, &j.w);
  vg_free(j.tables);
done:
  return st;
}

static bool accepts(const vg_layout *l) { return l == vg_cpu_blocked() || l == &vg_cpu_hwnc; }

const vg_pool_vt vg_cpu_pool = {.accepts = accepts,
                                .max_fwd = max_fwd,
                                .max_bwd = max_bwd,
                                .avg_fwd = avg_fwd,
                                .avg_bwd = avg_bwd};
