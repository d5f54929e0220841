/* Merging dimensions and splitting a walk over the team. */
#include "cpu/walk.h"

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

static void swap_dims(vg_cpu_walk *w, int a, int b) {
  int64_t t = w->shape[a];
  w->shape[a] = w->shape[b];
  w->shape[b] = t;
  for (int k = 0; k < w->nops; k++) {
    t = w->stride[k][a];
    w->stride[k][a] = w->stride[k][b];
    w->stride[k][b] = t;
  }
}

/* The output's order in memory, so that writes (in place: on a transposed view) go along rows. */
static void sort_dims(vg_cpu_walk *w) {
  for (int i = 1; i < w->ndim; i++)
    for (int j = i; j > 0 && magnitude(w->stride[0][j]) > magnitude(w->stride[0][j - 1]); j--)
      swap_dims(w, j, j - 1);
}

static bool can_merge(const vg_cpu_walk *w, int d) {
  for (int k = 0; k < w->nops; k++)
    if (w->stride[k][d] != w->stride[k][d + 1] * w->shape[d + 1]) return false;
  return true;
}

static void merge_dims(vg_cpu_walk *w) {
  for (int d = w->ndim - 2; d >= 0; d--) {
    if (!can_merge(w, d)) continue;
    w->shape[d] *= w->shape[d + 1];
    for (int k = 0; k < w->nops; k++) w->stride[k][d] = w->stride[k][d + 1];
    for (int e = d + 1; e + 1 < w->ndim; e++) {
      w->shape[e] = w->shape[e + 1];
      for (int k = 0; k < w->nops; k++) w->stride[k][e] = w->stride[k][e + 1];
    }
    w->ndim--;
  }
}

void vg_cpu_walk_init(vg_cpu_walk *w, int nops, const vg_tensor *const *t) {
  *w = (vg_cpu_walk){.nops = nops, .n = vg_physical_n(t[0])};
  for (int k = 0; k < nops; k++) {
    w->base[k] = vg_data(t[k]);
    w->size[k] = vg_dtype_size(t[k]->dtype);
  }
  for (int d = 0; d < t[0]->ndim && !t[0]->layout; d++) {
    if (t[0]->shape[d] == 1) continue;
    w->shape[w->ndim] = t[0]->shape[d];
    for (int k = 0; k < nops; k++) w->stride[k][w->ndim] = t[k]->stride[d];
    w->ndim++;
  }
  if (w->ndim == 0) { /* one element, or a layout walked as it lies in memory */
    w->ndim = 1;
    w->shape[0] = w->n;
    for (int k = 0; k < nops; k++) w->stride[k][0] = 1;
    return;
  }
  sort_dims(w);
  merge_dims(w);
}

static void run_range(const vg_cpu_walk *w, int64_t lo, int64_t hi, vg_cpu_row_fn row,
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

void vg_cpu_walk_run(const vg_device *d, const vg_cpu_walk *w, vg_cpu_row_fn row, const void *arg) {
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
