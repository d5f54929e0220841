/* The weight is read once, in strips that stay in the cache while all rows pass over them: with few
   rows its way through memory is what a product costs. */
#include "cpu/few_rows.h"

#include <omp.h>
#include <string.h>

#include "cpu/dense.h"

enum { STRIP = 1024, PANEL = 1024, DEPTH = 64, PANEL_ROW = PANEL + 16 };

bool vg_few_rows_has(const vg_few_rows *j) {
  if (j->m < 1 || j->m > VG_CPU_FEW_ROWS || j->n < 1 || j->k < 1) return false;
  return j->by_column || j->n % vg_cpu_dense_get()->lanes == 0;
}

static bool is_small(const vg_few_rows *j) { return j->m * j->n * j->k < VG_CPU_GRAIN; }

/* a as [block of lanes][row][lane], the last block filled up with 0. */
static void pack_rows(const vg_few_rows *j, float *to, int64_t lanes) {
  int64_t blocks = (j->k + lanes - 1) / lanes;
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t r = 0; r < j->m; r++)
      for (int64_t i = 0; i < lanes; i++)
        *to++ = b * lanes + i < j->k ? j->a[r * j->lda + b * lanes + i] : 0;
}

/* ---- columns of b are dense: turned around, a strip of a pair of vectors of columns at a time
 * ---- */

/* [row][2 lanes] of `width` columns from `from` on and rows k..k+depth; what lies outside is 0. */
static void pack_turned(const vg_few_rows *j, float *to, int64_t pair, int64_t k, int64_t depth,
                        int64_t from, int64_t width) {
  const vg_cpu_dense *table = vg_cpu_dense_get();
  int64_t n = j->k - k < depth ? j->k - k : depth, l = table->lanes;
  if (n < depth || width < pair) memset(to, 0, (size_t)(depth * pair) * sizeof *to);
  for (int64_t c = 0; c < width; c += l)
    for (int64_t i = 0; i < n; i += l) {
      const float *b = j->b + (from + c) * j->ldb + k + i;
      float *at = to + i * pair + c;
      if (c + l <= width && i + l <= n) {
        table->turn(at, pair, b, j->ldb);
        continue;
      }
      for (int64_t y = 0; y < l && c + y < width; y++)
        for (int64_t x = 0; x < l && i + x < n; x++) at[x * pair + y] = b[y * j->ldb + x];
    }
}

static void columns(const vg_few_rows *j, const float *rows, float *pack, float *sum,
                    int64_t from) {
  const vg_cpu_dense *table = vg_cpu_dense_get();
  int64_t l = table->lanes, pair = 2 * l, width = j->n - from < pair ? j->n - from : pair;
  int64_t all = (j->k + l - 1) / l * l;
  for (int64_t k = 0; k < all; k += STRIP) {
    int64_t depth = all - k < STRIP ? all - k : STRIP;
    vg_gemm g = {.a = rows + k * j->m,
                 .b = pack,
                 .o = sum,
                 .rows = j->m,
                 .outer = depth / l,
                 .a_block = j->m * l,
                 .o_row = pair,
                 .o_vec = l,
                 .vecs = 2,
                 .add = k > 0};
    pack_turned(j, pack, pair, k, depth, from, width);
    table->gemm_rows(&g);
  }
  for (int64_t r = 0; r < j->m; r++)
    for (int64_t c = 0; c < width; c++)
      j->c[r * j->n + from + c] = sum[r * pair + c] + (j->bias ? j->bias[from + c] : 0);
}

static vg_status run_columns(vg_device *d, const vg_few_rows *j) {
  int threads = is_small(j) ? 1 : vg_cpu_threads(d);
  int64_t l = vg_cpu_dense_get()->lanes, all = (j->k + l - 1) / l * l;
  int64_t pack = STRIP * 2 * l, each = pack + j->m * 2 * l;
  vg_buf rows = {0}, work = {0};
  float *base;
  vg_status st;
  VG_TRY(vg_buf_take(&rows, d, (size_t)(all * j->m) * sizeof(float)));
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * each) * sizeof(float)));
  if (vg_cpu_plans(d)) goto done;
  base = work.ptr;
  pack_rows(j, rows.ptr, l);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t c = 0; c < j->n; c += 2 * l) {
    float *own = base + omp_get_thread_num() * each;
    columns(j, rows.ptr, own, own + pack, c);
  }
done:
  vg_buf_give(&rows);
  vg_buf_give(&work);
  return st;
}

/* ---- rows of b are dense: rows of a times panels of b ---- */

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
