/* The weight is read once, in strips that stay in the cache while all rows pass over them: with few
   rows its way through memory is what a product costs. */
#include "cpu/few_rows.h"

#include <omp.h>
#include <string.h>

#include "cpu/dense.h"

enum { STRIP = 1024, COLUMNS = 16, PANEL = 1024, DEPTH = 64, PANEL_ROW = PANEL + 16 };

bool vg_few_rows_has(const vg_few_rows *j) {
  if (j->m < 1 || j->m > VG_CPU_FEW_ROWS || j->n < 1 || j->k < 1) return false;
  return j->by_column || j->n % vg_cpu_dense_get()->lanes == 0;
}

static bool is_small(const vg_few_rows *j) { return j->m * j->n * j->k < VG_CPU_GRAIN; }

/* ---- columns of b are dense: scalar products ---- */

/* The rows of a cut into strips, [strip][row]; their distance is no power of two, which would put
   all rows into the same few sets of the cache. */
enum { STRIP_ROW = STRIP + 16 };

static int64_t strips(const vg_few_rows *j) { return (j->k + STRIP - 1) / STRIP; }

static void pack_strips(const vg_few_rows *j, float *to) {
  for (int64_t s = 0; s < strips(j); s++)
    for (int64_t r = 0; r < j->m; r++) {
      int64_t n = j->k - s * STRIP < STRIP ? j->k - s * STRIP : STRIP;
      memcpy(to + (s * j->m + r) * STRIP_ROW, j->a + r * j->lda + s * STRIP,
             (size_t)n * sizeof *to);
    }
}

static void columns(const vg_few_rows *j, const float *rows, int64_t from, int64_t to) {
  const vg_cpu_dense *table = vg_cpu_dense_get();
  for (int64_t s = 0; s < strips(j); s++) {
    vg_dot g = {.a = rows + s * j->m * STRIP_ROW,
                .b = j->b + from * j->ldb + s * STRIP,
                .o = j->c + from,
                .rows = j->m,
                .columns = to - from,
                .k = j->k - s * STRIP < STRIP ? j->k - s * STRIP : STRIP,
                .a_row = STRIP_ROW,
                .b_row = j->ldb,
                .o_row = j->n,
                .add = s > 0};
    table->dot(&g);
  }
  for (int64_t r = 0; j->bias && r < j->m; r++)
    for (int64_t c = from; c < to; c++) j->c[r * j->n + c] += j->bias[c];
}

static vg_status run_columns(vg_device *d, const vg_few_rows *j) {
  int threads = is_small(j) ? 1 : vg_cpu_threads(d);
  vg_buf rows = {0};
  vg_status st;
  VG_TRY(vg_buf_take(&rows, d, (size_t)(strips(j) * j->m * STRIP_ROW) * sizeof(float)));
  if (vg_cpu_plans(d)) goto done;
  pack_strips(j, rows.ptr);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t c = 0; c < j->n; c += COLUMNS)
    columns(j, rows.ptr, c, c + COLUMNS < j->n ? c + COLUMNS : j->n);
done:
  vg_buf_give(&rows);
  return st;
}

/* ---- rows of b are dense: rows of a times panels of b ---- */

/* a as [block of lanes][row][lane], the last block filled up with 0. */
static void pack_rows(const vg_few_rows *j, float *to, int64_t lanes) {
  int64_t blocks = (j->k + lanes - 1) / lanes;
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t r = 0; r < j->m; r++)
      for (int64_t i = 0; i < lanes; i++)
        *to++ = b * lanes + i < j->k ? j->a[r * j->lda + b * lanes + i] : 0;
}

/* [pair of vectors][row][2 lanes] of a part of b, rows beyond the end and half pairs are 0. */
static void pack_panel(const vg_few_rows *j, float *to, int64_t lanes, int64_t k, int64_t depth,
                       int64_t from, int64_t width) {
  int64_t pair = 2 * lanes;
  for (int64_t i = 0; i < depth; i++)
    for (int64_t c = 0; c < width; c += pair) {
      float *at = to + (c / pair * depth + i) * pair;
      int64_t n = width - c < pair ? width - c : pair;
      if (k + i < j->k) memcpy(at, j->b + (k + i) * j->ldb + from + c, (size_t)n * sizeof *at);
      if (k + i >= j->k) memset(at, 0, (size_t)n * sizeof *at);
    }
}

/* One panel of c, summed up in `sum` (m x PANEL_ROW). */
static void panel(const vg_few_rows *j, const float *rows, float *pack, float *sum, int64_t from) {
  const vg_cpu_dense *table = vg_cpu_dense_get();
  int64_t l = table->lanes, width = j->n - from < PANEL ? j->n - from : PANEL;
  int64_t all = (j->k + l - 1) / l * l;
  for (int64_t k = 0; k < all; k += DEPTH) {
    int64_t depth = all - k < DEPTH ? all - k : DEPTH;
    pack_panel(j, pack, l, k, depth, from, width);
    for (int64_t c = 0; c < width; c += 2 * l) {
      vg_gemm g = {.a = rows + k * j->m,
                   .b = pack + c * depth,
                   .o = sum + c,
                   .rows = j->m,
                   .outer = depth / l,
                   .a_block = j->m * l,
                   .o_row = PANEL_ROW,
                   .o_vec = l,
                   .vecs = width - c >= 2 * l ? 2 : 1,
                   .add = k > 0};
      table->gemm_rows(&g);
    }
  }
  for (int64_t r = 0; r < j->m; r++)
    for (int64_t c = 0; c < width; c++)
      j->c[r * j->n + from + c] = sum[r * PANEL_ROW + c] + (j->bias ? j->bias[from + c] : 0);
}

static vg_status run_rows(vg_device *d, const vg_few_rows *j) {
  int threads = is_small(j) ? 1 : vg_cpu_threads(d);
  int64_t l = vg_cpu_dense_get()->lanes, all = (j->k + l - 1) / l * l;
  int64_t pack = PANEL * DEPTH, each = pack + j->m * PANEL_ROW;
  vg_buf rows = {0}, work = {0};
  float *base;
  vg_status st;
  VG_TRY(vg_buf_take(&rows, d, (size_t)(all * j->m) * sizeof(float)));
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * each) * sizeof(float)));
  if (vg_cpu_plans(d)) goto done;
  base = work.ptr;
  pack_rows(j, rows.ptr, l);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t c = 0; c < j->n; c += PANEL) {
    float *own = base + omp_get_thread_num() * each;
    panel(j, rows.ptr, own, own + pack, c);
  }
done:
  vg_buf_give(&rows);
  vg_buf_give(&work);
  return st;
}

vg_status vg_few_rows_run(vg_device *d, const vg_few_rows *j) {
  return j->by_column ? run_columns(d, j) : run_rows(d, j);
}
