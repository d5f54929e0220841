/* Matrix products with few rows, as linear layers make of small batches. */
#ifndef VG_CPU_FEW_ROWS_H
#define VG_CPU_FEW_ROWS_H

#include "cpu/cpu.h"

enum { VG_CPU_FEW_ROWS = 127 };

/* c (m x n) = a (m x k) b + bias, c contiguous, rows of a lda floats apart. b is k x n with rows
   ldb floats apart or, if `by_column`, its columns are. bias: n, or NULL. */
typedef struct vg_few_rows {
  const float *a, *b, *bias;
  float *c;
  int64_t m, n, k, lda, ldb;
  bool by_column;
} vg_few_rows;

bool vg_few_rows_has(const vg_few_rows *j);
/* Every row of c comes from the same operations in the same order, whatever m and the team are. */
vg_status vg_few_rows_run(vg_device *d, const vg_few_rows *j);

#endif
