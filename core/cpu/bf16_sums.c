#include "cpu/bf16_sums.h"

#include "base/alloc.h"

typedef enum kind { CHANNELS, SQUARES } kind;

typedef struct note {
  kind kind;
  uint32_t version;
  int64_t offset, n; /* the part of the storage that was summed */
  double values[];
} note;

static void note_free(void *p) { vg_free(p); } /* its address tells this note from others */

static const double *find(const vg_tensor *x, kind k) {
  const note *n = x->storage->note;
  if (!n || x->storage->note_free != note_free || n->kind != k) return NULL;
  if (n->version != x->storage->version || n->offset != x->offset || n->n != x->n) return NULL;
  return n->values;
}

static double *leave(const vg_tensor *x, kind k, int64_t values) {
  note *n = vg_calloc(1, sizeof *n + (size_t)values * sizeof *n->values);
  if (!n) return NULL;
  if (x->storage->note) x->storage->note_free(x->storage->note);
  n->kind = k;
  n->version = x->storage->version;
  n->offset = x->offset;
  n->n = x->n;
  x->storage->note = n;
  x->storage->note_free = note_free;
  return n->values;
}

const double *vg_bf16_sums(const vg_tensor *x) { return find(x, CHANNELS); }

double *vg_bf16_sums_new(const vg_tensor *x) {
  vg_hwnc g = vg_hwnc_of(x->shape);
  return leave(x, CHANNELS, 64 * g.blocks);
}

const double *vg_bf16_squares(const vg_tensor *x) { return find(x, SQUARES); }

void vg_bf16_squares_leave(const vg_tensor *x, const double *parts, int64_t n) {
  const double tiny = 1e-24, huge = 1e36;
  double sum = 0, *to;
  for (int64_t i = 0; i < n; i++) sum += parts[i];
  if (!(sum > tiny && sum < huge)) return;
  to = leave(x, SQUARES, 1);
  if (to) *to = sum;
}
