/* Reductions: planning, the meaning of each kind, and the choice of a walk. Sums of floats run in
   double, parts have fixed borders and are added in order: the same bits for any team. */
#include "cpu/reduce.h"

#include <math.h>

#include "cpu/convert.h"

const void *vg_cpu_block(const vg_cpu_plan *p, const char *x, int64_t s, int64_t n, void *b) {
  vg_dtype have = p->x->dtype, want = vg_cpu_is_whole(p->x) ? VG_I64 : VG_F32;
  if (s == 1 && have == want) return x;
  if (s == 1 && have == VG_BF16)
    p->rows->from_bf16(n, b, (const uint16_t *)(const void *)x);
  else
    vg_cpu_convert_row(want, b, 1, have, x, s, n);
  return b;
}

/* ---- the kinds ---- */

vg_cpu_partial vg_cpu_partial_start(vg_reduction op) {
  vg_cpu_partial v = {0, 0, 0};
  if (op == VG_PROD) v = (vg_cpu_partial){1, 0, 1};
  if (op == VG_AMAX) v = (vg_cpu_partial){-INFINITY, 0, INT64_MIN};
  if (op == VG_AMIN) v = (vg_cpu_partial){INFINITY, 0, INT64_MAX};
  return v;
}

void vg_cpu_merge(const vg_cpu_plan *p, vg_cpu_partial *v, const vg_cpu_partial *o) {
  switch (p->op) {
    case VG_PROD:
      v->a *= o->a;
      v->whole = (int64_t)((uint64_t)v->whole * (uint64_t)o->whole);
      break;
    case VG_AMAX:
      if (o->a > v->a || o->a != o->a) v->a = o->a;
      if (o->whole > v->whole) v->whole = o->whole;
      break;
    case VG_AMIN:
      if (o->a < v->a || o->a != o->a) v->a = o->a;
      if (o->whole < v->whole) v->whole = o->whole;
      break;
    default:
      v->a += o->a;
      v->b += o->b;
      v->whole = (int64_t)((uint64_t)v->whole + (uint64_t)o->whole);
  }
}

static double variance(const vg_cpu_plan *p, const vg_cpu_partial *v) {
  double n = (double)p->reduced.n, squares = v->b - v->a * v->a / n, free = n - p->s.a;
  return (squares < 0 ? 0 : squares) / (free < 0 ? 0 : free);
}

void vg_cpu_finish(const vg_cpu_plan *p, vg_tensor *y, int64_t i, const vg_cpu_partial *v) {
  double r = v->a;
  float f;
  char *to = (char *)vg_data(y) + i * (int64_t)vg_dtype_size(y->dtype);
  if (vg_cpu_is_whole(p->x)) {
    vg_cpu_convert_row(y->dtype, to, 1, VG_I64, &v->whole, 1, 1);
    return;
  }
  if (p->op == VG_MEAN) r /= (double)p->reduced.n;
  if (p->op == VG_NORM2) r = sqrt(r);
  if (p->op == VG_VAR) r = variance(p, v);
  f = (float)r;
  vg_cpu_convert_row(y->dtype, to, 1, VG_F32, &f, 1, 1);
}

/* ---- the table's entry ---- */

static bool by_columns(const vg_cpu_plan *p) {
  int64_t inner = p->kept.stride[p->kept.ndim - 1], along = p->reduced.stride[p->reduced.ndim - 1];
  if (vg_cpu_is_whole(p->x) || p->op == VG_PROD) return false;
  return p->kept.shape[p->kept.ndim - 1] >= 8 && p->reduced.n > 1 && inner > 0 &&
         (along <= 0 || inner < along);
}

static vg_status reduce(vg_device *d, vg_reduction op, vg_scalars s, vg_tensor *y,
                        const vg_tensor *x, const vg_reduce_dims *dims) {
  vg_cpu_plan p = {
      .op = op, .s = s, .rows = vg_cpu_rows_get(), .x = x, .kept.n = 1, .reduced.n = 1};
  for (int i = 0; i < x->ndim; i++)
    vg_group_add(dims->reduced[i] ? &p.reduced : &p.kept, x->shape[i], x->stride[i]);
  vg_group_close(&p.kept);
  vg_group_close(&p.reduced);
  if (p.kept.n == 0) return VG_OK;
  if (op == VG_ARGMAX || op == VG_ARGMIN) return vg_cpu_arg_extreme(d, &p, y);
  return by_columns(&p) ? vg_cpu_reduce_columns(d, &p, y) : vg_cpu_reduce_rows(d, &p, y);
}

const vg_reduce_vt vg_cpu_reduce = {.reduce = reduce};
