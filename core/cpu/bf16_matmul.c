#include "cpu/bf16_matmul.h"

#include <string.h>

#include "base/alloc.h"
#include "cpu/bf16.h"
#include "cpu/bf16_sums.h"
#include "cpu/bf16_weight.h"

typedef struct job {
  const vg_bf16_kernels *k;
  int64_t m, n, depth;   /* c is m x n */
  int64_t mb, nb, db;    /* the same in blocks of 32 */
  const uint16_t *a, *b; /* as they came; b NULL: a weight */
  int64_t a_row, a_col, b_row, b_col;
  uint16_t *pa;
  const uint16_t *pb; /* tiles */
  uint16_t *room;     /* pb, when it is ours to fill */
  const float *bias;  /* padded, or NULL */
  uint16_t *c16;
  float *c32;      /* one of the two */
  double *squares; /* of c32, by blocks */
  bool past;       /* c32 is stored past the caches */
} job;

static int64_t blocks(int64_t n) { return (n + 31) / 32; }

/* A block of 32 x 32 in which rows of `cols` neighbours lie `row` apart, with zeros around. */
static void read_block(uint16_t *x, const uint16_t *from, int64_t row, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < 32; r++) {
    int64_t n = r >= rows || cols < 0 ? 0 : cols < 32 ? cols : 32;
    memcpy(x + 32 * r, from + (n ? r * row : 0), (size_t)n * sizeof *x);
    memset(x + 32 * r + n, 0, (size_t)(32 - n) * sizeof *x);
  }
}

/* Tiles of A: rows of 32 along the depth. */
static void pack_a(const job *j, int64_t mb, int64_t db) {
  uint16_t x[32 * 32], *to = j->pa + (2 * mb * j->db + db) * VG_TILE;
  const uint16_t *from = j->a + 32 * mb * j->a_row + 32 * db * j->a_col;
  int64_t rows = j->m - 32 * mb, depth = j->depth - 32 * db, lower = j->db * VG_TILE;
  if (j->a_col == 1 || j->depth == 1) {
    read_block(x, from, j->a_row, rows, depth);
    memcpy(to, x, VG_TILE * sizeof *x);
    memcpy(to + lower, x + VG_TILE, VG_TILE * sizeof *x);
  } else {
    read_block(x, from, j->a_col, depth, rows);
    j->k->columns(to, lower, x, VG_TILE, 32);
  }
}

/* Tiles of B: rows of pairs along the depth. */
static void pack_b(const job *j, int64_t nb, int64_t db) {
  uint16_t x[32 * 32], *to = j->room + (2 * nb * j->db + db) * VG_TILE;
  const uint16_t *from = j->b + 32 * nb * j->b_col + 32 * db * j->b_row;
  int64_t columns = j->n - 32 * nb, depth = j->depth - 32 * db, right = j->db * VG_TILE;
  if (j->b_col == 1 || j->n == 1) {
    read_block(x, from, j->b_row, depth, columns);
    j->k->pairs(to, right, x, VG_TILE, 32);
  } else {
    read_block(x, from, j->b_col, columns, depth);
    j->k->turn(to, right, x);
  }
}

static void write_block(const job *j, const float *c, int64_t mb, int64_t nb) {
  uint16_t x[32 * 32];
  int64_t columns = j->n - 32 * nb < 32 ? j->n - 32 * nb : 32;
  if (j->c32 && columns == 32 && 32 * mb + 32 <= j->m) {
    j->k->spread(j->c32 + 32 * mb * j->n + 32 * nb, j->n, c, j->past);
    return;
  }
  if (j->c16) j->k->store(x, VG_TILE, c, j->bias ? j->bias + 32 * nb : NULL, 0, NULL, false);
  for (int64_t r = 0; r < 32 && 32 * mb + r < j->m; r++) {
    int64_t at = (32 * mb + r) * j->n + 32 * nb;
    const float *row = c + r / 16 * 512 + r % 16 * 16;
    if (j->c16) {
      memcpy(j->c16 + at, x + 32 * r, (size_t)columns * sizeof *x);
      continue;
    }
    memcpy(j->c32 + at, row, (size_t)(columns < 16 ? columns : 16) * sizeof *row);
    if (columns > 16) memcpy(j->c32 + at + 16, row + 256, (size_t)(columns - 16) * sizeof *row);
  }
}

static void block_of_c(const job *j, int64_t mb, int64_t nb) {
  _Alignas(64) float c[4 * 256];
  vg_tile_run run = {j->pa + 2 * mb * j->db * VG_TILE, j->pb + 2 * nb * j->db * VG_TILE};
  vg_tile_job t = {.run = &run,
                   .runs = 1,
                   .steps = j->db,
                   .a_lower = j->db * VG_TILE,
                   .b_right = j->db * VG_TILE,
                   .c = c};
  j->k->product(&t);
  if (j->squares) j->squares[mb * j->nb + nb] = j->k->squares(c, 4 * 256);
  write_block(j, c, mb, nb);
}

static void run(vg_device *d, const job *j) {
  int threads = j->mb * j->nb * j->db < 16 ? 1 : vg_cpu_threads(d);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < j->mb * j->db; i++) pack_a(j, i / j->db, i % j->db);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < (j->b ? j->nb * j->db : 0); i++) pack_b(j, i / j->db, i % j->db);
    j->k->begin();
    /* The operand that is read again lies in the cache: the smaller one. */
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < j->mb * j->nb; i++) {
      if (j->mb > j->nb / 2)
        block_of_c(j, i / j->nb, i % j->nb);
      else
        block_of_c(j, i % j->mb, i / j->mb);
    }
    j->k->end();
    if (j->past) j->k->fence();
  }
}

bool vg_bf16_matmul_has(const vg_tensor *c, const vg_tensor *a) {
  return c->shape[0] == 1 && a->shape[2] > 0;
}

/* b as the weight's matrix, whose columns lie densely: as it is, or turned around. The stride of a
   dimension of size 1 means nothing. */
static vg_status weight(job *j, vg_device *d, const vg_tensor *b) {
  vg_bf16_matrix m = {j->depth, j->n, 1, j->b_row};
  bool turned = j->b_col != 1 && (j->b_row == 1 || j->depth == 1);
  if (turned) m = (vg_bf16_matrix){j->n, j->depth, 1, j->b_col};
  return vg_bf16_weight(&j->pb, d, b, &m, turned ? VG_SUM_COLUMNS : VG_SUM_ROWS);
}

vg_status vg_bf16_matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                         const vg_tensor *bias) {
  job j = {.k = vg_bf16_get(),
           .m = c->shape[1],
           .n = c->shape[2],
           .depth = a->shape[2],
           .a = vg_data(a),
           .b = b->dtype == VG_BF16 ? vg_data(b) : NULL,
           .a_row = a->stride[1],
           .a_col = a->stride[2],
           .b_row = b->stride[1],
           .b_col = b->stride[2],
           .c16 = c->dtype == VG_BF16 ? vg_data(c) : NULL,
           .c32 = c->dtype == VG_F32 ? vg_data(c) : NULL};
  vg_buf pa = {0}, pb = {0}, squares = {0};
  float *padded = NULL;
  vg_status st;
  j.mb = blocks(j.m);
  j.nb = blocks(j.n);
  j.db = blocks(j.depth);
  j.past = j.c32 && vg_bf16_past(j.m * j.n) && j.n % 16 == 0 && (uintptr_t)j.c32 % 64 == 0;
  VG_TRY(vg_buf_take(&pa, d, (size_t)(j.mb * j.db) * 2 * VG_TILE * sizeof *j.pa));
  if (j.b)
    VG_TRY(vg_buf_take(&pb, d, (size_t)(j.nb * j.db) * 2 * VG_TILE * sizeof *j.pa));
  else
    VG_TRY(weight(&j, d, b));
  if (j.c32) VG_TRY(vg_buf_take(&squares, d, (size_t)(j.mb * j.nb) * sizeof *j.squares));
  if (vg_cpu_plans(d)) goto done;
  j.pa = pa.ptr;
  j.squares = squares.ptr;
  if (j.b) j.pb = j.room = pb.ptr;
  if (bias) {
    if (!(padded = vg_calloc((size_t)j.nb * 32, sizeof *padded))) VG_TRY(VG_ENOMEM);
    memcpy(padded, vg_data(bias), (size_t)j.n * sizeof *padded);
    j.bias = padded;
  }
  run(d, &j);
  if (j.squares) vg_bf16_squares_leave(c, j.squares, j.mb * j.nb);
done:
  vg_free(padded);
  vg_buf_give(&squares);
  vg_buf_give(&pa);
  vg_buf_give(&pb);
  return st;
}
