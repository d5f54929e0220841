/* Reductions along memory: each output's inputs in parts of fixed length, the parts shared out over
   the team; and the position of an extreme. */
#include <math.h>

#include "base/alloc.h"
#include "cpu/reduce.h"

enum { PART = 16384 };

typedef union block {
  float f[VG_CPU_REDUCE_BLOCK];
  int64_t i[VG_CPU_REDUCE_BLOCK];
} block;

static void add_whole(const vg_cpu_plan *p, vg_cpu_partial *v, const int64_t *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    vg_cpu_partial one = {0, 0, x[i]};
    vg_cpu_merge(p, v, &one);
  }
}

static void add_floats(const vg_cpu_plan *p, vg_cpu_partial *v, const float *x, int64_t n,
                       float shift) {
  vg_cpu_partial o = {0, 0, 0};
  switch (p->op) {
    case VG_AMAX: o.a = (double)p->rows->amax(n, x); break;
    case VG_AMIN: o.a = (double)p->rows->amin(n, x); break;
    case VG_NORM2: o.a = p->rows->sum_squares(n, x, 0); break;
    case VG_VAR:
      o.a = p->rows->sum(n, x) - (double)n * (double)shift;
      o.b = p->rows->sum_squares(n, x, shift);
      break;
    case VG_PROD:
      o.a = 1;
      for (int64_t i = 0; i < n; i++) o.a *= (double)x[i];
      break;
    default: o.a = p->rows->sum(n, x); break;
  }
  vg_cpu_merge(p, v, &o);
}

/* Inputs lo..hi of the output whose elements start at `base` (elements into x). */
static vg_cpu_partial part(const vg_cpu_plan *p, int64_t base, int64_t lo, int64_t hi) {
  const vg_group *r = &p->reduced;
  int64_t inner = r->shape[r->ndim - 1], step = r->stride[r->ndim - 1];
  vg_cpu_partial v = vg_cpu_partial_start(p->op);
  block b;
  float shift = 0;
  if (p->op == VG_VAR)
    shift = *(const float *)vg_cpu_block(p, vg_cpu_element(p->x, base), 1, 1, &b);
  while (lo < hi) {
    int64_t n = inner - lo % inner;
    const char *x = vg_cpu_element(p->x, base + vg_group_offset(r, lo));
    const void *e;
    if (n > hi - lo) n = hi - lo;
    if (n > VG_CPU_REDUCE_BLOCK && (step != 1 || (p->x->dtype != VG_F32 && p->x->dtype != VG_I64)))
      n = VG_CPU_REDUCE_BLOCK;
    e = vg_cpu_block(p, x, step, n, &b);
    if (vg_cpu_is_whole(p->x))
      add_whole(p, &v, e, n);
    else
      add_floats(p, &v, e, n, shift);
    lo += n;
  }
  return v;
}

vg_status vg_cpu_reduce_rows(vg_device *d, const vg_cpu_plan *p, vg_tensor *y) {
  int64_t outputs = p->kept.n, inputs = p->reduced.n, parts = (inputs + PART - 1) / PART, items;
  int team = outputs * (inputs + 1) >= VG_CPU_GRAIN ? vg_cpu_threads(d) : 1;
  vg_cpu_partial *v;
  if (parts < 1) parts = 1;
  items = outputs * parts;
  v = vg_alloc((size_t)items * sizeof *v);
  if (!v) return VG_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(team) if (team > 1)
  for (int64_t i = 0; i < items; i++) {
    int64_t lo = i % parts * PART, hi = lo + PART < inputs ? lo + PART : inputs;
    v[i] = part(p, vg_group_offset(&p->kept, i / parts), lo, hi);
  }
  for (int64_t o = 0; o < outputs; o++) {
    for (int64_t k = 1; k < parts; k++) vg_cpu_merge(p, &v[o * parts], &v[o * parts + k]);
    vg_cpu_finish(p, y, o, &v[o * parts]);
  }
  vg_free(v);
  return VG_OK;
}

/* ---- argmax, argmin: NaN before everything, then the first of equals ---- */

static int64_t best_float(const vg_cpu_plan *p, int64_t base) {
  const vg_group *r = &p->reduced;
  float best = 0;
  int64_t at = 0;
  bool most = p->op == VG_ARGMAX;
  block b;
  for (int64_t lo = 0; lo < r->n;) {
    int64_t inner = r->shape[r->ndim - 1], n = inner - lo % inner;
    const float *x;
    if (n > VG_CPU_REDUCE_BLOCK) n = VG_CPU_REDUCE_BLOCK;
    x = vg_cpu_block(p, vg_cpu_element(p->x, base + vg_group_offset(r, lo)), r->stride[r->ndim - 1],
                     n, &b);
    for (int64_t i = 0; i < n; i++) {
      bool better = most ? x[i] > best : x[i] < best;
      if (lo + i == 0 || better || (x[i] != x[i] && best == best)) {
        best = x[i];
        at = lo + i;
        if (best != best) return at;
      }
    }
    lo += n;
  }
  return at;
}

static int64_t best_whole(const vg_cpu_plan *p, int64_t base) {
  const vg_group *r = &p->reduced;
  int64_t best = 0, at = 0;
  for (int64_t i = 0; i < r->n; i++) {
    int64_t b[VG_CPU_REDUCE_BLOCK];
    int64_t x = *(const int64_t *)vg_cpu_block(
        p, vg_cpu_element(p->x, base + vg_group_offset(r, i)), 1, 1, b);
    if (i == 0 || (p->op == VG_ARGMAX ? x > best : x < best)) {
      best = x;
      at = i;
    }
  }
  return at;
}

vg_status vg_cpu_arg_extreme(vg_device *d, const vg_cpu_plan *p, vg_tensor *y) {
  int64_t *out = vg_data(y);
  int team = p->x->n >= VG_CPU_GRAIN ? vg_cpu_threads(d) : 1;
#pragma omp parallel for schedule(static) num_threads(team) if (team > 1)
  for (int64_t o = 0; o < p->kept.n; o++) {
    int64_t base = vg_group_offset(&p->kept, o);
    out[o] = vg_cpu_is_whole(p->x) ? best_whole(p, base) : best_float(p, base);
  }
  return VG_OK;
}
