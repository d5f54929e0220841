/* A batch: chosen records through a pipeline into float NCHW and int64 labels. */
#ifndef VG_DATA_BATCH_H
#define VG_DATA_BATCH_H

#include "data/augment.h"
#include "data/records.h"

/* Which records a batch holds: for k in 0..count-1 record index[order[first + k]]; a NULL list is
   the identity. */
typedef struct vg_batch_plan {
  const vg_records *records;
  const int32_t *index; /* a split of the records */
  const int32_t *order; /* an epoch's order of the split */
  int64_t first, count;
  const vg_pipeline *pipeline; /* checked by vg_pipeline_check for the records' size */
  uint64_t seed;
  uint32_t epoch;
  int threads; /* that make the batch; 0: as many as compute */
} vg_batch_plan;

/* Record number of image k of a batch. */
int64_t vg_batch_record(const vg_batch_plan *b, int64_t k);

/* x: count x 3 x out_h x out_w, y: count (may be NULL). Spread over the process's OpenMP team; the
   result is the same for any number of threads. */
void vg_batch_fill(float *x, int64_t *y, const vg_batch_plan *b);

/* The same before normalisation: count x 3 x out_h x out_w bytes. */
void vg_batch_fill_bytes(uint8_t *x, const vg_batch_plan *b);

#endif
