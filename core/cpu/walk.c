/* Splitting a walk over the team. */
#include "cpu/walk.h"

static void run_range(const vg_walk *w, int64_t lo, int64_t hi, vg_cpu_row_fn row,
                      const void *arg) {
  int last = w->ndim - 1;
  int64_t inner = w->shape[last], at[VG_MAX_DIMS], rest = lo / inner, col = lo % inner;
  int64_t step[VG_WALK_OPS];
  char *p[VG_WALK_OPS];
  for (int k = 0; k < w->nops; k++) {
    p[k] = w->base[k];
    step[k] = w->stride[k][last];
  }
  for (int d = last - 1; d >= 0; d--) {
    at[d] = rest % w->shape[d];
    rest /= w->shape[d];
    for (int k = 0; k < w->nops; k++) p[k] += at[d] * w->stride[k][d] * (int64_t)w->size[k];
  }
  while (lo < hi) {
    int64_t n = inner - col < hi - lo ? inner - col : hi - lo;
    char *q[VG_WALK_OPS];
    for (int k = 0; k < w->nops; k++) q[k] = p[k] + col * step[k] * (int64_t)w->size[k];
    row(n, q, step, arg);
    lo += n;
    col = 0;
    for (int d = last - 1; d >= 0; d--) { /* the next row */
      bool wrap = ++at[d] == w->shape[d];
      int64_t move = wrap ? 1 - w->shape[d] : 1;
      for (int k = 0; k < w->nops; k++) p[k] += move * w->stride[k][d] * (int64_t)w->size[k];
      if (!wrap) break;
      at[d] = 0;
    }
  }
}

void vg_cpu_walk_run(const vg_device *d, const vg_walk *w, vg_cpu_row_fn row, const void *arg) {
  int parts = w->n < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  if (w->n == 0) return;
  if (parts == 1) {
    run_range(w, 0, w->n, row, arg);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(parts)
  for (int p = 0; p < parts; p++) /* boundaries on cache lines */
    run_range(w, w->n / 64 * p / parts * 64,
              p + 1 == parts ? w->n : w->n / 64 * (p + 1) / parts * 64, row, arg);
}
