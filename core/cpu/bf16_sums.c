#include "cpu/bf16_sums.h"

#include "base/alloc.h"

typedef struct note {
  uint32_t version;
  double values[];
} note;

static void note_free(void *p) { vg_free(p); } /* its address tells this note from others */

const double *vg_bf16_sums(const vg_tensor *x) {
  const note *n = x->storage->note;
  bool ours = n && x->storage->note_free == note_free;
  return ours && n->version == x->storage->version ? n->values : NULL;
}

double *vg_bf16_sums_new(const vg_tensor *x) {
  vg_hwnc g = vg_hwnc_of(x->shape);
  note *n = vg_calloc(1, sizeof *n + 64 * (size_t)g.blocks * sizeof *n->values);
  if (!n) return NULL;
  if (x->storage->note) x->storage->note_free(x->storage->note);
  n->version = x->storage->version;
  x->storage->note = n;
  x->storage->note_free = note_free;
  return n->values;
}
