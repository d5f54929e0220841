/* Optimiser steps over many tensors in one pass at memory speed. The tensors are one long row of
   elements, cut evenly over the team; sums are cut by size alone, so that they never depend on it.
   The arithmetic is PyTorch's, in its order, in f32. */
#include "cpu/bf16_sums.h"
#include "cpu/bf16_weight.h"
#include "cpu/clones.h"
#include "cpu/cpu.h"

/* Calls fn(arg, tensor, first, count) for the part lo..hi of the concatenated elements. */
typedef void (*walk_fn)(void *arg, int tensor, int64_t first, int64_t count);

static void walk(int n, const int64_t *ends, int64_t lo, int64_t hi, walk_fn fn, void *arg) {
  int i = 0;
  while (i < n && ends[i] <= lo) i++;
  for (; i < n && lo < hi; i++) {
    int64_t start = i ? ends[i - 1] : 0, stop = ends[i] < hi ? ends[i] : hi;
    if (stop > lo) fn(arg, i, lo - start, stop - lo);
    if (stop > lo) lo = stop;
  }
}

enum { BATCH = 128, GRANULE = 1024 };

/* Splits [0, total) at multiples of GRANULE over the team. */
static void walk_team(const vg_device *d, int n, const int64_t *ends, walk_fn fn, void *arg) {
  int64_t total = n ? ends[n - 1] : 0, grains = (total + GRANULE - 1) / GRANULE;
  int parts = total < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
#pragma omp parallel for schedule(static) num_threads(parts) if (parts > 1)
  for (int p = 0; p < parts; p++) {
    int64_t lo = grains * p / parts * GRANULE, hi = grains * (p + 1) / parts * GRANULE;
    walk(n, ends, lo, hi < total ? hi : total, fn, arg);
  }
}

typedef struct slots {
  const vg_optim_slot *s;
  const vg_adam_args *adam;
  const vg_sgd_args *sgd;
} slots;

static vg_status step_all(const vg_device *d, int n, slots a, walk_fn fn) {
  int64_t ends[BATCH];
  for (int from = 0; from < n; from += BATCH) {
    int count = n - from < BATCH ? n - from : BATCH;
    slots part = a;
    part.s = a.s + from;
    for (int i = 0; i < count; i++) ends[i] = (i ? ends[i - 1] : 0) + vg_physical_n(part.s[i].p);
    walk_team(d, count, ends, fn, &part);
  }
  return VG_OK;
}

/* ---- Adam ---- */

VG_CPU_CLONES
static void adam_run(vg_adam_numbers k, int64_t n, float *restrict p, const float *restrict g,
                     float *restrict m, float *restrict v) {
  for (int64_t i = 0; i < n; i++) vg_adam_update(&k, g[i], &p[i], &m[i], &v[i]);
}

static void adam_part(void *arg, int i, int64_t first, int64_t count) {
  const slots *a = arg;
  const vg_optim_slot *s = &a->s[i];
  adam_run(vg_adam_numbers_of(a->adam), count, (float *)vg_data(s->p) + first,
           (const float *)vg_data(s->g) + first, (float *)vg_data(s->m) + first,
           (float *)vg_data(s->v) + first);
}

/* A weight with bf16 forms: changed in pieces that are packed while they are in the cache. */
static vg_status adam_packing(vg_device *d, const vg_optim_slot *s, const vg_adam_args *a,
                              int64_t pieces) {
  slots all = {.s = s, .adam = a};
  int threads = s->p->n < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  int64_t room = vg_bf16_renew_room(s->p);
  vg_buf work = {0};
  vg_status st;
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * room) * sizeof(uint16_t)));
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int t = 0; t < threads; t++)
    for (int64_t i = pieces * t / threads; i < pieces * (t + 1) / threads; i++) {
      vg_bf16_piece e = vg_bf16_piece_of(s->p, i);
      for (int64_t r = 0; r < e.rows; r++) adam_part(&all, 0, e.first + r * e.row, e.count);
      vg_bf16_renew(s->p, i, (uint16_t *)work.ptr + t * room);
    }
  vg_bf16_renewed(s->p);
done:
  vg_buf_give(&work);
  return st;
}

static vg_status adam(vg_device *d, int n, const vg_optim_slot *s, const vg_adam_args *a) {
  vg_optim_slot rest[BATCH];
  int left = 0;
  vg_status st = VG_OK;
  for (int i = 0; i < n; i++) {
    int64_t pieces = vg_bf16_pieces(s[i].p);
    if (pieces > 0)
      VG_TRY(adam_packing(d, &s[i], a, pieces));
    else
      rest[left++] = s[i];
    if (left == BATCH) VG_TRY(step_all(d, left, (slots){.s = rest, .adam = a}, adam_part));
    if (left == BATCH) left = 0;
  }
  st = step_all(d, left, (slots){.s = rest, .adam = a}, adam_part);
done:
  return st;
}

/* ---- SGD ---- */

VG_CPU_CLONES
static void sgd_run(vg_sgd_numbers k, int64_t n, float *restrict p, const float *restrict g) {
  for (int64_t i = 0; i < n; i++) vg_sgd_update(&k, g[i], &p[i]);
}

VG_CPU_CLONES
static void momentum_run(vg_sgd_numbers k, int64_t n, float *restrict p, const float *restrict g,
                         float *restrict m) {
  for (int64_t i = 0; i < n; i++) vg_momentum_update(&k, g[i], &p[i], &m[i]);
}

static void sgd_part(void *arg, int i, int64_t first, int64_t count) {
  const slots *a = arg;
  const vg_sgd_args *o = a->sgd;
  float *p = (float *)vg_data(a->s[i].p) + first;
  const float *g = (const float *)vg_data(a->s[i].g) + first;
  vg_sgd_numbers k = vg_sgd_numbers_of(o);
  if (o->momentum == 0)
    sgd_run(k, count, p, g);
  else
    momentum_run(k, count, p, g, (float *)vg_data(a->s[i].m) + first);
}

static vg_status sgd(vg_device *d, int n, const vg_optim_slot *s, const vg_sgd_args *a) {
  return step_all(d, n, (slots){.s = s, .sgd = a}, sgd_part);
}

/* ---- clipping ---- */

typedef struct list {
  vg_tensor *const *t;
  float number;
  double sum;
} list;

VG_CPU_CLONES
static double squares(const float *x, int64_t n) {
  double lane[8] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
  for (; i < n; i++) lane[i & 7] += (double)x[i] * (double)x[i];
  for (int l = 0; l < 8; l++) sum += lane[l];
  return sum;
}

static void squares_part(void *arg, int i, int64_t first, int64_t count) {
  list *a = arg;
  a->sum += squares((const float *)vg_data(a->t[i]) + first, count);
}

static void scale_part(void *arg, int i, int64_t first, int64_t count) {
  list *a = arg;
  float *x = (float *)vg_data(a->t[i]) + first;
  for (int64_t k = 0; k < count; k++) x[k] *= a->number;
}

static void clamp_part(void *arg, int i, int64_t first, int64_t count) {
  list *a = arg;
  float *x = (float *)vg_data(a->t[i]) + first, b = a->number;
  for (int64_t k = 0; k < count; k++) x[k] = vg_clamp_to(x[k], b);
}

static int64_t ends_of(int n, vg_tensor *const *t, int64_t *ends) {
  for (int i = 0; i < n; i++) ends[i] = (i ? ends[i - 1] : 0) + vg_physical_n(t[i]);
  return n ? ends[n - 1] : 0;
}

static vg_status change_all(const vg_device *d, int n, vg_tensor *const *t, double number,
                            walk_fn fn) {
  int64_t ends[BATCH];
  for (int from = 0; from < n; from += BATCH) {
    int count = n - from < BATCH ? n - from : BATCH;
    list a = {.t = t + from, .number = (float)number};
    ends_of(count, a.t, ends);
    walk_team(d, count, ends, fn, &a);
  }
  return VG_OK;
}

static vg_status scale(vg_device *d, int n, vg_tensor *const *t, double factor) {
  return change_all(d, n, t, factor, scale_part);
}

static vg_status clamp(vg_device *d, int n, vg_tensor *const *t, double bound) {
  return change_all(d, n, t, bound, clamp_part);
}

enum { PARTS = 64 };

static double sum_batch(const vg_device *d, int n, vg_tensor *const *t) {
  int64_t ends[BATCH], total = ends_of(n, t, ends);
  double partial[PARTS], sum = 0;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (total >= VG_CPU_GRAIN)
  for (int p = 0; p < PARTS; p++) {
    list a = {.t = t};
    walk(n, ends, total * p / PARTS, total * (p + 1) / PARTS, squares_part, &a);
    partial[p] = a.sum;
  }
  for (int p = 0; p < PARTS; p++) sum += partial[p];
  return sum;
}

/* Of gradients whose writer left the sum, that one; the rest are read. */
static vg_status sum_squares(vg_device *d, int n, vg_tensor *const *t, double *out) {
  vg_tensor *rest[BATCH];
  int left = 0;
  *out = 0;
  for (int i = 0; i < n; i++) {
    const double *known = vg_bf16_squares(t[i]);
    if (known)
      *out += *known;
    else
      rest[left++] = t[i];
    if (left == BATCH) {
      *out += sum_batch(d, left, rest);
      left = 0;
    }
  }
  *out += sum_batch(d, left, rest);
  return VG_OK;
}

const vg_optim_vt vg_cpu_optim = {
    .adam = adam, .sgd = sgd, .sum_squares = sum_squares, .scale = scale, .clamp = clamp};
