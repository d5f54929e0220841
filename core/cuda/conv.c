/* Convolutions: our tensors in cuDNN's form, the plan for the problem, and both gradients at once
   on two branches of the stream. */
#include "cuda/beside.h"
#include "cuda/grad_norm.h"
#include "cuda/legacy.h"
#include "cuda/stats.h"
#include "cuda/weights.h"

#include <stdlib.h>
#include <string.h>

/* Channels are padded to what tensor cores want; inside groups they cannot be. */
static int64_t padded(int64_t channels, int groups) {
  return groups == 1 ? (channels + 7) / 8 * 8 : channels;
}

static vg_status layouts(vg_device *d, const vg_tensor *x, const vg_tensor *w,
                         const int64_t *yshape, const vg_conv2d *p, const vg_layout **lx,
                         const vg_layout **ly) {
  (void)d, (void)w, (void)p;
  *lx = x->shape[1] % 8 == 0 ? &vg_cuda_nhwc : NULL;
  *ly = yshape[1] % 8 == 0 ? &vg_cuda_nhwc : NULL;
  return VG_OK;
}

static bool takes_weight(const vg_tensor *w) { return vg_is_channels_last(w); }

/* ---- one call ---- */

enum { MOST_HELD = 8 };

typedef struct work {
  vg_device *d;
  vg_cuda_problem p;
  vg_cuda_operands o;
  vg_buf held[MOST_HELD]; /* temporaries, given back when all launches are out */
  int nheld;
} work;

static void let_go(work *c) {
  for (int i = 0; i < c->nheld; i++) vg_buf_give(&c->held[i]);
}

static vg_status hold(void **out, work *c, size_t bytes) {
  vg_status st;
  VG_ASSERT(c->nheld < MOST_HELD);
  VG_TRY(vg_cuda_take(&c->held[c->nheld], c->d, bytes));
  *out = c->held[c->nheld++].ptr;
done:
  return st;
}

static work begin(vg_device *d, const vg_tensor *x, const vg_tensor *w, const vg_tensor *y,
                  const vg_conv2d *p) {
  const char *any = getenv("VGG_CUDA_ANY_ORDER");
  work c = {.d = d};
  vg_cuda_problem *q = &c.p;
  q->bf16 = q->w_bf16 = x->dtype == VG_BF16;
  q->exact = !q->bf16 && !d->ctx->tf32;
  q->any_order = any && *any == '1' && !d->ctx->deterministic;
  q->n = (int32_t)x->shape[0];
  q->c = (int32_t)padded(x->shape[1], p->groups);
  q->h = (int32_t)x->shape[2];
  q->w = (int32_t)x->shape[3];
  q->k = (int32_t)padded(w->shape[0], p->groups);
  q->r = (int32_t)w->shape[2];
  q->s = (int32_t)w->shape[3];
  q->p = (int32_t)y->shape[2];
  q->q = (int32_t)y->shape[3];
  q->groups = p->groups;
  for (int i = 0; i < 2; i++) {
    q->stride[i] = p->stride[i];
    q->pad[i] = p->pad[i];
    q->dilation[i] = p->dilation[i];
  }
  return c;
}

static vg_status check(const vg_tensor *x, const vg_tensor *y, const vg_tensor *w) {
  if ((x->dtype == VG_F32 || x->dtype == VG_BF16) && y->dtype == x->dtype && w->dtype == VG_F32)
    return VG_OK;
  return vg_fail(VG_EUNSUPPORTED, "conv2d: cuda has none of %s to %s with %s weights",
                 vg_dtype_name(x->dtype), vg_dtype_name(y->dtype), vg_dtype_name(w->dtype));
}

static int64_t pixels(const vg_tensor *t) { return t->shape[2] * t->shape[3]; }

static size_t image_bytes(const vg_tensor *t, int64_t channels) {
  return (size_t)(t->shape[0] * pixels(t) * channels) * vg_dtype_size(t->dtype);
}

/* Where cuDNN reads t, NHWC with `channels`. */
static vg_status image_in(void **out, work *c, const vg_tensor *t, int64_t channels) {
  bool bf16 = t->dtype == VG_BF16;
  vg_status st = VG_OK;
  *out = (void *)(uintptr_t)vg_cuda_data(t);
  if (t->layout) return VG_OK;
  VG_TRY(hold(out, c, image_bytes(t, channels)));
  VG_TRY(VG_CUDA(vg_cuda_pack_nhwc(*out, bf16, vg_cuda_data(t), bf16, t->shape[0], t->shape[1],
                                   channels, pixels(t), vg_cuda_stream(c->d))));
done:
  return st;
}

/* Where cuDNN writes t; image_done brings it home. */
static vg_status image_out(void **out, work *c, vg_tensor *t, int64_t channels) {
  *out = vg_cuda_data(t);
  return t->layout ? VG_OK : hold(out, c, image_bytes(t, channels));
}

static vg_status image_done(work *c, vg_tensor *t, const void *from, int64_t channels) {
  bool bf16 = t->dtype == VG_BF16;
  if (t->layout) return VG_OK;
  return VG_CUDA(vg_cuda_unpack_nhwc(vg_cuda_data(t), bf16, from, bf16, t->shape[0], t->shape[1],
                                     channels, pixels(t), vg_cuda_stream(c->d)));
}

static vg_status weight_in(work *c, const vg_tensor *w) {
  vg_cuda_form form = {.bf16 = c->p.bf16, .packed = true, .kp = c->p.k, .cp = c->p.c / c->p.groups};
  const void *p;
  vg_status st;
  VG_TRY(vg_cuda_weight(&p, c->d, w, form));
  c->o.w = (void *)(uintptr_t)p;
done:
  return st;
}

/* ---- forward ---- */

static vg_status bias_in(work *c, const vg_tensor *bias) {
  cudaStream_t s = vg_cuda_stream(c->d);
  size_t bytes = (size_t)bias->n * sizeof(float), all = (size_t)c->p.k * sizeof(float);
  vg_status st = VG_OK;
  c->o.bias = (void *)(uintptr_t)vg_cuda_data(bias);
  if (bytes == all && (uintptr_t)c->o.bias % 16 == 0) return VG_OK;
  VG_TRY(hold(&c->o.bias, c, all));
  VG_TRY(VG_CUDA(cudaMemsetAsync(c->o.bias, 0, all, s)));
  VG_TRY(
      VG_CUDA(cudaMemcpyAsync(c->o.bias, vg_cuda_data(bias), bytes, cudaMemcpyDeviceToDevice, s)));
done:
  return st;
}

/* What a pass over y takes, about. */
static double pass_ms(const vg_cuda_problem *p, bool writes) {
  double bytes = (double)p->n * p->k * p->p * p->q * (p->bf16 ? 2 : 4);
  return 0.002 + (writes ? 2 : 1) * bytes / 2e9;
}

/* The plan with the bias inside, when it exists and pays; decided once. */
static vg_status fused_plan(const vg_cuda_plan **out, work *c, const vg_cuda_plan *plain) {
  vg_cuda_problem p = c->p;
  vg_status st;
  p.bias = 1;
  VG_TRY(vg_cuda_plan_find(out, c->d, &p, &c->o));
  if ((*out)->plan && plain->plan && plain->ms > 0 && (*out)->ms > plain->ms + pass_ms(&p, true))
    vg_cuda_plan_refuse(c->d, *out);
done:
  return st;
}

/* What y and its bias take; 0: not measured. */
static double usual_ms(const vg_cuda_problem *p, const vg_cuda_plan *plain,
                       const vg_cuda_plan *fused) {
  if (fused && fused->plan) return fused->ms;
  return plain->plan && plain->ms > 0 ? plain->ms + (fused ? pass_ms(p, true) : 0) : 0;
}

/* The plan that makes the statistics, too, when they are wanted, it exists and pays: else NULL
   inside. `sums` is the memory for them. */
static vg_status stats_plan(vg_cuda_plan **out, work *c, bool bias, double usual, vg_buf *sums) {
  vg_cuda_problem p = c->p;
  const vg_cuda_plan *found;
  vg_cuda_plan *e;
  bool sound = true, is_new;
  vg_status st;
  p.bias = bias;
  p.stats = 1;
  VG_TRY(vg_cuda_plan_entry(&e, c->d, &p));
  *out = e;
  is_new = !e->ready;
  if (!e->asked || (is_new ? vg_cuda_capturing(c->d) : !e->plan)) return VG_OK;
  VG_TRY(vg_cuda_take(sums, c->d, 2 * (size_t)p.k * sizeof(float)));
  c->o.sums = sums->ptr;
  VG_TRY(vg_cuda_plan_find(&found, c->d, &p, &c->o));
  if (e->plan && is_new) VG_TRY(vg_cuda_stats_sound(&sound, c->d, e, &c->o));
  if (e->plan && (!sound || (e->ms > 0 && usual > 0 && e->ms > usual + pass_ms(&p, false))))
    vg_cuda_plan_refuse(c->d, e);
  if (!e->plan) vg_buf_give(sums);
done:
  return st;
}

/* *ran false: y is still to be made. Either way y's batch norm finds a note. */
static vg_status run_with_stats(bool *ran, work *c, const vg_tensor *y, bool bias, double usual) {
  vg_buf sums = {0};
  vg_cuda_plan *e;
  vg_status st;
  VG_TRY(stats_plan(&e, c, bias, usual, &sums));
  *ran = sums.ptr != NULL;
  if (*ran) VG_TRY(vg_cuda_plan_run(c->d, e, &c->o, NULL));
  VG_TRY(vg_cuda_stats_leave(c->d, y, e, &sums));
done:
  vg_buf_give(&sums);
  return st;
}

static vg_status run_forward(work *c, const vg_tensor *y, bool bias) {
  const vg_cuda_plan *plain, *fused = NULL;
  bool ran = false;
  int64_t rows = (int64_t)c->p.n * c->p.p * c->p.q;
  vg_status st;
  VG_TRY(vg_cuda_plan_find(&plain, c->d, &c->p, &c->o));
  if (bias) VG_TRY(fused_plan(&fused, c, plain));
  if (vg_cuda_stats_likely(c->d, y))
    VG_TRY(run_with_stats(&ran, c, y, bias, usual_ms(&c->p, plain, fused)));
  if (ran) return VG_OK;
  if (fused && fused->plan) return vg_cuda_plan_run(c->d, fused, &c->o, NULL);
  VG_TRY(plain->plan ? vg_cuda_plan_run(c->d, plain, &c->o, NULL)
                     : vg_cuda_conv_legacy(c->d, &c->p, &c->o));
  if (bias)
    VG_TRY(VG_CUDA(
        vg_cuda_add_bias(c->o.y, c->p.bf16, c->o.bias, rows, c->p.k, vg_cuda_stream(c->d))));
done:
  return st;
}

static vg_status fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                     const vg_tensor *bias, const vg_conv2d *p) {
  work c = begin(d, x, w, y, p);
  vg_status st;
  VG_TRY(check(x, y, w));
  if (x->n == 0 || y->n == 0) return VG_OK;
  VG_TRY(image_in(&c.o.x, &c, x, c.p.c));
  VG_TRY(weight_in(&c, w));
  VG_TRY(image_out(&c.o.y, &c, y, c.p.k));
  if (bias) VG_TRY(bias_in(&c, bias));
  VG_TRY(run_forward(&c, y, bias != NULL));
  VG_TRY(image_done(&c, y, c.o.y, c.p.k));
done:
  let_go(&c);
  return st;
}

/* ---- gradients ---- */

/* One gradient: its plan, NULL inside for the older calls, and its workspace. */
typedef struct job {
  work c;
  const vg_cuda_plan *plan;
  vg_buf workspace;
} job;

static void job_end(job *j) {
  vg_buf_give(&j->workspace);
  let_go(&j->c);
}

static vg_status job_plan(job *j) {
  vg_status st;
  VG_TRY(vg_cuda_plan_find(&j->plan, j->c.d, &j->c.p, &j->c.o));
  if (j->plan->plan && j->plan->workspace > 0)
    VG_TRY(vg_cuda_take(&j->workspace, j->c.d, (size_t)j->plan->workspace));
done:
  return st;
}

static vg_status job_run(job *j) {
  if (j->plan->plan) return vg_cuda_plan_run(j->c.d, j->plan, &j->c.o, &j->workspace);
  return vg_cuda_conv_legacy(j->c.d, &j->c.p, &j->c.o);
}

static vg_status data_begin(job *j, vg_tensor *gx, void *gy, const vg_tensor *w) {
  vg_status st;
  j->c.p.pass = VG_PASS_DATA;
  j->c.o.y = gy;
  VG_TRY(weight_in(&j->c, w));
  VG_TRY(image_out(&j->c.o.x, &j->c, gx, j->c.p.c));
  VG_TRY(job_plan(j));
done:
  return st;
}

/* What cuDNN writes in f32 is gw itself. */
static bool is_written(const vg_cuda_problem *p, const vg_tensor *gw) {
  return vg_is_channels_last(gw) && p->k == gw->shape[0] && p->c / p->groups == gw->shape[1] &&
         (uintptr_t)vg_cuda_data(gw) % 16 == 0;
}

/* The gradient of the weight as cuDNN writes it: KRSC in f32 where there is a plan for that, else
   in the type of the images. */
static vg_status weight_begin(job *j, vg_tensor *gw, const vg_tensor *x, void *gy) {
  vg_cuda_problem *p = &j->c.p;
  int64_t n = (int64_t)p->k * (p->c / p->groups) * p->r * p->s;
  bool there = is_written(p, gw);
  vg_status st;
  p->pass = VG_PASS_WEIGHT;
  p->w_bf16 = 0;
  j->c.o.y = gy;
  VG_TRY(image_in(&j->c.o.x, &j->c, x, p->c));
  j->c.o.w = vg_cuda_data(gw);
  if (!there) VG_TRY(hold(&j->c.o.w, &j->c, (size_t)n * sizeof(float)));
  VG_TRY(job_plan(j));
  if (j->plan->plan || !p->bf16) return VG_OK;
  if (there) VG_TRY(hold(&j->c.o.w, &j->c, (size_t)n * sizeof(float)));
  p->w_bf16 = 1;
  VG_TRY(job_plan(j));
  if (!j->plan->plan) p->w_bf16 = 0;
done:
  return st;
}

static vg_status weight_done(job *j, vg_tensor *gw, cudaStream_t s) {
  const vg_cuda_problem *p = &j->c.p;
  int64_t images = gw->shape[0], taps = (int64_t)p->r * p->s;
  if (j->c.o.w == vg_cuda_data(gw)) return VG_OK;
  if (vg_is_channels_last(gw)) { /* rows that only get shorter */
    images *= taps;
    taps = 1;
  }
  return VG_CUDA(vg_cuda_unpack_nhwc(vg_cuda_data(gw), false, j->c.o.w, p->w_bf16, images,
                                     gw->shape[1], p->c / p->groups, taps, s));
}

static vg_status bias_gradient(job *j, vg_tensor *gbias, cudaStream_t s) {
  const vg_cuda_problem *p = &j->c.p;
  int64_t rows = (int64_t)p->n * p->p * p->q;
  void *partial, *sum = vg_cuda_data(gbias);
  vg_status st;
  VG_TRY(hold(&partial, &j->c, (size_t)(vg_cuda_sum_parts(rows) * p->k) * sizeof(double)));
  if (p->k != gbias->n) VG_TRY(hold(&sum, &j->c, (size_t)p->k * sizeof(float)));
  VG_TRY(VG_CUDA(vg_cuda_sum_rows(sum, j->c.o.y, p->bf16, rows, p->k, partial, s)));
  if (p->k != gbias->n)
    VG_TRY(VG_CUDA(cudaMemcpyAsync(vg_cuda_data(gbias), sum, (size_t)gbias->n * sizeof(float),
                                   cudaMemcpyDeviceToDevice, s)));
done:
  return st;
}

static vg_status weight_run(job *j, vg_tensor *gw, vg_tensor *gbias, cudaStream_t s) {
  vg_status st;
  VG_TRY(job_run(j));
  VG_TRY(weight_done(j, gw, s));
  if (gbias) VG_TRY(bias_gradient(j, gbias, s));
done:
  return st;
}

/* The gradient of the weight on the branch. Memory that its launches need later on is taken before
   and during the fork and goes back after the join. */
static vg_status weight_beside(vg_device *d, job *j, vg_tensor *gw, vg_tensor *gbias) {
  vg_cuda_priv *p = vg_cuda_state(d);
  cudnnHandle_t handle;
  vg_status st, back;
  VG_TRY(vg_cuda_dnn(&handle, d));
  VG_TRY(vg_cuda_beside_fork(d));
  st = VG_CUDNN(cudnnSetStream(handle, p->side));
  if (st == VG_OK) st = weight_run(j, gw, gbias, p->side);
  back = VG_CUDNN(cudnnSetStream(handle, vg_cuda_stream(d)));
  if (st == VG_OK) st = back;
done:
  return st;
}

static vg_status leave_job(job *j) {
  vg_status st;
  VG_TRY(vg_cuda_beside_keeps(j->c.d, &j->workspace));
  for (int i = 0; i < j->c.nheld; i++) VG_TRY(vg_cuda_beside_keeps(j->c.d, &j->c.held[i]));
done:
  return st;
}

/* The branch goes on beside what comes after. */
static vg_status leave_beside(job *data, job *kernel, const vg_tensor *gw, const vg_tensor *gbias,
                              const vg_tensor *x, const vg_tensor *gy) {
  vg_device *d = data->c.d;
  vg_status st;
  VG_TRY(vg_cuda_squares_beside(d, gw));
  VG_TRY(vg_cuda_beside_reads(d, x));
  VG_TRY(vg_cuda_beside_reads(d, gy));
  VG_TRY(vg_cuda_beside_writes(d, gw));
  if (gbias) VG_TRY(vg_cuda_beside_writes(d, gbias));
  VG_TRY(leave_job(kernel));
  VG_TRY(leave_job(data));
done:
  return st;
}

static vg_status nothing(vg_device *d, vg_tensor *gx, vg_tensor *gw, vg_tensor *gbias) {
  vg_tensor *all[3] = {gx, gw, gbias};
  vg_status st = VG_OK;
  for (int i = 0; i < 3; i++)
    if (all[i] && all[i]->n)
      VG_TRY(d->be->memory->fill(d, vg_cuda_data(all[i]), 0,
                                 (size_t)vg_physical_n(all[i]) * vg_dtype_size(all[i]->dtype)));
done:
  return st;
}

/* gx with w, and gw (with gbias) with x; either of gx and gw may be NULL. */
static vg_status bwd(vg_device *d, vg_tensor *gx, vg_tensor *gw, vg_tensor *gbias,
                     const vg_tensor *x, const vg_tensor *gy, const vg_tensor *w,
                     const vg_conv2d *p) {
  const vg_tensor *image = gx ? gx : x, *weight = w ? w : gw;
  job data = {.c = begin(d, image, weight, gy, p)}, kernel = {.c = data.c};
  bool branch = false;
  void *gy_memory;
  vg_status st, joined;
  VG_TRY(check(image, gy, weight));
  if (image->n == 0 || gy->n == 0) return nothing(d, gx, gw, gbias);
  VG_TRY(image_in(&gy_memory, &data.c, gy, data.c.p.k));
  if (gx) VG_TRY(data_begin(&data, gx, gy_memory, w));
  if (gw) VG_TRY(weight_begin(&kernel, gw, x, gy_memory));
  branch = gx && gw && data.plan->plan && kernel.plan->plan;
  if (branch) VG_TRY(weight_beside(d, &kernel, gw, gbias));
  if (gx) VG_TRY(job_run(&data));
  if (gx) VG_TRY(image_done(&data.c, gx, data.c.o.x, data.c.p.c));
  if (gw && !branch) VG_TRY(weight_run(&kernel, gw, gbias, vg_cuda_stream(d)));
  if (branch && vg_cuda_capturing(d)) VG_TRY(leave_beside(&data, &kernel, gw, gbias, x, gy));
  branch = branch && !vg_cuda_capturing(d);
done:
  if (branch) { /* whatever went wrong, it comes home */
    joined = vg_cuda_beside_join(d);
    if (st == VG_OK) st = joined;
  }
  job_end(&kernel);
  job_end(&data);
  return st;
}

static vg_status bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                          const vg_conv2d *p) {
  return bwd(d, gx, NULL, NULL, NULL, gy, w, p);
}

static vg_status bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                            const vg_tensor *gy, const vg_conv2d *p) {
  return bwd(d, NULL, gw, gbias, x, gy, NULL, p);
}

const vg_conv_vt vg_cuda_conv = {.layouts = layouts,
                                 .takes_weight = takes_weight,
                                 .fwd = fwd,
                                 .bwd_data = bwd_data,
                                 .bwd_weight = bwd_weight,
                                 .bwd = bwd,
                                 .choices = vg_cuda_choices,
                                 .set_choices = vg_cuda_set_choices};
