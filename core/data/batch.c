/* Batches are made when they are asked for, by the team that computes the step: no loader threads.
 */
#include "data/batch.h"

#include <omp.h>
#include <string.h>

static int team(const vg_batch_plan *b) {
  return b->threads > 0 ? b->threads : omp_get_max_threads();
}

int64_t vg_batch_record(const vg_batch_plan *b, int64_t k) {
  int64_t i = b->first + k;
  if (b->order) i = b->order[i];
  return b->index ? b->index[i] : i;
}

typedef struct workspace {
  uint8_t a[VG_IMAGE_BYTES], b[VG_IMAGE_BYTES];
} workspace;

static vg_image make_image(const vg_batch_plan *b, int64_t k, workspace *ws) {
  int64_t i = vg_batch_record(b, k);
  const vg_records *r = b->records;
  vg_image m = {.px = ws->a, .spare = ws->b};
  vg_aug_key key = {b->seed, b->epoch, (uint32_t)i};
  vg_augment(&m, b->pipeline, key, vg_record_at(r, i) + 1, r->height, r->width);
  return m;
}

void vg_batch_fill(float *x, int64_t *y, const vg_batch_plan *b) {
#pragma omp parallel for schedule(static) num_threads(team(b)) if (b->count > 8)
  for (int64_t k = 0; k < b->count; k++) {
    workspace ws;
    vg_image m = make_image(b, k, &ws);
    vg_pipeline_floats(x + k * 3 * m.h * m.w, b->pipeline, &m);
    if (y) y[k] = *vg_record_at(b->records, vg_batch_record(b, k));
  }
}

void vg_batch_fill_bytes(uint8_t *x, const vg_batch_plan *b) {
#pragma omp parallel for schedule(static) num_threads(team(b)) if (b->count > 8)
  for (int64_t k = 0; k < b->count; k++) {
    workspace ws;
    vg_image m = make_image(b, k, &ws);
    memcpy(x + k * 3 * m.h * m.w, m.px, (size_t)(3 * m.h * m.w));
  }
}
