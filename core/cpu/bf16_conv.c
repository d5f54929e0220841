/* Forward and data gradient: one routine that sums over the taps which a pixel has, and the patches
   of images with few channels. */
#include "cpu/bf16_conv.h"

#include <string.h>

#include "base/alloc.h"
#include "cpu/bf16_sums.h"
#include "cpu/bf16_weight.h"

enum { MOST_TAPS = 121, SMALL = 5 << 18 };

bool vg_bf16_conv_has(const vg_tensor *x, const vg_tensor *w, const vg_conv2d *p) {
  return p->groups == 1 && w->shape[2] * w->shape[3] <= MOST_TAPS && x->n > 0;
}

bool vg_bf16_by_patches(const vg_tensor *x, const vg_tensor *w) {
  return x->shape[1] < 16 && x->shape[1] * w->shape[2] * w->shape[3] <= 64;
}

const vg_layout *vg_bf16_conv_input(const vg_tensor *x, const vg_tensor *w) {
  return vg_bf16_by_patches(x, w) ? NULL : &vg_cpu_hwnc;
}

/* y <- x convolved: `to` and `from` are the pixels written and read. */
typedef struct job {
  const vg_bf16_kernels *k;
  vg_hwnc to, from;
  const uint16_t *x, *w;
  uint16_t *y;
  const float *bias; /* padded, or NULL */
  float *partial;    /* sums of each pixel written, or NULL */
  int64_t r, s;
  const vg_conv2d *p;
  bool back; /* y is the gradient of the input */
  bool past; /* y is stored past the caches */
} job;

/* The row (dim 0) or column that position `at` of y reads through tap t, or -1. */
static int64_t source(const job *j, int dim, int64_t at, int64_t t) {
  int64_t stride = j->p->stride[dim], shift = t * j->p->dilation[dim] - j->p->pad[dim];
  int64_t limit = dim ? j->from.w : j->from.h, i = j->back ? at - shift : at * stride + shift;
  if (i < 0 || (j->back && i % stride)) return -1;
  if (j->back) i /= stride;
  return i < limit ? i : -1;
}

static int64_t runs_of(const job *j, vg_tile_run *run, int64_t pixel, int64_t block) {
  int64_t n = 0, taps = j->r * j->s, step = j->from.blocks * VG_TILE;
  for (int64_t r = 0; r < j->r; r++) {
    int64_t h = source(j, 0, pixel / j->to.w, r);
    for (int64_t s = 0; h >= 0 && s < j->s; s++) {
      int64_t w = source(j, 1, pixel % j->to.w, s);
      if (w < 0) continue;
      run[n].a = j->x + (h * j->from.w + w) * j->from.pixel;
      run[n++].b = j->w + (2 * block * taps + r * j->s + s) * step;
    }
  }
  return n;
}

/* One pixel and 32 channels of images n0..n1. */
static void pixel_of(const job *j, int64_t pixel, int64_t block, int64_t n0, int64_t n1) {
  _Alignas(64) float c[4 * 256];
  vg_tile_run run[MOST_TAPS];
  int64_t step = j->from.blocks * VG_TILE, lower = j->to.blocks * VG_TILE;
  float *sums = j->partial ? j->partial + (pixel * j->to.blocks + block) * 64 : NULL;
  vg_tile_job t = {.run = run,
                   .runs = runs_of(j, run, pixel, block),
                   .steps = j->from.blocks,
                   .a_lower = step,
                   .a_offset = n0 / 16 * step,
                   .b_right = j->r * j->s * step,
                   .c = c};
  if (sums && n0 == 0) memset(sums, 0, 64 * sizeof *sums);
  for (int64_t n = n0; n < n1; n += 32, t.a_offset += 2 * step) {
    int64_t left = j->to.n - n;
    j->k->product(&t);
    j->k->store(j->y + pixel * j->to.pixel + n / 16 * lower + block * VG_TILE, lower, c,
                j->bias ? j->bias + 32 * block : NULL, left < 32 ? (int)left : 32, sums, j->past);
  }
}

/* Sums of a block of channels over the pixels, in their order. */
static void add_up(const job *j, double *sums, int64_t block) {
  double acc[64] = {0};
  for (int64_t p = 0; p < j->to.h * j->to.w; p++)
    for (int i = 0; i < 64; i++) acc[i] += (double)j->partial[(p * j->to.blocks + block) * 64 + i];
  for (int i = 0; i < 32; i++) {
    sums[32 * block + i] = acc[i];
    sums[32 * (j->to.blocks + block) + i] = acc[32 + i];
  }
}

/* What stays in a core's cache: the weights of a block while all pixels pass, or all weights and
   the rows of x around a pixel of 32 images. A pixel's images have one order either way. */
static bool by_images(const job *j) {
  return j->to.blocks * j->from.blocks * j->r * j->s * 2 * VG_TILE * 2 <= SMALL;
}

static void walk(const job *j) {
  int64_t pixels = j->to.h * j->to.w, blocks = j->to.blocks;
  if (!by_images(j)) {
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < blocks * pixels; i++) pixel_of(j, i % pixels, i / pixels, 0, j->to.n);
    return;
  }
  for (int64_t n = 0; n < j->to.n; n += 32) {
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < blocks * pixels; i++)
      pixel_of(j, i / blocks, i % blocks, n, n + 32 < j->to.n ? n + 32 : j->to.n);
  }
}

static void run(vg_device *d, job *j, double *sums) {
  int64_t pixels = j->to.h * j->to.w, blocks = j->to.blocks;
  int threads = pixels * j->to.pixel < VG_CPU_GRAIN / 4 ? 1 : vg_cpu_threads(d);
  j->past = vg_bf16_past(pixels * j->to.pixel);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    j->k->begin();
    walk(j);
    j->k->end();
    j->k->fence();
#pragma omp barrier
    if (sums) {
#pragma omp for schedule(static)
      for (int64_t b = 0; b < blocks; b++) add_up(j, sums, b);
    }
  }
}

static void count(vg_device *d, const vg_tensor *y, const vg_tensor *w) {
  if (vg_cpu_plans(d)) vg_cpu_state(d)->macs += (double)y->n * (double)(w->n / w->shape[0]);
}

/* ---- patches ---- */

vg_hwnc vg_bf16_patches_of(const vg_tensor *x, const vg_tensor *w, const vg_tensor *y) {
  return vg_hwnc_of(
      (int64_t[]){x->shape[0], x->shape[1] * w->shape[2] * w->shape[3], y->shape[2], y->shape[3]});
}

typedef struct window_job {
  vg_hwnc g;
  const vg_tensor *x;
  const vg_conv2d *p;
  int64_t r, s, across; /* across: elements of a row of x with its padding */
} window_job;

/* Image n's rows of x under row h of y, for every channel and row of taps; the padding to both
   sides of them stays zero. */
static void load_lines(const window_job *j, uint16_t *line, int64_t n, int64_t h) {
  const vg_tensor *x = j->x;
  int64_t width = x->shape[3], top = h * j->p->stride[0] - j->p->pad[0];
  for (int64_t e = 0; e < x->shape[1] * j->r; e++) {
    int64_t row = top + e % j->r * j->p->dilation[0];
    uint16_t *to = line + e * j->across + j->p->pad[1];
    const uint16_t *from = (const uint16_t *)vg_data(x) + n * x->stride[0];
    from += e / j->r * x->stride[1] + row * x->stride[2];
    if (row < 0 || row >= x->shape[2])
      memset(to, 0, (size_t)width * sizeof *to);
    else if (x->stride[3] == 1)
      memcpy(to, from, (size_t)width * sizeof *to);
    else
      for (int64_t w = 0; w < width; w++) to[w] = from[w * x->stride[3]];
  }
}

/* The patches of image n along row h; inlined with s known, so that a row of taps is one copy. */
static inline __attribute__((always_inline)) void cut(const window_job *j, uint16_t *out,
                                                      const uint16_t *line, int64_t n, int64_t s,
                                                      int64_t apart) {
  int64_t lines = j->x->shape[1] * j->r;
  for (int64_t w = 0; w < j->g.w; w++, out += j->g.pixel, line += j->p->stride[1]) {
    uint16_t v[64] = {0};
    for (int64_t e = 0; e < lines; e++)
      for (int64_t t = 0; t < s; t++) v[e * s + t] = line[e * j->across + t * apart];
    for (int64_t b = 0; b < j->g.blocks; b++)
      memcpy(out + vg_hwnc_row(&j->g, n, b), v + 32 * b, 32 * sizeof *v);
  }
}

static void patch_row(const window_job *j, uint16_t *out, uint16_t *line, int64_t n, int64_t h) {
  load_lines(j, line, n, h);
  if (j->s == 3 && j->p->dilation[1] == 1)
    cut(j, out, line, n, 3, 1);
  else
    cut(j, out, line, n, j->s, j->p->dilation[1]);
}

vg_status vg_bf16_patches(vg_device *d, uint16_t *out, const vg_hwnc *g, const vg_tensor *x,
                          int64_t r, int64_t s, const vg_conv2d *p) {
  window_job j = {*g, x, p, r, s, x->shape[3] + 2 * p->pad[1]};
  int64_t size = x->shape[1] * r * j.across, rows = g->h * g->n;
  int threads = x->n < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  vg_buf work = {0};
  vg_status st;
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * size) * sizeof *out));
  if (vg_cpu_plans(d)) goto done;
  memset(work.ptr, 0, (size_t)(threads * size) * sizeof *out);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int t = 0; t < threads; t++)
    for (int64_t i = rows * t / threads; i < rows * (t + 1) / threads; i++)
      patch_row(&j, out + i / g->n * g->w * g->pixel, (uint16_t *)work.ptr + t * size, i % g->n,
                i / g->n);
done:
  vg_buf_give(&work);
  return st;
}

/* ---- the members ---- */

static const vg_conv2d one_tap = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};

static vg_bf16_matrix matrix_of(const vg_tensor *w, bool patches) {
  int64_t taps = w->shape[2] * w->shape[3], row = w->shape[1] * taps;
  if (patches) return (vg_bf16_matrix){w->shape[0], row, 1, row};
  return (vg_bf16_matrix){w->shape[0], w->shape[1], taps, row};
}

static vg_status padded_bias(float **out, const vg_tensor *bias, const vg_hwnc *g) {
  *out = NULL;
  if (!bias) return VG_OK;
  *out = vg_calloc((size_t)g->blocks * 32, sizeof **out);
  if (!*out) return VG_ENOMEM;
  memcpy(*out, vg_data(bias), (size_t)g->c * sizeof **out);
  return VG_OK;
}

vg_status vg_bf16_conv_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                           const vg_tensor *bias, const vg_conv2d *p) {
  bool patches = vg_bf16_by_patches(x, w), sum = !d->ctx->no_grad;
  vg_buf room = {0}, partial = {0};
  vg_bf16_matrix m = matrix_of(w, patches);
  job j = {.k = vg_bf16_get(), .to = vg_hwnc_of(y->shape), .x = vg_data(x), .y = vg_data(y)};
  float *padded = NULL;
  vg_status st;
  j.p = patches ? &one_tap : p;
  j.r = patches ? 1 : w->shape[2];
  j.s = patches ? 1 : w->shape[3];
  j.from = patches ? vg_bf16_patches_of(x, w, y) : vg_hwnc_of(x->shape);
  count(d, y, w);
  VG_TRY(vg_bf16_weight(&j.w, d, w, &m, VG_SUM_COLUMNS));
  if (patches)
    VG_TRY(vg_buf_take(&room, d, (size_t)(j.from.h * j.from.w * j.from.pixel) * sizeof *j.y));
  if (sum) VG_TRY(vg_buf_take(&partial, d, (size_t)(j.to.h * j.to.w * j.to.blocks) * 64 * 4));
  if (patches) {
    VG_TRY(vg_bf16_patches(d, room.ptr, &j.from, x, w->shape[2], w->shape[3], p));
    j.x = room.ptr;
  }
  if (vg_cpu_plans(d)) goto done;
  VG_TRY(padded_bias(&padded, bias, &j.to));
  j.bias = padded;
  j.partial = partial.ptr;
  run(d, &j, sum ? vg_bf16_sums_new(y) : NULL);
done:
  vg_free(padded);
  vg_buf_give(&room);
  vg_buf_give(&partial);
  return st;
}

vg_status vg_bf16_conv_bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy,
                                const vg_tensor *w, const vg_conv2d *p) {
  vg_bf16_matrix m = matrix_of(w, false);
  vg_storage storage = {0};
  vg_tensor t = *gx;
  job j = {.k = vg_bf16_get(),
           .to = vg_hwnc_of(gx->shape),
           .from = vg_hwnc_of(gy->shape),
           .x = vg_data(gy),
           .r = w->shape[2],
           .s = w->shape[3],
           .p = p,
           .back = true};
  vg_status st;
  count(d, gy, w);
  VG_TRY(vg_bf16_weight(&j.w, d, w, &m, VG_SUM_ROWS));
  if (!gx->layout) {
    t.layout = &vg_cpu_hwnc;
    t.storage = &storage;
    t.offset = 0;
    VG_TRY(vg_buf_take(&storage.buf, d, (size_t)vg_physical_n(&t) * sizeof *j.y));
  }
  if (vg_cpu_plans(d)) goto done;
  j.y = vg_data(&t);
  run(d, &j, NULL);
  if (!gx->layout) VG_TRY(vg_hwnc_convert(d, gx, &t));
done:
  vg_buf_give(&storage.buf);
  return st;
}
