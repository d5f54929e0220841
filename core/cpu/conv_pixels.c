/* 3 x 3 convolution of maps of a few pixels: for every output pixel and every tap that falls inside
   the map, one product with the images as rows. At 2 x 2 that is 16 products instead of 36. */
#include <omp.h>

#include "cpu/blocked.h"
#include "cpu/conv_own.h"
#include "cpu/kept.h"

typedef struct job {
  const vg_conv_data *t;
  const vg_conv_problem *c;
  const vg_cpu_dense *k;
  int64_t lanes, pixels;
  float *from; /* [pixel][channel block][image][lane]: x forward, gy backward */
  float *to;   /* the same of gy, for the weights */
} job;

bool vg_conv_pixels_has(const vg_conv_problem *c) {
  return c->block_x && c->block_y && c->r == 3 && c->s == 3 && c->groups == 1 &&
         c->stride[0] == 1 && c->stride[1] == 1 && c->dilation[0] == 1 && c->dilation[1] == 1 &&
         c->pad[0] == 1 && c->pad[1] == 1;
}

/* Input pixel of output pixel p and tap, or -1. */
static int64_t source(const vg_conv_problem *c, int64_t p, int tap) {
  int64_t r = p / c->w + tap / 3 - 1, s = p % c->w + tap % 3 - 1;
  return r >= 0 && r < c->h && s >= 0 && s < c->w ? r * c->w + s : -1;
}

/* Images next to each other: [image][block][pixel] -> [pixel][block][image]. */
static void gather(const job *j, float *to, const float *from, int64_t channels, int threads) {
  int64_t blocks = channels / j->lanes, n = j->c->n, l = j->lanes;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t i = 0; i < n; i++)
      for (int64_t p = 0; p < j->pixels; p++) {
        const float *s = from + ((i * blocks + b) * j->pixels + p) * l;
        float *t = to + ((p * blocks + b) * n + i) * l;
        for (int64_t e = 0; e < l; e++) t[e] = s[e];
      }
}

/* ---- forward and data: y = sum over taps of x[source] w[tap] ---- */

typedef struct side {
  int64_t in, out; /* channels */
  float *y;
  const float *bias;
} side;

/* pack[tap][in][2 lanes] of the pair of output blocks that starts at `first`. */
static void pack_weights(const job *j, const side *s, float *pack, float *taps, int64_t first,
                         int64_t vecs) {
  int64_t l = j->lanes, c = j->c->c;
  bool forward = j->c->pass == VG_CONV_FWD;
  for (int64_t v = 0; v < vecs; v++)
    for (int64_t b = 0; b < s->in / l; b++) {
      int64_t out = (first + v) * l, in = b * l;
      if (forward) j->k->weights_by_filter(taps, j->t->w + (out * c + in) * 9, c * 9, l);
      for (int64_t i = 0; i < l; i++) {
        float *nine = taps + (forward ? i * 9 * l : 0);
        if (!forward) j->k->weights_by_channel(nine, j->t->w + ((in + i) * c + out) * 9);
        for (int64_t tap = 0; tap < 9; tap++)
          for (int64_t e = 0; e < l; e++)
            pack[((tap * s->in + in + i) * 2 + v) * l + e] = nine[tap * l + e];
      }
    }
}

static void one_pixel(const job *j, const side *s, const float *pack, int64_t pixel, int64_t first,
                      int vecs) {
  int64_t l = j->lanes, blocks = s->out / l;
  vg_gemm g = {.o = s->y + (first * j->pixels + pixel) * l,
               .rows = j->c->n,
               .outer = s->in / l,
               .a_block = j->c->n * l,
               .o_row = blocks * j->pixels * l,
               .o_vec = j->pixels * l,
               .vecs = vecs};
  for (int64_t i = 0; s->bias && i < j->c->n; i++)
    for (int64_t e = 0; e < vecs * l; e++)
      g.o[i * g.o_row + e / l * g.o_vec + e % l] = s->bias[first * l + e];
  g.add = s->bias != NULL;
  for (int tap = 0; tap < 9; tap++) {
    int64_t q = source(j->c, pixel, tap);
    if (q < 0) continue;
    g.a = j->from + q * s->in * j->c->n;
    g.b = pack + tap * s->in * 2 * l;
    j->k->gemm_rows(&g);
    g.add = 1;
  }
}

static vg_status images(vg_device *d, const job *j, const side *s) {
  int threads = vg_cpu_threads(d);
  int64_t l = j->lanes, pairs = (s->out / l + 1) / 2, each = 9 * s->in * 2 * l;
  int64_t size = each + 9 * l * l;
  int form = j->c->pass == VG_CONV_FWD ? VG_KEPT_PIXELS : VG_KEPT_PIXELS_DATA;
  vg_buf work = {0};
  vg_kept kept;
  float *base;
  vg_status st;
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * size) * sizeof *base));
  if (vg_cpu_plans(d)) goto done;
  kept = vg_cpu_keep(d, j->t->weight, form, (size_t)(pairs * each) * sizeof *base);
  base = work.ptr;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t p = 0; p < pairs; p++) {
    float *own = base + omp_get_thread_num() * size;
    float *pack = kept.data ? kept.data + p * each : own;
    int vecs = 2 * p + 2 <= s->out / l ? 2 : 1;
    if (!kept.ready) pack_weights(j, s, pack, own + each, 2 * p, vecs);
    for (int64_t pixel = 0; pixel < j->pixels; pixel++) one_pixel(j, s, pack, pixel, 2 * p, vecs);
  }
done:
  vg_buf_give(&work);
  return st;
}

/* ---- weights: gw[tap] = sum over pixels of x[source]^T gy ---- */

/* taps[channel][tap][filter] of one block of channels and one or two of filters. */
static void weight_block(const job *j, float *taps, int64_t cb, int64_t kb, int vecs) {
  int64_t l = j->lanes, n = j->c->n;
  for (int tap = 0; tap < 9; tap++) {
    vg_gemm g = {.o = taps + tap * l,
                 .outer = n,
                 .b_vec = n * l,
                 .o_row = 9 * l,
                 .o_vec = 9 * l * l,
                 .vecs = vecs};
    for (int64_t p = 0; p < j->pixels; p++) {
      int64_t q = source(j->c, p, tap);
      if (q < 0) continue;
      g.a = j->from + (q * (j->c->c / l) + cb) * n * l;
      g.b = j->to + (p * (j->c->k / l) + kb) * n * l;
      j->k->gemm_columns(&g);
      g.add = 1;
    }
    for (int64_t e = 0; !g.add && e < vecs * l * l; e++) /* a tap that never falls inside */
      g.o[e / (l * l) * g.o_vec + e / l % l * g.o_row + e % l] = 0;
  }
}

static vg_status weights(vg_device *d, const job *j) {
  int threads = vg_cpu_threads(d);
  int64_t l = j->lanes, cbs = j->c->c / l, pairs = (j->c->k / l + 1) / 2, size = 2 * 9 * l * l;
  vg_buf work = {0};
  float *base;
  vg_status st;
  VG_TRY(vg_buf_take(&work, d, (size_t)(threads * size) * sizeof *base));
  if (vg_cpu_plans(d)) goto done;
  base = work.ptr;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t i = 0; i < cbs * pairs; i++) {
    float *taps = base + omp_get_thread_num() * size;
    int64_t cb = i % cbs, kb = i / cbs * 2;
    int vecs = kb + 2 <= j->c->k / l ? 2 : 1;
    weight_block(j, taps, cb, kb, vecs);
    for (int v = 0; v < vecs; v++)
      j->k->filters_from(j->t->w + ((kb + v) * l * j->c->c + cb * l) * 9, j->c->c * 9,
                         taps + v * 9 * l * l, l);
  }
  if (j->t->bias) vg_conv_bias_gradient(d, j->t);
done:
  vg_buf_give(&work);
  return st;
}

vg_status vg_conv_pixels(vg_device *d, const vg_conv_data *t) {
  const vg_conv_problem *c = t->c;
  int threads = vg_cpu_threads(d);
  bool data = c->pass == VG_CONV_BWD_DATA, weight = c->pass == VG_CONV_BWD_WEIGHT;
  side s = {data ? c->k : c->c, data ? c->c : c->k, data ? t->x : t->y, data ? NULL : t->bias};
  job j = {.t = t, .c = c, .k = vg_cpu_dense_get(), .pixels = c->h * c->w};
  vg_buf from = {0}, to = {0};
  vg_status st;
  j.lanes = j.k->lanes;
  VG_TRY(vg_buf_take(&from, d, (size_t)(c->n * s.in * j.pixels) * sizeof(float)));
  j.from = from.ptr;
  if (!vg_cpu_plans(d)) gather(&j, j.from, data ? t->y : t->x, s.in, threads);
  if (weight) {
    VG_TRY(vg_buf_take(&to, d, (size_t)(c->n * c->k * j.pixels) * sizeof(float)));
    j.to = to.ptr;
    if (!vg_cpu_plans(d)) gather(&j, j.to, t->y, c->k, threads);
    st = weights(d, &j);
  } else {
    st = images(d, &j, &s);
  }
done:
  vg_buf_give(&from);
  vg_buf_give(&to);
  return st;
}
