/* One pass each way where the convolution in front has left its sums: y from x; and sums, then gx,
   from gy and x. Sums run over rows of pixels in a fixed order.
   Pooled, all walk over the small map and see the four pixels of a window at once; a row of it is
   two of the large one, each with sums of its own as ever. */
#include "cpu/bf16_norm.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/bf16.h"
#include "cpu/bf16_pool.h"
#include "cpu/bf16_sums.h"

enum { CACHE = 1 << 20 };

typedef struct job {
  const vg_bf16_kernels *k;
  vg_hwnc g, walk; /* x's map, and the one that is walked over: pooled, that of y and gy */
  int step;        /* from a pixel of `walk` to the next, in x's map: 1, pooled 2 */
  const uint16_t *x, *gy;
  uint16_t *out;
  uint8_t *arg; /* pooled: which of the four, NULL: nobody asks */
  const vg_bn_tensors *t;
  const vg_norm *p;
  double *part;     /* [row][block][2][32] */
  double *sums;     /* [2][padded channels] */
  vg_bf16_bn *lane; /* of each block */
  bool past;        /* the result is stored past the caches */
} job;

static const float *values(const vg_tensor *t) { return t ? vg_data(t) : NULL; }

/* ---- walking: n rows of 32 channels of a block, all images of a row of pixels ---- */

typedef struct place {
  int64_t block, n;
  int64_t at;    /* in the walked map */
  int64_t in[4]; /* in x's map: there, pooled the four of the window */
} place;

/* sums: 64 of each pixel of x's map. */
typedef void (*visit_fn)(const job *, const place *, float *sums);

static void visit_pixel(const job *j, visit_fn visit, int64_t pixel, int64_t block, float *sums) {
  for (int64_t n = 0; n < j->g.n; n += 16) {
    int64_t row = vg_hwnc_row(&j->g, n, block), rest = j->g.n - n;
    place p = {block, rest < 16 ? rest : 16, pixel * j->g.pixel + row, {0}};
    for (int k = 0; k < j->step * j->step; k++)
      p.in[k] = j->step == 1 ? p.at : vg_bf16_corner(&j->walk, &j->g, pixel, k) + row;
    visit(j, &p, sums);
  }
}

static void visit_row(const job *j, visit_fn visit, int64_t h, int64_t block) {
  for (int64_t w = 0; w < j->walk.w; w++) visit_pixel(j, visit, h * j->walk.w + w, block, NULL);
}

/* Two sums of 32 of each row of x's map, pixel by pixel in float, then in double. */
static void sum_row(const job *j, visit_fn visit, int64_t h, int64_t block) {
  int64_t apart = j->g.blocks * 64;
  double *part = j->part + h * j->step * apart + block * 64;
  for (int r = 0; r < j->step; r++) memset(part + r * apart, 0, 64 * sizeof *part);
  for (int64_t w = 0; w < j->walk.w; w++) {
    float sums[4][64];
    memset(sums, 0, (size_t)(j->step * j->step) * sizeof *sums);
    visit_pixel(j, visit, h * j->walk.w + w, block, sums[0]);
    for (int k = 0; k < j->step * j->step; k++)
      for (int i = 0; i < 64; i++) part[k / 2 * apart + i] += (double)sums[k][i];
  }
}

static void add_up(const job *j, int64_t block) {
  for (int which = 0; which < 2; which++)
    for (int i = 0; i < 32; i++) {
      double s = 0;
      for (int64_t h = 0; h < j->g.h; h++)
        s += j->part[((h * j->g.blocks + block) * 2 + which) * 32 + i];
      j->sums[(which * j->g.blocks + block) * 32 + i] = s;
    }
}

static void moments(const job *j, const place *p, float *sums) {
  for (int k = 0; k < j->step * j->step; k++) j->k->moments(j->x + p->in[k], p->n, sums + 64 * k);
}
static void reduce(const job *j, const place *p, float *sums) {
  j->k->bn_reduce(j->gy + p->at, j->x + p->at, p->n, &j->lane[p->block], sums);
}
static void apply(const job *j, const place *p, float *sums) {
  (void)sums;
  j->k->bn_apply(j->out + p->at, j->x + p->at, p->n, &j->lane[p->block], j->past);
}
static void bwd(const job *j, const place *p, float *sums) {
  (void)sums;
  j->k->bn_bwd(j->out + p->at, j->gy + p->at, j->x + p->at, p->n, &j->lane[p->block], j->past);
}

/* ---- the same, pooled ---- */

typedef struct window {
  const uint16_t *in[4];
} window;

static window window_of(const job *j, const place *p) {
  return (window){{j->x + p->in[0], j->x + p->in[1], j->x + p->in[2], j->x + p->in[3]}};
}

static void reduce_max(const job *j, const place *p, float *sums) {
  window x = window_of(j, p);
  j->k->bn_max4_reduce(j->gy + p->at, j->arg + p->at, x.in, p->n, &j->lane[p->block], sums);
}
static void apply_max(const job *j, const place *p, float *sums) {
  window x = window_of(j, p);
  (void)sums;
  j->k->bn_max4(j->out + p->at, j->arg ? j->arg + p->at : NULL, x.in, p->n, &j->lane[p->block]);
}
static void bwd_max(const job *j, const place *p, float *sums) {
  window x = window_of(j, p);
  uint16_t *gx[4];
  (void)sums;
  for (int k = 0; k < 4; k++) gx[k] = j->out + p->in[k];
  j->k->bn_max4_bwd(gx, j->gy + p->at, j->arg + p->at, x.in, p->n, &j->lane[p->block], j->past);
}

/* ---- what is done with the sums of a block ---- */

static void statistics(const job *j, int64_t c, double s, double q) {
  double n = (double)(j->g.n * j->g.h * j->g.w), m = (double)j->p->momentum;
  float *mean = vg_data(j->t->mean), *invstd = vg_data(j->t->invstd);
  double mu, var;
  if (j->p->training) {
    float *rm = j->t->running_mean ? vg_data(j->t->running_mean) : NULL;
    float *rv = j->t->running_var ? vg_data(j->t->running_var) : NULL;
    mu = s / n;
    var = q / n - mu * mu;
    if (var < 0) var = 0;
    if (rm) rm[c] = (float)((1 - m) * (double)rm[c] + m * mu);
    if (rv) rv[c] = (float)((1 - m) * (double)rv[c] + m * var * n / (n - 1));
  } else {
    mu = (double)values(j->t->running_mean)[c];
    var = (double)values(j->t->running_var)[c];
  }
  mean[c] = (float)mu;
  invstd[c] = (float)(1 / sqrt(var + (double)j->p->eps));
}

static int64_t channels(const job *j, int64_t block) {
  int64_t left = j->g.c - 32 * block;
  return left < 32 ? left : 32;
}

/* Lanes beyond the channels stay zero, and so do the results. */
static void lanes(const job *j, int64_t block) {
  const float *weight = values(j->t->weight), *bias = values(j->t->bias);
  const float *mean = vg_data(j->t->mean), *invstd = vg_data(j->t->invstd);
  vg_bf16_bn *k = &j->lane[block];
  k->relu = j->p->relu;
  for (int64_t i = 0; i < channels(j, block); i++) {
    int64_t c = 32 * block + i;
    k->mean[i] = mean[c];
    k->scale[i] = (weight ? weight[c] : 1) * invstd[c];
    k->shift[i] = bias ? bias[c] : 0;
  }
}

static void finish_forward(const job *j, int64_t block) {
  for (int64_t i = 0; i < channels(j, block); i++) {
    int64_t c = 32 * block + i;
    statistics(j, c, j->sums[c], j->sums[32 * j->g.blocks + c]);
  }
  lanes(j, block);
}

static void finish_backward(const job *j, int64_t block) {
  vg_bf16_bn *k = &j->lane[block];
  const float *invstd = vg_data(j->t->invstd);
  float *gweight = j->t->gweight ? vg_data(j->t->gweight) : NULL;
  float *gbias = j->t->gbias ? vg_data(j->t->gbias) : NULL;
  double n = (double)(j->g.n * j->g.h * j->g.w);
  for (int64_t i = 0; i < channels(j, block); i++) {
    int64_t c = 32 * block + i;
    double is = (double)invstd[c], a = (double)k->scale[i], sg = j->sums[c];
    double sx = j->sums[32 * j->g.blocks + c];
    bool batch = j->p->training; /* else the statistics do not depend on x */
    if (gbias) gbias[c] = (float)sg;
    if (gweight) gweight[c] = (float)(sx * is);
    k->a[i] = k->scale[i];
    k->b[i] = batch ? (float)(-a * is * is * sx / n) : 0;
    k->c[i] = batch ? (float)(-a * sg / n) : 0;
  }
}

/* ---- over the team ---- */

typedef struct passes {
  visit_fn first; /* sums, or NULL */
  void (*between)(const job *, int64_t block);
  visit_fn second; /* or NULL */
} passes;

/* A block's memory is read twice: by one thread in a row where it stays in its cache. */
static void by_block(const job *j, const passes *p, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < j->g.blocks; b++) {
    for (int64_t h = 0; p->first && h < j->walk.h; h++) sum_row(j, p->first, h, b);
    if (p->first) add_up(j, b);
    p->between(j, b);
    for (int64_t h = j->walk.h - 1; p->second && h >= 0; h--) visit_row(j, p->second, h, b);
    j->k->fence();
  }
}

static void by_row(const job *j, const passes *p, int threads) {
  int64_t blocks = j->g.blocks, items = j->walk.h * blocks;
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < (p->first ? items : 0); i++)
      sum_row(j, p->first, i / blocks, i % blocks);
#pragma omp for schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
      if (p->first) add_up(j, b);
      p->between(j, b);
    }
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < (p->second ? items : 0); i++)
      visit_row(j, p->second, i / blocks, i % blocks);
    j->k->fence();
  }
}

static vg_status run(vg_device *d, job *j, const passes *p, const double *ready) {
  int64_t blocks = j->g.blocks, elements = j->g.h * j->g.w * j->g.pixel;
  size_t parts = (size_t)(j->g.h * blocks) * 64, sums = (size_t)blocks * 64;
  int threads = elements < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  bool fits = elements / blocks * 2 * (j->gy ? 2 : 1) <= CACHE;
  vg_buf work = {0};
  vg_status st;
  VG_TRY(
      vg_buf_take(&work, d, (parts + sums) * sizeof *j->part + (size_t)blocks * sizeof *j->lane));
  if (vg_cpu_plans(d)) goto done;
  j->past = vg_bf16_past(elements) && j->out != j->gy;
  j->part = work.ptr;
  j->sums = j->part + parts;
  j->lane = (vg_bf16_bn *)(void *)(j->sums + sums);
  memset(j->sums, 0, sums * sizeof *j->sums + (size_t)blocks * sizeof *j->lane);
  if (ready) memcpy(j->sums, ready, sums * sizeof *ready);
  if (j->gy)
    for (int64_t b = 0; b < blocks; b++) lanes(j, b);
  if (fits && blocks >= threads && p->first)
    by_block(j, p, threads);
  else
    by_row(j, p, threads);
done:
  vg_buf_give(&work);
  return st;
}

static job job_of(const vg_tensor *x, bool pooled, const vg_bn_tensors *t, const vg_norm *p) {
  job j = {.k = vg_bf16_get(),
           .g = vg_hwnc_of(x->shape),
           .step = pooled ? 2 : 1,
           .x = vg_data(x),
           .t = t,
           .p = p};
  j.walk = j.g;
  j.walk.h /= j.step;
  j.walk.w /= j.step;
  return j;
}

static vg_status forward(vg_device *d, job *j, vg_tensor *y, const vg_tensor *x) {
  const double *ready = j->p->training ? vg_bf16_sums(x) : NULL;
  const passes work = {j->p->training && !ready ? moments : NULL, finish_forward,
                       j->step == 1 ? apply : apply_max};
  j->out = vg_data(y);
  return run(d, j, &work, ready);
}

static vg_status backward(vg_device *d, job *j, vg_tensor *gx, const vg_tensor *gy) {
  bool sums = j->p->training || j->t->gweight || j->t->gbias;
  passes work = {sums ? reduce : NULL, finish_backward, gx ? bwd : NULL};
  if (j->step == 2) work = (passes){sums ? reduce_max : NULL, finish_backward, gx ? bwd_max : NULL};
  j->gy = vg_data(gy);
  j->out = gx ? vg_data(gx) : NULL;
  return run(d, j, &work, NULL);
}

vg_status vg_bf16_bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_bn_tensors *t,
                         const vg_norm *p) {
  job j = job_of(x, false, t, p);
  return forward(d, &j, y, x);
}

vg_status vg_bf16_bn_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                         const vg_bn_tensors *t, const vg_norm *p) {
  job j = job_of(x, false, t, p);
  return backward(d, &j, gx, gy);
}

/* Odd maps are left to the two operations one after the other: what lies beyond the last window
   counts in the statistics and gets a gradient by them. */
bool vg_bf16_bn_pools(const vg_tensor *x, const vg_pool2d *p) {
  return vg_bf16_pool_has(x, p) && x->n > 0 && x->shape[2] % 2 == 0 && x->shape[3] % 2 == 0;
}

vg_status vg_bf16_bn_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                             const vg_bn_tensors *t, const vg_norm *p) {
  job j = job_of(x, true, t, p);
  vg_status st = VG_OK;
  if (ws) VG_TRY(vg_buf_take(ws, d, (size_t)(j.walk.h * j.walk.w * j.walk.pixel) + 1));
  if (ws) j.arg = ws->ptr;
  st = forward(d, &j, y, x);
done:
  return st;
}

vg_status vg_bf16_bn_max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                             const vg_buf *ws, const vg_bn_tensors *t, const vg_norm *p) {
  job j = job_of(x, true, t, p);
  j.arg = ws->ptr;
  return backward(d, &j, gx, gy);
}
