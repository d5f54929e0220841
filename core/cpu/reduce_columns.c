/* Reductions across memory: the kept dimension is the inner one, so a tile of neighbouring outputs
   takes one row of inputs at a time. */
#include <math.h>

#include "base/alloc.h"
#include "cpu/reduce.h"

enum { TILE = 256, PART = 512 }; /* outputs of a tile, input rows of a part */

typedef struct tile {
  double a[TILE], b[TILE];
} tile;

static void extreme_to(int64_t n, double *acc, const float *x, bool most) {
  for (int64_t j = 0; j < n; j++) {
    double v = (double)x[j];
    if ((most ? v > acc[j] : v < acc[j]) || v != v) acc[j] = v;
  }
}

static void add_row(const vg_cpu_plan *p, tile *t, const float *x, const float *shift, int64_t n) {
  switch (p->op) {
    case VG_AMAX: extreme_to(n, t->a, x, true); break;
    case VG_AMIN: extreme_to(n, t->a, x, false); break;
    case VG_NORM2: p->rows->add_squares_to(n, t->a, x, NULL); break;
    case VG_VAR:
      p->rows->add_to(n, t->a, x);
      p->rows->add_squares_to(n, t->b, x, shift);
      break;
    default: p->rows->add_to(n, t->a, x); break;
  }
}

/* Input rows lo..hi of the n outputs whose first elements start at `base`. */
static void part(const vg_cpu_plan *p, tile *t, int64_t base, int64_t n, int64_t lo, int64_t hi) {
  int64_t step = p->kept.stride[p->kept.ndim - 1];
  float row[VG_CPU_REDUCE_BLOCK], first[VG_CPU_REDUCE_BLOCK];
  const float *shift = NULL;
  double start = vg_cpu_partial_start(p->op).a;
  for (int64_t j = 0; j < n; j++) {
    t->a[j] = start;
    t->b[j] = 0;
  }
  if (p->op == VG_VAR) shift = vg_cpu_block(p, vg_cpu_element(p->x, base), step, n, first);
  for (int64_t i = lo; i < hi; i++) {
    const char *x = vg_cpu_element(p->x, base + vg_group_offset(&p->reduced, i));
    add_row(p, t, vg_cpu_block(p, x, step, n, row), shift, n);
  }
  for (int64_t j = 0; shift && j < n; j++) t->a[j] -= (double)(hi - lo) * (double)shift[j];
}

static void finish(const vg_cpu_plan *p, vg_tensor *y, const tile *t, int64_t parts, int64_t first,
                   int64_t n) {
  for (int64_t j = 0; j < n; j++) {
    vg_cpu_partial v = {t->a[j], t->b[j], 0};
    for (int64_t k = 1; k < parts; k++) {
      vg_cpu_partial o = {t[k].a[j], t[k].b[j], 0};
      vg_cpu_merge(p, &v, &o);
    }
    vg_cpu_finish(p, y, first + j, &v);
  }
}

vg_status vg_cpu_reduce_columns(vg_device *d, const vg_cpu_plan *p, vg_tensor *y) {
  int64_t width = p->kept.shape[p->kept.ndim - 1], tiles = (width + TILE - 1) / TILE,
          bands = p->kept.n / width, parts = (p->reduced.n + PART - 1) / PART,
          items = bands * tiles * parts;
  int team = p->x->n >= VG_CPU_GRAIN ? vg_cpu_threads(d) : 1;
  tile *t = vg_alloc((size_t)items * sizeof *t);
  if (!t) return VG_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(team) if (team > 1)
  for (int64_t i = 0; i < items; i++) {
    int64_t lo = i % parts * PART, hi = lo + PART < p->reduced.n ? lo + PART : p->reduced.n;
    int64_t col = i / parts % tiles * TILE, band = i / parts / tiles;
    part(p, &t[i], vg_group_offset(&p->kept, band * width + col),
         width - col < TILE ? width - col : TILE, lo, hi);
  }
  for (int64_t i = 0; i < bands * tiles; i++) {
    int64_t col = i % tiles * TILE;
    finish(p, y, &t[i * parts], parts, i / tiles * width + col,
           width - col < TILE ? width - col : TILE);
  }
  vg_free(t);
  return VG_OK;
}
