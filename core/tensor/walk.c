/* Merging dimensions. */
#include "tensor/walk.h"

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

static void swap_dims(vg_walk *w, int a, int b) {
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
static void sort_dims(vg_walk *w) {
  for (int i = 1; i < w->ndim; i++)
    for (int j = i; j > 0 && magnitude(w->stride[0][j]) > magnitude(w->stride[0][j - 1]); j--)
      swap_dims(w, j, j - 1);
}

static bool can_merge(const vg_walk *w, int d) {
  for (int k = 0; k < w->nops; k++)
    if (w->stride[k][d] != w->stride[k][d + 1] * w->shape[d + 1]) return false;
  return true;
}

static void merge_dims(vg_walk *w) {
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

void vg_walk_init(vg_walk *w, int nops, const vg_tensor *const *t) {
  *w = (vg_walk){.nops = nops, .n = vg_physical_n(t[0])};
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

/* ---- groups of dimensions ---- */

void vg_group_add(vg_group *g, int64_t size, int64_t stride) {
  if (size == 1) return;
  g->n *= size;
  if (g->ndim > 0 && g->stride[g->ndim - 1] == stride * size) {
    g->shape[g->ndim - 1] *= size;
    g->stride[g->ndim - 1] = stride;
    return;
  }
  g->shape[g->ndim] = size;
  g->stride[g->ndim++] = stride;
}

void vg_group_close(vg_group *g) {
  if (g->ndim > 0) return;
  g->ndim = 1;
  g->shape[0] = g->n; /* 1 */
  g->stride[0] = 1;
}

int64_t vg_group_offset(const vg_group *g, int64_t i) {
  int64_t offset = 0;
  for (int d = g->ndim - 1; d >= 0; d--) {
    offset += i % g->shape[d] * g->stride[d];
    i /= g->shape[d];
  }
  return offset;
}
