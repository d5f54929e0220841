/* Batched matrix product: few rows by ourselves, the rest by oneDNN's sgemm. Large products use the
   whole team, many small ones are spread over it. */
#include <string.h>

#include "cpu/bf16.h"
#include "cpu/bf16_matmul.h"
#include "cpu/cpu.h"
#include "cpu/dnn.h"
#include "cpu/few_rows.h"
#include "cpu/through_f32.h"

/* A matrix of the last two dimensions as sgemm wants it: transposed when its columns are dense. */
static char orient(const vg_tensor *t, int64_t *ld) {
  int64_t rows = t->shape[1], cols = t->shape[2], sr = t->stride[1], sc = t->stride[2];
  bool normal = sc == 1 || cols == 1; /* the stride of a dimension of size 1 means nothing */
  int64_t least = normal ? cols : rows, step = normal ? sr : sc, other = normal ? rows : cols;
  *ld = other == 1 || step < least ? least : step;
  if (*ld < 1) *ld = 1;
  return normal ? 'N' : 'T';
}

static void spread_bias(float *c, const float *bias, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i++) memcpy(c + i * cols, bias, (size_t)cols * sizeof *c);
}

static vg_status matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                        const vg_tensor *bias) {
  int64_t batch = c->shape[0], m = c->shape[1], n = c->shape[2], k = a->shape[2], lda, ldb;
  char ta = orient(a, &lda), tb = orient(b, &ldb);
  float *cp = vg_data(c), beta = bias ? 1.0f : 0.0f;
  const float *ap = vg_data(a), *bp = vg_data(b);
  int threads = vg_cpu_threads(d), failed = 0;
  vg_few_rows few = {ap, bp, bias ? vg_data(bias) : NULL, cp, m, n, k, lda, ldb, tb == 'T'};
  if (c->n == 0) return VG_OK;
  vg_cpu_state(d)->kernel = a->dtype == VG_BF16 ? vg_bf16_get()->name : "sgemm";
  if (a->dtype == VG_BF16)
    return vg_bf16_matmul_has(c, a) ? vg_bf16_matmul(d, c, a, b, bias)
                                    : vg_f32_matmul(d, c, a, b, bias);
  if (batch == 1 && ta == 'N' && vg_few_rows_has(&few)) {
    vg_cpu_state(d)->kernel = "few rows";
    return vg_few_rows_run(d, &few);
  }
  if (vg_cpu_plans(d)) return VG_OK;
  if (k == 0) {
    memset(cp, 0, (size_t)c->n * sizeof *cp);
    for (int64_t i = 0; bias && i < batch; i++) spread_bias(cp + i * m * n, vg_data(bias), m, n);
    return VG_OK;
  }
  /* With one matrix or few big ones the team works inside sgemm. */
  bool outer = batch >= threads && m * n * k < (int64_t)1 << 22;
#pragma omp parallel for schedule(static) num_threads(threads) if (outer && threads > 1) \
    reduction(|                                                                          \
              : failed)
  for (int64_t i = 0; i < batch; i++) {
    if (bias) spread_bias(cp + i * m * n, vg_data(bias), m, n);
    failed |= vg_dnn_sgemm(ta, tb, m, n, k, 1.0f, ap + i * a->stride[0], lda, bp + i * b->stride[0],
                           ldb, beta, cp + i * m * n, n) != VG_OK;
  }
  return failed ? vg_fail(VG_EINTERNAL, "matmul: oneDNN sgemm failed") : VG_OK;
}

/* Each thread owns some columns: the order of the additions does not depend on the team. */
static vg_status sum_rows(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  enum { COLUMNS = 64 };
  int64_t rows = x->shape[0], cols = x->shape[1], parts = (cols + COLUMNS - 1) / COLUMNS;
  const float *from = vg_data(x);
  const uint16_t *half = vg_data(x);
  float *to = vg_data(y);
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t p = 0; p < parts; p++) {
    int64_t lo = p * COLUMNS, n = cols - lo < COLUMNS ? cols - lo : COLUMNS;
    double sum[COLUMNS] = {0};
    for (int64_t i = 0; i < rows; i++)
      if (x->dtype == VG_BF16)
        for (int64_t j = 0; j < n; j++) sum[j] += (double)vg_bf16_to_f32(half[i * cols + lo + j]);
      else
        for (int64_t j = 0; j < n; j++) sum[j] += (double)from[i * cols + lo + j];
    for (int64_t j = 0; j < n; j++) to[lo + j] = (float)sum[j];
  }
  return VG_OK;
}

const vg_matmul_vt vg_cpu_matmul = {.matmul = matmul, .sum_rows = sum_rows};
