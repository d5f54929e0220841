/* Optimiser steps and clipping: lists of tensors for the kernels, and the numbers of a step,
   which in a recorded step lie in device memory. */
#include "cuda/grad_norm.h"
#include "cuda/late.h"
#include "cuda/tensors.h"
#include "cuda/weights.h"

/* An update that is not left for later comes after those of the same step that were. */
static void touch(vg_device *d, const vg_optim_slot *s) {
  const vg_tensor *changed[3] = {s->p, s->m, s->v};
  for (int i = 0; i < 3; i++)
    if (changed[i]) vg_cuda_touch(d, vg_data(changed[i]), true);
  vg_cuda_touch(d, vg_data(s->g), false);
}

/* With the memory as it is: what late updates do to it came before, or this is one of them. */
static void add_slot(vg_cuda_tensors *t, vg_device *d, const vg_optim_slot *s) {
  int i = t->n;
  t->p[i] = vg_data(s->p);
  t->g[i] = vg_data(s->g);
  t->m[i] = s->m ? vg_data(s->m) : NULL;
  t->v[i] = s->v ? vg_data(s->v) : NULL;
  t->copy[i] = vg_cuda_weight_copy(d, s->p);
  vg_cuda_tensors_add(t, vg_physical_n(s->p),
                      vg_cuda_aligned(t->p[i]) && vg_cuda_aligned(t->g[i]) &&
                          vg_cuda_aligned(t->m[i]) && vg_cuda_aligned(t->v[i]));
}

static vg_cuda_tensors list_of(int n, vg_tensor *const *x) {
  vg_cuda_tensors t = {.n = 0};
  for (int i = 0; i < n; i++) {
    t.p[i] = vg_cuda_data(x[i]);
    vg_cuda_tensors_add(&t, vg_physical_n(x[i]), vg_cuda_aligned(t.p[i]));
  }
  return t;
}

vg_cuda_clip vg_cuda_clip_of(const vg_grad_clip *c) {
  return (vg_cuda_clip){c->squares ? vg_data(c->squares) : NULL, c->max_norm};
}

/* Where the parameters and their state lie. */
static uint64_t memory_of(int n, const vg_optim_slot *s) {
  uint64_t h = 14695981039346656037u;
  for (int i = 0; i < n; i++) {
    const vg_tensor *t[3] = {s[i].p, s[i].m, s[i].v};
    for (int k = 0; k < 3; k++)
      h = (h ^ (t[k] ? (uint64_t)(uintptr_t)vg_data(t[k]) : 0)) * 1099511628211u;
  }
  return h;
}

static vg_status stepped(vg_device *d, int n, const vg_optim_slot *s) {
  for (int i = 0; i < n; i++) vg_cuda_stepped(d, s[i].p);
  return VG_OK;
}

vg_status vg_cuda_before_update(vg_device *d) {
  return vg_cuda_capturing(d) ? vg_cuda_join(d) : vg_cuda_late_flush(d);
}

static vg_status adam(vg_device *d, int n, const vg_optim_slot *s, const vg_adam_args *a) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_adam_numbers k = vg_adam_numbers_of(a);
  vg_cuda_dynamic_values live;
  vg_status st;
  VG_TRY(vg_cuda_dynamic(d, &k, sizeof k, memory_of(n, s), &live));
  if (live.skip) return stepped(d, n, s);
  VG_TRY(vg_cuda_before_update(d));
  if (!live.device) VG_TRY(vg_cuda_late_updated(d, n, s));
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors now = {.n = 0}, *late;
    for (int i = from; i < from + vg_cuda_tensors_batch(n, from); i++) {
      late = vg_cuda_late_take(d, &s[i], live.device, &a->clip);
      if (!late) touch(d, &s[i]);
      add_slot(late ? late : &now, d, &s[i]);
    }
    VG_TRY(VG_CUDA(vg_cuda_adam(&now, &k, live.device, vg_cuda_clip_of(&a->clip), stream)));
  }
done:
  return st;
}

static vg_status sgd(vg_device *d, int n, const vg_optim_slot *s, const vg_sgd_args *a) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_sgd_numbers k = vg_sgd_numbers_of(a);
  vg_cuda_dynamic_values live;
  vg_status st;
  VG_TRY(vg_cuda_dynamic(d, &k, sizeof k, memory_of(n, s), &live));
  if (live.skip) return stepped(d, n, s);
  VG_TRY(vg_cuda_before_update(d));
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = {.n = 0};
    for (int i = from; i < from + vg_cuda_tensors_batch(n, from); i++) {
      touch(d, &s[i]);
      add_slot(&t, d, &s[i]);
    }
    VG_TRY(VG_CUDA(
        vg_cuda_sgd(&t, &k, live.device, vg_cuda_clip_of(&a->clip), a->momentum != 0, stream)));
  }
done:
  return st;
}

static vg_status scale(vg_device *d, int n, vg_tensor *const *x, double factor) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_status st = VG_OK;
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = list_of(vg_cuda_tensors_batch(n, from), x + from);
    VG_TRY(VG_CUDA(vg_cuda_scale(&t, (float)factor, stream)));
  }
done:
  return st;
}

static vg_status clamp(vg_device *d, int n, vg_tensor *const *x, double bound) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_status st = VG_OK;
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = list_of(vg_cuda_tensors_batch(n, from), x + from);
    VG_TRY(VG_CUDA(vg_cuda_clamp(&t, (float)bound, stream)));
  }
done:
  return st;
}

const vg_optim_vt vg_cuda_optim = {.adam = adam,
                                   .sgd = sgd,
                                   .sum_squares = vg_cuda_grad_sum_squares,
                                   .scale = scale,
                                   .clamp = clamp,
                                   .squares = vg_cuda_grad_squares,
                                   .root = vg_cuda_grad_root};
