/* Weight gradients: for every tap the product of the input, transposed, and the gradient, summed
   over images and pixels. Both operands are turned into tiles along the batch for a few rows of
   pixels and images at a time, which stay in the cache while all blocks of channels are worked
   through; so they never go to memory. */
#include <omp.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/bf16.h"
#include "cpu/bf16_conv.h"
#include "cpu/bf16_sums.h"

enum { SLAB = 128, CACHE = 1 << 20, ACC = 4 * 256 };

typedef struct job {
  const vg_bf16_kernels *k;
  vg_hwnc x, y;
  const uint16_t *px, *py;
  uint16_t *tx, *ty; /* turned: [row][column][16 channels][32 images][tile] */
  float *acc;        /* [item][column of taps][4 x 16 x 16] */
  float *bias;       /* [row of gy][channel] sums, or NULL */
  double *squares;   /* of gw, by blocks */
  vg_tile_run *run;  /* `most` for each thread */
  int64_t r, s, most;
  int64_t rows, held; /* of gy in a chunk; of x held at a time (a ring) */
  int64_t slab;       /* images of a chunk, in 32s */
  float *gw;
  bool past; /* gw is stored past the caches */
  const vg_conv2d *p;
} job;

/* Rows first..last of gy and images of one step. */
typedef struct chunk {
  int64_t n0, n, h0, h1; /* images in 32s: from and how many; rows of gy */
  int64_t x0, x1;        /* rows of x to turn now */
} chunk;

static int64_t row_of(const job *j, int64_t h, int64_t r) {
  return h * j->p->stride[0] + r * j->p->dilation[0] - j->p->pad[0];
}

/* Elements of one turned row. */
static int64_t x_row(const job *j) { return j->x.w * j->x.blocks * 2 * j->slab * VG_TILE; }
static int64_t y_row(const job *j) { return j->y.w * j->y.blocks * 2 * j->slab * VG_TILE; }

/* ---- turning ---- */

typedef void (*turn_fn)(uint16_t *, int64_t, const uint16_t *, int64_t, int);

/* All channels and the chunk's images of one pixel. */
static void turn_pixel(const job *j, const chunk *c, turn_fn turn, const vg_hwnc *g, uint16_t *to,
                       const uint16_t *from) {
  int64_t lower = g->blocks * VG_TILE;
  for (int64_t b = 0; b < g->blocks; b++)
    for (int64_t n = 0; n < c->n; n++) {
      int64_t at = 32 * (c->n0 + n), left = g->n - at;
      turn(to + (2 * b * j->slab + n) * VG_TILE, j->slab * VG_TILE,
           from + at / 16 * lower + b * VG_TILE, lower, left < 32 ? (int)left : 32);
    }
}

static void sum_pixel(const job *j, const chunk *c, int64_t h, int64_t w) {
  const uint16_t *from = j->py + (h * j->y.w + w) * j->y.pixel;
  for (int64_t n = 32 * c->n0; n < 32 * (c->n0 + c->n) && n < j->y.n; n += 16)
    for (int64_t b = 0; b < j->y.blocks; b++)
      j->k->sum(from + vg_hwnc_row(&j->y, n, b), j->y.n - n < 16 ? j->y.n - n : 16,
                j->bias + (h * j->y.blocks + b) * 32);
}

/* One row of x or gy; all of a row of gy by one thread, so that its sums have one order. */
static void turn_row(const job *j, const chunk *c, int64_t i) {
  int64_t xs = c->x1 - c->x0, h = i < xs ? c->x0 + i : c->h0 + i - xs;
  const vg_hwnc *g = i < xs ? &j->x : &j->y;
  const uint16_t *from = i < xs ? j->px : j->py;
  uint16_t *to = i < xs ? j->tx + h % j->held * x_row(j) : j->ty + (h - c->h0) * y_row(j);
  for (int64_t w = 0; w < g->w; w++) {
    turn_pixel(j, c, i < xs ? j->k->columns : j->k->pairs, g,
               to + w * g->blocks * 2 * j->slab * VG_TILE, from + (h * g->w + w) * g->pixel);
    if (i >= xs && j->bias) sum_pixel(j, c, h, w);
  }
}

/* ---- products ---- */

static int64_t items(const job *j) { return j->x.blocks * j->y.blocks * j->r; }

/* Item i: block of channels of gy, block of x, row of taps. */
static void multiply(const job *j, const chunk *c, int64_t i, vg_tile_run *run, bool add) {
  int64_t kb = i / j->r / j->x.blocks, cb = i / j->r % j->x.blocks, r = i % j->r;
  int64_t xp = j->x.blocks * 2 * j->slab * VG_TILE, yp = j->y.blocks * 2 * j->slab * VG_TILE;
  for (int64_t s = 0; s < j->s; s++) {
    vg_tile_job t = {.run = run,
                     .steps = c->n,
                     .a_lower = j->slab * VG_TILE,
                     .b_right = j->slab * VG_TILE,
                     .c = j->acc + (i * j->s + s) * ACC,
                     .add = add};
    for (int64_t h = c->h0; h < c->h1; h++) {
      int64_t from = row_of(j, h, r);
      if (from < 0 || from >= j->x.h) continue;
      for (int64_t w = 0; w < j->y.w; w++) {
        int64_t at = w * j->p->stride[1] + s * j->p->dilation[1] - j->p->pad[1];
        if (at < 0 || at >= j->x.w) continue;
        run[t.runs].a = j->tx + from % j->held * x_row(j) + at * xp + 2 * cb * j->slab * VG_TILE;
        run[t.runs++].b = j->ty + (h - c->h0) * y_row(j) + w * yp + 2 * kb * j->slab * VG_TILE;
      }
    }
    j->k->product(&t);
  }
}

/* The sums of blocks kb and cb, [tap][c][k], into rows of K x C x R x S. */
static void scatter_part(const job *j, const float *acc, float *to, int64_t ks, int64_t cs) {
  int64_t taps = j->r * j->s, row = j->x.c * taps;
  for (int64_t k = 0; k < ks; k++)
    for (int64_t c = 0; c < cs; c++)
      for (int64_t t = 0; t < taps; t++)
        to[k * row + c * taps + t] =
            acc[t * ACC + (c / 16 * 2 + k / 16) * 256 + c % 16 * 16 + k % 16];
}

/* The same for whole blocks: 16 neighbours of a row for 16 outputs at a time. */
static void scatter_whole(const job *j, const float *acc, float *to) {
  int64_t taps = j->r * j->s, row = j->x.c * taps;
  _Alignas(64) float x[256];
  for (int64_t k = 0; k < 32; k += 16)
    for (int64_t at = 0; at < 32 * taps; at += 16) {
      for (int64_t i = 0; i < 16; i++) {
        int64_t c = (at + i) / taps, t = (at + i) % taps;
        memcpy(x + 16 * i, acc + t * ACC + (c / 16 * 2 + k / 16) * 256 + c % 16 * 16,
               16 * sizeof *x);
      }
      j->k->turn_floats(to + k * row + at, row, x, 16, j->past);
    }
}

static void scatter(const job *j, int64_t i) {
  int64_t kb = i / j->x.blocks, cb = i % j->x.blocks, taps = j->r * j->s;
  int64_t ks = j->y.c - 32 * kb, cs = j->x.c - 32 * cb;
  const float *acc = j->acc + i * taps * ACC;
  float *to = j->gw + (32 * kb * j->x.c + 32 * cb) * taps;
  j->squares[i] = j->k->squares(acc, taps * ACC);
  if (ks >= 32 && cs >= 32)
    scatter_whole(j, acc, to);
  else
    scatter_part(j, acc, to, ks < 32 ? ks : 32, cs < 32 ? cs : 32);
}

/* ---- the walk over the chunks ---- */

static void clip(const job *j, int64_t *x) { *x = *x < 0 ? 0 : *x > j->x.h ? j->x.h : *x; }

/* Rows of x that the chunk needs and the ring does not hold yet; `have` is the first it never had.
 */
static void choose_rows(const job *j, chunk *c, int64_t *have) {
  c->x0 = row_of(j, c->h0, 0);
  c->x1 = row_of(j, c->h1 - 1, j->r - 1) + 1;
  clip(j, &c->x0);
  clip(j, &c->x1);
  if (c->x0 < *have) c->x0 = *have;
  if (c->x1 < c->x0) c->x1 = c->x0;
  if (c->x1 > *have) *have = c->x1;
}

/* Every thread walks the same chunks; the loops over their parts are shared out. */
static void walk(const job *j, vg_tile_run *run) {
  bool add = false;
  for (int64_t n0 = 0; n0 * 32 < j->x.n; n0 += j->slab) {
    int64_t have = 0, left = (j->x.n + 31) / 32 - n0;
    for (int64_t h0 = 0; h0 < j->y.h; h0 += j->rows) {
      chunk c = {.n0 = n0, .n = left < j->slab ? left : j->slab, .h0 = h0, .h1 = h0 + j->rows};
      if (c.h1 > j->y.h) c.h1 = j->y.h;
      choose_rows(j, &c, &have);
#pragma omp for schedule(static)
      for (int64_t i = 0; i < c.x1 - c.x0 + c.h1 - c.h0; i++) turn_row(j, &c, i);
#pragma omp for schedule(static)
      for (int64_t i = 0; i < items(j); i++) multiply(j, &c, i, run, add);
      add = true;
    }
  }
#pragma omp for schedule(static)
  for (int64_t i = 0; i < j->x.blocks * j->y.blocks; i++) scatter(j, i);
}

static void run(vg_device *d, const job *j) {
  int threads = j->y.h * j->y.w * j->y.pixel < VG_CPU_GRAIN / 4 ? 1 : vg_cpu_threads(d);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    j->k->begin();
    walk(j, j->run + omp_get_thread_num() * j->most);
    j->k->end();
    j->k->fence();
  }
}

/* Rows of a chunk so that the blocks of one item's both operands fit the cache. */
static void choose_chunks(job *j) {
  int64_t reach = (j->r - 1) * j->p->dilation[0], row;
  j->slab = j->x.rows < SLAB ? j->x.rows / 32 : SLAB / 32;
  row = j->slab * 32 * 32 * 2; /* bytes of a pixel */
  j->rows = j->y.h;
  for (;; j->rows--) {
    j->held = (j->rows - 1) * j->p->stride[0] + reach + 1;
    if (j->held > j->x.h) j->held = j->x.h;
    if (j->rows == 1 || (j->held * j->x.w + j->rows * j->y.w) * row <= CACHE) break;
  }
  j->most = j->rows * j->y.w;
}

static void finish_bias(const job *j, float *gbias) {
  for (int64_t k = 0; k < j->y.c; k++) {
    double sum = 0;
    for (int64_t h = 0; h < j->y.h; h++)
      sum += (double)j->bias[(h * j->y.blocks + k / 32) * 32 + k % 32];
    gbias[k] = (float)sum;
  }
}

static size_t floats(int64_t n) { return (size_t)n * sizeof(float); }

/* Everything described: takes the room, computes. */
static vg_status gradient(vg_device *d, job *j, vg_tensor *gw, vg_tensor *gbias) {
  vg_buf x = {0}, y = {0}, acc = {0}, bias = {0}, runs = {0}, squares = {0};
  int64_t sums = j->y.h * j->y.blocks * 32, parts = j->x.blocks * j->y.blocks;
  vg_status st;
  choose_chunks(j);
  j->past = j->x.c * j->r * j->s % 16 == 0 && (uintptr_t)j->gw % 64 == 0 && vg_bf16_past(2 * gw->n);
  VG_TRY(vg_buf_take(&x, d, (size_t)(j->held * x_row(j)) * sizeof *j->tx));
  VG_TRY(vg_buf_take(&y, d, (size_t)(j->rows * y_row(j)) * sizeof *j->ty));
  VG_TRY(vg_buf_take(&acc, d, floats(items(j) * j->s * ACC)));
  VG_TRY(vg_buf_take(&runs, d, (size_t)(vg_cpu_threads(d) * j->most) * sizeof *j->run));
  VG_TRY(vg_buf_take(&squares, d, (size_t)parts * sizeof *j->squares));
  if (gbias) VG_TRY(vg_buf_take(&bias, d, floats(sums)));
  if (vg_cpu_plans(d)) goto done;
  j->tx = x.ptr;
  j->ty = y.ptr;
  j->acc = acc.ptr;
  j->run = runs.ptr;
  j->bias = bias.ptr;
  j->squares = squares.ptr;
  if (gbias) memset(bias.ptr, 0, floats(sums));
  run(d, j);
  vg_bf16_squares_leave(gw, j->squares, parts);
  if (gbias) finish_bias(j, vg_data(gbias));
done:
  vg_buf_give(&x);
  vg_buf_give(&y);
  vg_buf_give(&acc);
  vg_buf_give(&bias);
  vg_buf_give(&runs);
  vg_buf_give(&squares);
  return st;
}

vg_status vg_bf16_conv_bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                                  const vg_tensor *gy, const vg_conv2d *p) {
  static const vg_conv2d one_tap = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
  bool patches = vg_bf16_by_patches(x, gw);
  vg_buf room = {0};
  job j = {.k = vg_bf16_get(),
           .x = patches ? vg_bf16_patches_of(x, gw, gy) : vg_hwnc_of(x->shape),
           .y = vg_hwnc_of(gy->shape),
           .px = vg_data(x),
           .py = vg_data(gy),
           .r = patches ? 1 : gw->shape[2],
           .s = patches ? 1 : gw->shape[3],
           .gw = vg_data(gw),
           .p = patches ? &one_tap : p};
  vg_status st = VG_OK;
  if (vg_cpu_plans(d)) vg_cpu_state(d)->macs += (double)gy->n * (double)(gw->n / gw->shape[0]);
  if (patches) {
    VG_TRY(vg_buf_take(&room, d, (size_t)(j.x.h * j.x.w * j.x.pixel) * sizeof *j.px));
    VG_TRY(vg_bf16_patches(d, room.ptr, &j.x, x, gw->shape[2], gw->shape[3], p));
    j.px = room.ptr;
  }
  st = gradient(d, &j, gw, gbias);
done:
  vg_buf_give(&room);
  return st;
}
