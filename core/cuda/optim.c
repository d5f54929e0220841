/* Optimiser steps and clipping: lists of tensors for the kernels, and the numbers of a step,
   which in a recorded step lie in device memory. */
#include "cuda/late.h"
#include "cuda/walk.h"
#include "cuda/weights.h"

static bool aligned(const void *p) { return ((uintptr_t)p & 15) == 0; }

static void add(vg_cuda_tensors *t, int64_t count) {
  int64_t before = t->n ? t->pieces[t->n - 1] : 0;
  t->count[t->n] = count;
  t->pieces[t->n++] = before + (count + VG_CUDA_PIECE - 1) / VG_CUDA_PIECE;
}

/* With the memory as it is: what late updates do to it came before, or this is one of them. */
static void add_slot(vg_cuda_tensors *t, vg_device *d, const vg_optim_slot *s) {
  int i = t->n;
  t->p[i] = vg_data(s->p);
  t->g[i] = vg_data(s->g);
  t->m[i] = s->m ? vg_data(s->m) : NULL;
  t->v[i] = s->v ? vg_data(s->v) : NULL;
  t->copy[i] = vg_cuda_weight_copy(d, s->p);
  t->line[i] = aligned(t->p[i]) && aligned(t->g[i]) && aligned(t->m[i]) && aligned(t->v[i]);
  add(t, vg_physical_n(s->p));
}

static vg_cuda_tensors list_of(int n, vg_tensor *const *x) {
  vg_cuda_tensors t = {.n = 0};
  for (int i = 0; i < n; i++) {
    t.p[i] = vg_cuda_data(x[i]);
    t.line[i] = aligned(t.p[i]);
    add(&t, vg_physical_n(x[i]));
  }
  return t;
}

static int batch(int n, int from) {
  return n - from < VG_CUDA_TENSORS ? n - from : VG_CUDA_TENSORS;
}

static vg_cuda_clip clip_of(const vg_grad_clip *c) {
  return (vg_cuda_clip){c->squares ? vg_data(c->squares) : NULL, c->max_norm};
}

static vg_status stepped(vg_device *d, int n, const vg_optim_slot *s) {
  for (int i = 0; i < n; i++) vg_cuda_stepped(d, s[i].p);
  return VG_OK;
}

static vg_status before_update(vg_device *d) {
  return vg_cuda_capturing(d) ? vg_cuda_join(d) : vg_cuda_late_flush(d);
}

static vg_status adam(vg_device *d, int n, const vg_optim_slot *s, const vg_adam_args *a) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_adam_numbers k = vg_adam_numbers_of(a);
  vg_cuda_dynamic_values live;
  vg_status st;
  VG_TRY(vg_cuda_dynamic(d, &k, sizeof k, &live));
  if (live.skip) return stepped(d, n, s);
  VG_TRY(before_update(d));
  if (!live.device) VG_TRY(vg_cuda_late_updated(d, n, s));
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors now = {.n = 0}, *late;
    for (int i = from; i < from + batch(n, from); i++) {
      late = vg_cuda_late_take(d, &s[i], live.device, &a->clip);
      add_slot(late ? late : &now, d, &s[i]);
    }
    VG_TRY(VG_CUDA(vg_cuda_adam(&now, &k, live.device, clip_of(&a->clip), stream)));
  }
done:
  return st;
}

static vg_status sgd(vg_device *d, int n, const vg_optim_slot *s, const vg_sgd_args *a) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_sgd_numbers k = vg_sgd_numbers_of(a);
  vg_cuda_dynamic_values live;
  vg_status st;
  VG_TRY(vg_cuda_dynamic(d, &k, sizeof k, &live));
  if (live.skip) return stepped(d, n, s);
  VG_TRY(before_update(d));
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = {.n = 0};
    for (int i = from; i < from + batch(n, from); i++) add_slot(&t, d, &s[i]);
    VG_TRY(VG_CUDA(vg_cuda_sgd(&t, &k, live.device, clip_of(&a->clip), a->momentum != 0, stream)));
  }
done:
  return st;
}

static vg_status squares(vg_device *d, int n, vg_tensor *const *x, vg_tensor *sum, bool first) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_status st;
  VG_TRY(before_update(d)); /* which reads the sum of the step before */
  for (int from = 0; from < n; from += VG_CUDA_TENSORS, first = false) {
    vg_cuda_tensors t = list_of(batch(n, from), x + from);
    vg_buf partial = {0};
    void *at;
    VG_TRY(vg_cuda_scratch(&at, &partial, d, (size_t)(t.pieces[t.n - 1] + 1) * sizeof(double)));
    st = VG_CUDA(vg_cuda_squares(&t, vg_cuda_data(sum), at, first, stream));
    vg_buf_give(&partial);
    VG_TRY(st);
  }
done:
  return st;
}

static vg_status root(vg_device *d, vg_tensor *norm, const vg_tensor *sum) {
  return VG_CUDA(vg_cuda_root(vg_cuda_data(norm), vg_cuda_data(sum), vg_cuda_stream(d)));
}

static vg_status sum_squares(vg_device *d, int n, vg_tensor *const *x, double *out) {
  vg_storage memory = {.refs = 1};
  vg_tensor sum = {.refs = 1, .dtype = VG_I64, .dev = d, .n = 1, .storage = &memory};
  void *at;
  vg_status st = VG_OK;
  *out = 0;
  if (n == 0) return VG_OK;
  VG_TRY(vg_cuda_scratch(&at, &memory.buf, d, sizeof *out));
  VG_TRY(squares(d, n, x, &sum, true));
  VG_TRY(d->be->memory->read(d, out, at, sizeof *out));
done:
  vg_buf_give(&memory.buf);
  return st;
}

static vg_status scale(vg_device *d, int n, vg_tensor *const *x, double factor) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_status st = VG_OK;
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = list_of(batch(n, from), x + from);
    VG_TRY(VG_CUDA(vg_cuda_scale(&t, (float)factor, stream)));
  }
done:
  return st;
}

static vg_status clamp(vg_device *d, int n, vg_tensor *const *x, double bound) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_status st = VG_OK;
  for (int from = 0; from < n; from += VG_CUDA_TENSORS) {
    vg_cuda_tensors t = list_of(batch(n, from), x + from);
    VG_TRY(VG_CUDA(vg_cuda_clamp(&t, (float)bound, stream)));
  }
done:
  return st;
}

const vg_optim_vt vg_cuda_optim = {.adam = adam,
                                   .sgd = sgd,
                                   .sum_squares = sum_squares,
                                   .scale = scale,
                                   .clamp = clamp,
                                   .squares = squares,
                                   .root = root};
