/* 3 x 3 convolution by Winograd's F(4x4, 3x3): a quarter of the products. Tiles of all images form
   the rows of 36 matrix products. They are worked on in chunks whose transforms stay in the cache:
   with many tiles every thread takes whole chunks, with few all threads share one chunk and divide
   the channels. */
#include <omp.h>
#include <string.h>

#include "cpu/blocked.h"
#include "cpu/conv_own.h"
#include "cpu/kept.h"

/* Tiles of a chunk, measured on a Cascade Lake core: small enough for the second-level cache, large
   enough to use every transformed weight often. Above MOST_PRIVATE weights they would not fit there
   and the team shares its chunks. */
enum {
  POINTS = 36,
  IMAGE_CHUNK = 28,
  WEIGHT_CHUNK = 56,
  SHARED_CHUNK = 126,
  MOST_PRIVATE = 128 * 128
};

typedef struct plan {
  const vg_conv_data *t;
  const vg_conv_problem *c;
  const vg_cpu_dense *k;
  int64_t lanes, across, down, tiles; /* tiles in a row, in a column, in all */
  int64_t in, out;                    /* channels on either side of the product */
  int64_t chunk;                      /* tiles */
  int64_t pad;
  int64_t in_h, in_w, out_h, out_w;
  int64_t us, vs, ms; /* between two points: weights, input side, output side */
  float *u;
  bool ready;  /* u holds the transforms of an earlier call */
  bool shared; /* one chunk at a time for the whole team */
  int threads;
} plan;

/* One chunk being worked on. */
typedef struct chunk {
  int64_t first, n;
  float *v, *m;
} chunk;

bool vg_conv_winograd_has(const vg_conv_problem *c) {
  return c->block_x && c->block_y && c->r == 3 && c->s == 3 && c->groups == 1 &&
         c->stride[0] == 1 && c->stride[1] == 1 && c->dilation[0] == 1 && c->dilation[1] == 1 &&
         c->pad[0] == c->pad[1] && c->pad[0] <= 2;
}

static int64_t pairs(const plan *p) { return (p->out / p->lanes + 1) / 2; }

/* Part `i` of `n` equal parts of [0, size). */
static void share(int64_t size, int64_t i, int64_t n, int64_t *lo, int64_t *hi) {
  *lo = size * i / n;
  *hi = size * (i + 1) / n;
}

static vg_tile tile_at(const plan *p, int64_t i, int64_t pad, int64_t h, int64_t w,
                       int64_t *image) {
  int64_t in_image = i % (p->across * p->down);
  *image = i / (p->across * p->down);
  return (vg_tile){in_image / p->across * 4 - pad, in_image % p->across * 4 - pad, h, w};
}

/* ---- transforms of one chunk ---- */

static void input(const plan *p, const chunk *k, const float *x, int64_t lo, int64_t hi) {
  int64_t blocks = p->in / p->lanes, plane = p->in_h * p->in_w * p->lanes, image;
  for (int64_t b = lo; b < hi; b++)
    for (int64_t i = 0; i < k->n; i++) {
      vg_tile t = tile_at(p, k->first + i, p->pad, p->in_h, p->in_w, &image);
      p->k->wino_input(k->v + (b * p->chunk + i) * p->lanes, p->vs,
                       x + (image * blocks + b) * plane, &t);
    }
}

static void output(const plan *p, const chunk *k, float *y, const float *bias, int64_t lo,
                   int64_t hi) {
  int64_t blocks = p->out / p->lanes, plane = p->out_h * p->out_w * p->lanes, image;
  for (int64_t b = lo; b < hi; b++)
    for (int64_t i = 0; i < k->n; i++) {
      vg_tile t = tile_at(p, k->first + i, 0, p->out_h, p->out_w, &image);
      p->k->wino_output(y + (image * blocks + b) * plane, k->m + (b * p->chunk + i) * p->lanes,
                        p->ms, bias ? bias + b * p->lanes : NULL, &t);
    }
}

static void gradient(const plan *p, const chunk *k, const float *gy, int64_t lo, int64_t hi) {
  int64_t blocks = p->out / p->lanes, plane = p->out_h * p->out_w * p->lanes, image;
  for (int64_t b = lo; b < hi; b++)
    for (int64_t i = 0; i < k->n; i++) {
      vg_tile t = tile_at(p, k->first + i, 0, p->out_h, p->out_w, &image);
      p->k->wino_gradient(k->m + (b * p->chunk + i) * p->lanes, p->ms,
                          gy + (image * blocks + b) * plane, &t);
    }
}

/* u[point][pair of output blocks][input channel][2 lanes] */
static void weight(const plan *p, float *taps, int64_t lo, int64_t hi) {
  int64_t l = p->lanes, c = p->c->c;
  bool forward = p->c->pass == VG_CONV_FWD;
  for (int64_t b = lo * 2; b < hi * 2 && b < p->out / l; b++)
    for (int64_t i = 0; i < p->in; i++) {
      float *nine = taps + (forward ? i % l * 9 * l : 0);
      if (forward && i % l == 0)
        p->k->weights_by_filter(taps, p->t->w + (b * l * c + i) * 9, c * 9, l);
      if (!forward) p->k->weights_by_channel(nine, p->t->w + (i * c + b * l) * 9);
      p->k->wino_weight(p->u + ((b / 2 * p->in + i) * 2 + b % 2) * l, p->us, nine);
    }
}

static void product(const plan *p, const chunk *k, int64_t lo, int64_t hi) {
  int64_t l = p->lanes, step = p->chunk * l;
  for (int64_t point = 0; point < POINTS; point++)
    for (int64_t i = lo; i < hi; i++) {
      vg_gemm g = {.a = k->v + point * p->vs,
                   .b = p->u + point * p->us + i * p->in * 2 * l,
                   .o = k->m + point * p->ms + i * 2 * step,
                   .rows = k->n,
                   .outer = p->in / l,
                   .a_block = step,
                   .o_row = l,
                   .o_vec = step,
                   .vecs = 2 * i + 2 <= p->out / l ? 2 : 1};
      p->k->gemm_rows(&g);
    }
}

/* ---- plans ---- */

static void make_plan(plan *p, vg_device *d, const vg_conv_data *t) {
  const vg_conv_problem *c = t->c;
  bool data = c->pass == VG_CONV_BWD_DATA;
  int64_t line = 16;
  p->t = t;
  p->c = c;
  p->k = vg_cpu_dense_get();
  p->lanes = p->k->lanes;
  p->threads = vg_cpu_threads(d);
  p->in = data ? c->k : c->c;
  p->out = data ? c->c : c->k;
  p->pad = data ? 2 - c->pad[0] : c->pad[0];
  p->in_h = data ? c->p : c->h;
  p->in_w = data ? c->q : c->w;
  p->out_h = data ? c->h : c->p;
  p->out_w = data ? c->w : c->q;
  p->down = (p->out_h + 3) / 4;
  p->across = (p->out_w + 3) / 4;
  p->tiles = c->n * p->down * p->across;
  p->shared = p->in * p->out > MOST_PRIVATE;
  p->chunk = p->shared ? SHARED_CHUNK : c->pass == VG_CONV_BWD_WEIGHT ? WEIGHT_CHUNK : IMAGE_CHUNK;
  if (p->chunk > p->tiles) p->chunk = p->tiles;
  p->us = pairs(p) * p->in * 2 * p->lanes + line;
  p->vs = p->in * p->chunk + line;
  p->ms = pairs(p) * 2 * p->lanes * p->chunk + line;
}

/* ---- forward and data ---- */

static void run_images(const plan *p, float *v, float *m, float *taps, const float *x, float *y,
                       const float *bias) {
  int64_t blocks = p->out / p->lanes, each = p->shared ? 0 : 1,
          chunks = (p->tiles + p->chunk - 1) / p->chunk, l = p->lanes;
#pragma omp parallel num_threads(p->threads) if (p->threads > 1)
  {
    int64_t me = omp_get_thread_num(), team = omp_get_num_threads(), lo, hi, a, b;
    chunk k = {.v = v + each * me * POINTS * p->vs, .m = m + each * me * POINTS * p->ms};
    share(pairs(p), me, team, &lo, &hi);
    if (!p->ready) weight(p, taps + me * 9 * l * l, lo, hi);
    if (!p->shared) {
#pragma omp barrier
#pragma omp for schedule(static)
      for (int64_t i = 0; i < chunks; i++) {
        k.first = i * p->chunk;
        k.n = p->tiles - k.first < p->chunk ? p->tiles - k.first : p->chunk;
        input(p, &k, x, 0, p->in / l);
        product(p, &k, 0, pairs(p));
        output(p, &k, y, bias, 0, blocks);
      }
    } else {
      share(p->in / l, me, team, &a, &b);
      for (k.first = 0; k.first < p->tiles; k.first += p->chunk) {
        k.n = p->tiles - k.first < p->chunk ? p->tiles - k.first : p->chunk;
        input(p, &k, x, a, b);
#pragma omp barrier
        product(p, &k, lo, hi);
        output(p, &k, y, bias, lo * 2, hi * 2 < blocks ? hi * 2 : blocks);
#pragma omp barrier
      }
    }
  }
}

static vg_status images(vg_device *d, plan *p) {
  const vg_conv_data *t = p->t;
  bool data = p->c->pass == VG_CONV_BWD_DATA;
  int64_t copies = p->shared ? 1 : p->threads;
  vg_buf u = {0}, v = {0}, m = {0}, taps = {0};
  size_t bytes = (size_t)(POINTS * p->us) * sizeof(float);
  vg_kept kept;
  vg_status st;
  VG_TRY(vg_buf_take(&v, d, (size_t)(copies * POINTS * p->vs) * sizeof(float)));
  VG_TRY(vg_buf_take(&m, d, (size_t)(copies * POINTS * p->ms) * sizeof(float)));
  VG_TRY(vg_buf_take(&taps, d, (size_t)(p->threads * 9 * p->lanes * p->lanes) * sizeof(float)));
  kept = vg_cpu_keep(d, t->weight, data ? VG_KEPT_WINOGRAD_DATA : VG_KEPT_WINOGRAD, bytes);
  if (!kept.data) VG_TRY(vg_buf_take(&u, d, bytes));
  if (vg_cpu_plans(d)) goto done;
  p->u = kept.data ? kept.data : u.ptr;
  p->ready = kept.ready;
  run_images(p, v.ptr, m.ptr, taps.ptr, data ? t->y : t->x, data ? t->x : t->y,
             data ? NULL : t->bias);
done:
  vg_buf_give(&u);
  vg_buf_give(&v);
  vg_buf_give(&m);
  vg_buf_give(&taps);
  return st;
}

/* ---- weights: w[point][pair][channel block][lane][2 lanes] = sum over tiles ---- */

static void accumulate(const plan *p, const chunk *k, float *w, bool add, int64_t lo, int64_t hi) {
  int64_t l = p->lanes, step = p->chunk * l, cbs = p->in / l;
  for (int64_t point = 0; point < POINTS; point++)
    for (int64_t i = lo; i < hi; i++)
      for (int64_t b = 0; b < cbs; b++) {
        vg_gemm g = {.a = k->v + point * p->vs + b * step,
                     .b = k->m + point * p->ms + i * 2 * step,
                     .o = w + point * p->us + (i * cbs + b) * 2 * l * l,
                     .outer = k->n,
                     .b_vec = step,
                     .o_row = 2 * l,
                     .o_vec = l,
                     .vecs = 2 * i + 2 <= p->out / l ? 2 : 1,
                     .add = add};
        p->k->gemm_columns(&g);
      }
}

/* Sums the copies of the threads into the first one and transforms to OIHW. */
static void finish_weights(const plan *p, float *w, int64_t copies, float *taps, int64_t lo,
                           int64_t hi) {
  int64_t l = p->lanes, cbs = p->in / l, size = 2 * l * l;
  for (int64_t i = lo; i < hi; i++)
    for (int64_t b = 0; b < cbs; b++) {
      float *block = w + (i * cbs + b) * size;
      for (int64_t k = 1; k < copies; k++)
        for (int64_t point = 0; point < POINTS; point++) {
          float *to = block + point * p->us;
          const float *from = to + k * POINTS * p->us;
          for (int64_t e = 0; e < size; e++) to[e] += from[e];
        }
      for (int64_t v = 0; v < 2 && i * 2 + v < p->out / l; v++) {
        for (int64_t c = 0; c < l; c++)
          p->k->wino_weight_gradient(taps + c * 9 * l, block + (c * 2 + v) * l, p->us);
        p->k->filters_from(p->t->w + ((i * 2 + v) * l * p->in + b * l) * 9, p->in * 9, taps, l);
      }
    }
}

static void run_weights(const plan *p, float *vbuf, float *mbuf, float *w, float *tapbuf) {
  int64_t l = p->lanes, each = p->shared ? 0 : 1, chunks = (p->tiles + p->chunk - 1) / p->chunk;
#pragma omp parallel num_threads(p->threads) if (p->threads > 1)
  {
    int64_t me = omp_get_thread_num(), team = omp_get_num_threads(), lo, hi, a, b, e, f;
    chunk k = {.v = vbuf + each * me * POINTS * p->vs, .m = mbuf + each * me * POINTS * p->ms};
    float *taps = tapbuf + me * 9 * l * l;
    share(pairs(p), me, team, &lo, &hi);
    if (!p->shared) {
      float *own = w + me * POINTS * p->us;
      share(chunks, me, team, &a, &b);
      if (a == b) memset(own, 0, (size_t)(POINTS * p->us) * sizeof *own);
      for (int64_t i = a; i < b; i++) {
        k.first = i * p->chunk;
        k.n = p->tiles - k.first < p->chunk ? p->tiles - k.first : p->chunk;
        input(p, &k, p->t->x, 0, p->in / l);
        gradient(p, &k, p->t->y, 0, p->out / l);
        accumulate(p, &k, own, i > a, 0, pairs(p));
      }
#pragma omp barrier
    } else {
      share(p->in / l, me, team, &a, &b);
      share(p->out / l, me, team, &e, &f);
      for (k.first = 0; k.first < p->tiles; k.first += p->chunk) {
        k.n = p->tiles - k.first < p->chunk ? p->tiles - k.first : p->chunk;
        input(p, &k, p->t->x, a, b);
        gradient(p, &k, p->t->y, e, f);
#pragma omp barrier
        accumulate(p, &k, w, k.first > 0, lo, hi);
#pragma omp barrier
      }
    }
    finish_weights(p, w, each ? team : 1, taps, lo, hi);
  }
}

static vg_status weights(vg_device *d, plan *p) {
  int64_t copies = p->shared ? 1 : p->threads;
  vg_buf w = {0}, v = {0}, m = {0}, taps = {0};
  vg_status st;
  VG_TRY(vg_buf_take(&w, d, (size_t)(copies * POINTS * p->us) * sizeof(float)));
  VG_TRY(vg_buf_take(&v, d, (size_t)(copies * POINTS * p->vs) * sizeof(float)));
  VG_TRY(vg_buf_take(&m, d, (size_t)(copies * POINTS * p->ms) * sizeof(float)));
  VG_TRY(vg_buf_take(&taps, d, (size_t)(p->threads * 9 * p->lanes * p->lanes) * sizeof(float)));
  if (vg_cpu_plans(d)) goto done;
  run_weights(p, v.ptr, m.ptr, w.ptr, taps.ptr);
  if (p->t->bias) vg_conv_bias_gradient(d, p->t);
done:
  vg_buf_give(&w);
  vg_buf_give(&v);
  vg_buf_give(&m);
  vg_buf_give(&taps);
  return st;
}

vg_status vg_conv_winograd(vg_device *d, const vg_conv_data *t) {
  plan p = {0};
  make_plan(&p, d, t);
  return t->c->pass == VG_CONV_BWD_WEIGHT ? weights(d, &p) : images(d, &p);
}

void vg_conv_bias_gradient(vg_device *d, const vg_conv_data *t) {
  int64_t l = vg_cpu_dense_get()->lanes, blocks = t->c->k / l, plane = t->c->p * t->c->q;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d))
  for (int64_t b = 0; b < blocks; b++) {
    double sum[16] = {0};
    for (int64_t n = 0; n < t->c->n; n++) {
      const float *g = t->y + (n * blocks + b) * plane * l;
      for (int64_t i = 0; i < plane; i++)
        for (int64_t e = 0; e < l; e++) sum[e] += (double)g[i * l + e];
    }
    for (int64_t e = 0; e < l; e++) t->bias[b * l + e] = (float)sum[e];
  }
}
