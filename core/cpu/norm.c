/* Batch normalisation. Statistics come from chunks of a fixed size that are combined in a fixed
   order, so they depend neither on the number of threads nor on the run. With enough channels one
   thread does all the passes of a block of channels while its values are in the cache. */
#include <math.h>

#include "cpu/bf16_norm.h"
#include "cpu/blocked.h"
#include "cpu/cpu.h"
#include "cpu/dense.h"
#include "cpu/through_f32.h"

enum { CHUNK = 16384 }; /* floats that stay in the second-level cache between two passes */

/* One call: the tensors' geometry in blocks of lanes and chunks of images. */
typedef struct job {
  const vg_cpu_dense *dense;
  int kind; /* 0: plain, 1: blocked */
  int64_t images, channels, lanes, blocks, pixels, chunk, chunks;
  const float *x, *gy;
  float *out; /* y or gx */
  const float *weight, *bias;
  float *running_mean, *running_var, *mean, *invstd, *gweight, *gbias;
  double *part; /* chunks x 2 x channels */
  const vg_norm *p;
} job;

static void describe(job *j, const vg_tensor *x) {
  j->dense = vg_cpu_dense_get();
  j->kind = x->layout != NULL;
  j->images = x->shape[0];
  j->channels = x->shape[1];
  j->lanes = j->kind ? j->dense->lanes : 1;
  j->blocks = j->channels / j->lanes;
  j->pixels = x->shape[2] * x->shape[3];
  j->chunk = CHUNK / (j->pixels * j->lanes);
  if (j->chunk < 1) j->chunk = 1;
  if (j->chunk > j->images) j->chunk = j->images;
  j->chunks = (j->images + j->chunk - 1) / j->chunk;
  j->x = vg_data(x);
}

static vg_span span(const job *j, int64_t chunk) {
  int64_t first = chunk * j->chunk, n = j->images - first;
  return (vg_span){.images = n < j->chunk ? n : j->chunk,
                   .stride = j->channels * j->pixels,
                   .pixels = j->pixels};
}

static int64_t offset(const job *j, int64_t block, int64_t chunk) {
  return (chunk * j->chunk * j->channels + block * j->lanes) * j->pixels;
}

static double *part(const job *j, int64_t block, int64_t chunk, int which) {
  return j->part + (chunk * 2 + which) * j->channels + block * j->lanes;
}

/* ---- forward ---- */

static void stats(const job *j, int64_t block, int64_t chunk) {
  j->dense->stats[j->kind](j->x + offset(j, block, chunk), span(j, chunk), part(j, block, chunk, 0),
                           part(j, block, chunk, 1));
}

/* Chan's combination of the chunks, in order. */
static void combine(const job *j, int64_t c, double *mean, double *m2) {
  int64_t block = c / j->lanes, lane = c % j->lanes;
  double n = 0;
  *mean = *m2 = 0;
  for (int64_t k = 0; k < j->chunks; k++) {
    double nk = (double)(span(j, k).images * j->pixels), d = part(j, block, k, 0)[lane] - *mean;
    *mean += d * nk / (n + nk);
    *m2 += part(j, block, k, 1)[lane] + d * d * n * nk / (n + nk);
    n += nk;
  }
}

static void finish_stats(const job *j, int64_t c) {
  double mean, m2, n = (double)(j->images * j->pixels), m = (double)j->p->momentum;
  if (j->p->training) {
    combine(j, c, &mean, &m2);
    j->mean[c] = (float)mean;
    j->invstd[c] = (float)(1.0 / sqrt(m2 / n + (double)j->p->eps));
    if (!j->running_mean) return;
    j->running_mean[c] = (float)((1 - m) * (double)j->running_mean[c] + m * mean);
    j->running_var[c] = (float)((1 - m) * (double)j->running_var[c] + m * m2 / (n - 1));
  } else {
    j->mean[c] = j->running_mean[c];
    j->invstd[c] = (float)(1.0 / sqrt((double)j->running_var[c] + (double)j->p->eps));
  }
}

static void lanes(const job *j, int64_t block, vg_bn_lanes *k) {
  k->relu = j->p->relu;
  for (int64_t l = 0; l < j->lanes; l++) {
    int64_t c = block * j->lanes + l;
    k->mean[l] = j->mean[c];
    k->scale[l] = (j->weight ? j->weight[c] : 1) * j->invstd[c];
    k->shift[l] = j->bias ? j->bias[c] : 0;
  }
}

static void apply(const job *j, int64_t block, int64_t chunk) {
  int64_t o = offset(j, block, chunk);
  vg_bn_lanes k;
  lanes(j, block, &k);
  j->dense->apply[j->kind](j->out + o, j->x + o, span(j, chunk), &k);
}

static void finish_stats_block(const job *j, int64_t block) {
  for (int64_t l = 0; l < j->lanes; l++) finish_stats(j, block * j->lanes + l);
}

/* ---- backward ---- */

static void reduce(const job *j, int64_t block, int64_t chunk) {
  int64_t o = offset(j, block, chunk);
  vg_bn_lanes k;
  lanes(j, block, &k);
  j->dense->reduce[j->kind](j->gy + o, j->x + o, span(j, chunk), &k, part(j, block, chunk, 0),
                            part(j, block, chunk, 1));
}

/* Sums of a channel over its chunks; they end up in the first chunk's place. */
static void finish_sums(const job *j, int64_t block) {
  for (int64_t l = 0; l < j->lanes; l++) {
    int64_t c = block * j->lanes + l;
    for (int which = 0; which < 2; which++)
      for (int64_t k = 1; k < j->chunks; k++)
        part(j, block, 0, which)[l] += part(j, block, k, which)[l];
    if (j->gbias) j->gbias[c] = (float)part(j, block, 0, 0)[l];
    if (j->gweight) j->gweight[c] = (float)(part(j, block, 0, 1)[l] * (double)j->invstd[c]);
  }
}

static void bwd(const job *j, int64_t block, int64_t chunk) {
  int64_t o = offset(j, block, chunk);
  double n = (double)(j->images * j->pixels);
  vg_bn_lanes k;
  lanes(j, block, &k);
  for (int64_t l = 0; l < j->lanes; l++) {
    double is = (double)j->invstd[block * j->lanes + l], a = (double)k.scale[l];
    bool batch = j->p->training; /* else the statistics do not depend on x */
    k.a[l] = k.scale[l];
    k.b[l] = batch ? (float)(-a * is * is * part(j, block, 0, 1)[l] / n) : 0;
    k.c[l] = batch ? (float)(-a * part(j, block, 0, 0)[l] / n) : 0;
  }
  j->dense->bwd[j->kind](j->out + o, j->gy + o, j->x + o, span(j, chunk), &k);
}

/* ---- the passes over the team ---- */

typedef struct passes {
  void (*first)(const job *, int64_t block, int64_t chunk);  /* may be NULL */
  void (*between)(const job *, int64_t block);               /* all chunks of a block are done */
  void (*second)(const job *, int64_t block, int64_t chunk); /* may be NULL */
} passes;

static void by_block(const job *j, const passes *p, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < j->blocks; b++) {
    for (int64_t c = 0; p->first && c < j->chunks; c++) p->first(j, b, c);
    p->between(j, b);
    for (int64_t c = j->chunks - 1; p->second && c >= 0; c--) p->second(j, b, c);
  }
}

static void by_chunk(const job *j, const passes *p, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < j->blocks * j->chunks; i++)
      if (p->first) p->first(j, i % j->blocks, i / j->blocks);
#pragma omp for schedule(static)
    for (int64_t b = 0; b < j->blocks; b++) p->between(j, b);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < j->blocks * j->chunks; i++)
      if (p->second) p->second(j, i % j->blocks, i / j->blocks);
  }
}

static vg_status run(vg_device *d, job *j, const passes *p) {
  vg_buf work = {0};
  int threads = j->images * j->channels * j->pixels < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  vg_status st;
  VG_TRY(vg_buf_take(&work, d, (size_t)(j->chunks * j->channels) * 2 * sizeof *j->part));
  if (vg_cpu_plans(d)) goto done;
  j->part = work.ptr;
  if (j->blocks % threads == 0 || j->blocks >= 8 * threads)
    by_block(j, p, threads);
  else
    by_chunk(j, p, threads);
done:
  vg_buf_give(&work);
  return st;
}

static bool accepts(const vg_layout *l) { return l == vg_cpu_blocked() || l == &vg_cpu_hwnc; }

static const float *values(const vg_tensor *t) { return t ? vg_data(t) : NULL; }
static float *writable(vg_tensor *t) { return t ? vg_data(t) : NULL; }

static vg_status bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                        const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                        vg_tensor *mean, vg_tensor *invstd, const vg_norm *p) {
  const passes work = {p->training ? stats : NULL, finish_stats_block, apply};
  job j = {.out = vg_data(y),
           .weight = values(weight),
           .bias = values(bias),
           .running_mean = writable(running_mean),
           .running_var = writable(running_var),
           .mean = vg_data(mean),
           .invstd = vg_data(invstd),
           .p = p};
  if (x->n == 0) return VG_OK;
  if (x->dtype == VG_BF16 || x->layout == &vg_cpu_hwnc) {
    vg_bn_tensors t = {weight, bias, running_mean, running_var, mean, invstd, NULL, NULL};
    bool ours = x->dtype == VG_BF16 && x->layout == &vg_cpu_hwnc;
    return ours ? vg_bf16_bn_fwd(d, y, x, &t, p) : vg_f32_bn_fwd(d, y, x, &t, p);
  }
  describe(&j, x);
  return run(d, &j, &work);
}

static vg_bn_tensors saved(const vg_tensor *weight, const vg_tensor *bias, const vg_tensor *mean,
                           const vg_tensor *invstd, vg_tensor *gweight, vg_tensor *gbias) {
  return (vg_bn_tensors){.weight = weight,
                         .bias = bias,
                         .mean = (vg_tensor *)(uintptr_t)mean,
                         .invstd = (vg_tensor *)(uintptr_t)invstd,
                         .gweight = gweight,
                         .gbias = gbias};
}

static vg_status bn_bwd(vg_device *d, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                        const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                        const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                        const vg_norm *p) {
  bool sums = p->training || gweight || gbias;
  const passes work = {sums ? reduce : NULL, finish_sums, gx ? bwd : NULL};
  job j = {.out = writable(gx),
           .gy = vg_data(gy),
           .weight = values(weight),
           .bias = values(bias),
           .mean = vg_data(mean),
           .invstd = vg_data(invstd),
           .gweight = writable(gweight),
           .gbias = writable(gbias),
           .p = p};
  if (x->dtype == VG_BF16 || x->layout == &vg_cpu_hwnc) {
    bool ours = x->dtype == VG_BF16 && x->layout == &vg_cpu_hwnc;
    vg_bn_tensors t = saved(weight, bias, mean, invstd, gweight, gbias);
    return ours ? vg_bf16_bn_bwd(d, gx, gy, x, &t, p) : vg_f32_bn_bwd(d, gx, gy, x, &t, p);
  }
  describe(&j, x);
  return run(d, &j, &work);
}

/* ---- with pooling, in bf16 only ---- */

static vg_status bn_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                            const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                            vg_tensor *mean, vg_tensor *invstd, vg_buf *ws, const vg_norm *p,
                            const vg_pool2d *pool) {
  vg_bn_tensors t = {weight, bias, running_mean, running_var, mean, invstd, NULL, NULL};
  (void)pool;
  return vg_bf16_bn_max_fwd(d, y, x, ws, &t, p);
}

static vg_status bn_max_bwd(vg_device *d, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                            const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                            const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                            const vg_buf *ws, const vg_norm *p, const vg_pool2d *pool) {
  vg_bn_tensors t = saved(weight, bias, mean, invstd, gweight, gbias);
  (void)pool;
  return vg_bf16_bn_max_bwd(d, gx, gy, x, ws, &t, p);
}

const vg_norm_vt vg_cpu_norm = {.accepts = accepts,
                                .bn_fwd = bn_fwd,
                                .bn_bwd = bn_bwd,
                                .bn_pools = vg_bf16_bn_pools,
                                .bn_max_fwd = bn_max_fwd,
                                .bn_max_bwd = bn_max_bwd};
