/* Fills and dropout from Philox blocks. Work is cut into runs of elements whose words are computed
   side by side; which thread computes a run does not matter. */
#include <math.h>
#include <string.h>

#include "base/draw.h"
#include "cpu/blocked.h"
#include "cpu/clones.h"
#include "cpu/cpu.h"
#include "cpu/hwnc.h"

enum { LANES = 32, WORDS = 4 * LANES, RUN = 4096 };

/* Words of the LANES blocks from `first` on: vg_stream_block, arranged for vector code. */
VG_CPU_CLONES
static void philox_words(vg_stream s, uint64_t first, uint32_t *out) {
  uint32_t a[LANES], b[LANES], c[LANES], d[LANES];
  uint32_t k0 = (uint32_t)s.seed, k1 = (uint32_t)(s.seed >> 32);
  for (int l = 0; l < LANES; l++) {
    a[l] = (uint32_t)(first + (uint64_t)l);
    b[l] = (uint32_t)((first + (uint64_t)l) >> 32) | s.purpose << 24;
    c[l] = (uint32_t)s.index;
    d[l] = (uint32_t)(s.index >> 32);
  }
  for (int round = 0; round < 10; round++) {
    for (int l = 0; l < LANES; l++) {
      uint64_t x = (uint64_t)0xD2511F53u * a[l], y = (uint64_t)0xCD9E8D57u * c[l];
      a[l] = (uint32_t)(y >> 32) ^ b[l] ^ k0;
      c[l] = (uint32_t)(x >> 32) ^ d[l] ^ k1;
      b[l] = (uint32_t)y;
      d[l] = (uint32_t)x;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int l = 0; l < LANES; l++) {
    out[4 * l] = a[l];
    out[4 * l + 1] = b[l];
    out[4 * l + 2] = c[l];
    out[4 * l + 3] = d[l];
  }
}

typedef struct fill {
  vg_stream s;
  float a, b;   /* low end and width, mean and deviation, or dropout's scale in b */
  float top;    /* uniform: the largest value allowed */
  uint32_t p24; /* probability in units of 2^-24 */
  void (*values)(const struct fill *f, const uint32_t *w, float *v); /* WORDS of them */
} fill;

static void uniform_values(const fill *f, const uint32_t *w, float *v) {
  for (int i = 0; i < WORDS; i++) v[i] = vg_draw_uniform(w[i], f->a, f->b, f->top);
}

static void normal_values(const fill *f, const uint32_t *w, float *v) {
  for (int i = 0; i < WORDS; i += 2) vg_draw_normal(&v[i], w[i], w[i + 1], f->a, f->b);
}

static void bernoulli_values(const fill *f, const uint32_t *w, float *v) {
  for (int i = 0; i < WORDS; i++) v[i] = w[i] >> 8 < f->p24 ? 1 : 0;
}

static void dropout_values(const fill *f, const uint32_t *w, float *v) {
  for (int i = 0; i < WORDS; i++) v[i] = w[i] >> 8 < f->p24 ? 0 : f->b;
}

/* Values of logical elements first .. first + n - 1 in pieces of at most WORDS. Returns the piece's
   length; *at is where it starts in v. */
static int64_t piece(const fill *f, int64_t first, int64_t n, float *v, int *at) {
  uint32_t w[WORDS];
  philox_words(f->s, (uint64_t)first / 4, w);
  f->values(f, w, v);
  *at = (int)(first % 4);
  return n < WORDS - *at ? n : WORDS - *at;
}

static void store_piece(vg_tensor *y, int64_t at, int64_t n, const float *v) {
  float *f32 = (float *)vg_data(y) + at;
  uint16_t *bf16 = (uint16_t *)vg_data(y) + at;
  uint8_t *u8 = (uint8_t *)vg_data(y) + at;
  switch (y->dtype) {
    case VG_F32: memcpy(f32, v, (size_t)n * sizeof *v); break;
    case VG_BF16:
      for (int64_t k = 0; k < n; k++) bf16[k] = vg_f32_to_bf16(v[k]);
      break;
    default:
      for (int64_t k = 0; k < n; k++) u8[k] = (uint8_t)v[k];
      break;
  }
}

static void store_run(const fill *f, vg_tensor *y, int64_t lo, int64_t hi) {
  float v[WORDS];
  int at;
  for (int64_t n, i = lo; i < hi; i += n) {
    n = piece(f, i, hi - i, v, &at);
    store_piece(y, i, n, v + at);
  }
}

static vg_status run_fill(const vg_device *d, vg_tensor *y, const fill *f) {
  int64_t runs = (y->n + RUN - 1) / RUN;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (y->n >= VG_CPU_GRAIN)
  for (int64_t r = 0; r < runs; r++)
    store_run(f, y, r * RUN, (r + 1) * RUN < y->n ? (r + 1) * RUN : y->n);
  return VG_OK;
}

static vg_status uniform(vg_device *d, vg_tensor *y, vg_stream s, double lo, double hi) {
  fill f = {.s = s, .a = (float)lo, .b = (float)(hi - lo), .values = uniform_values};
  f.top = nextafterf((float)hi, (float)lo);
  return run_fill(d, y, &f);
}

static vg_status normal(vg_device *d, vg_tensor *y, vg_stream s, double mean, double std) {
  fill f = {.s = s, .a = (float)mean, .b = (float)std, .values = normal_values};
  return run_fill(d, y, &f);
}

static vg_status bernoulli(vg_device *d, vg_tensor *y, vg_stream s, double p) {
  fill f = {.s = s, .p24 = vg_in_24_bits(p), .values = bernoulli_values};
  return run_fill(d, y, &f);
}

/* ---- dropout ---- */

static void drop_f32(float *y, const float *x, int64_t step, int64_t n, const float *v) {
  if (step == 1)
    for (int64_t k = 0; k < n; k++) y[k] = x[k] * v[k];
  else
    for (int64_t k = 0; k < n; k++) y[k * step] = x[k * step] * v[k];
}

static void drop_bf16(uint16_t *y, const uint16_t *x, int64_t step, int64_t n, const float *v) {
  for (int64_t k = 0; k < n; k++) y[k * step] = vg_f32_to_bf16(vg_bf16_to_f32(x[k * step]) * v[k]);
}

/* Physical elements at, at + step, ... hold the logical elements first, first + 1, ... */
static void dropout_run(const fill *f, vg_tensor *y, const vg_tensor *x, int64_t at, int64_t step,
                        int64_t first, int64_t count) {
  float v[WORDS];
  int skip;
  for (int64_t n, i = 0; i < count; i += n) {
    int64_t e = at + i * step;
    n = piece(f, first + i, count - i, v, &skip);
    if (x->dtype == VG_F32)
      drop_f32((float *)vg_data(y) + e, (const float *)vg_data(x) + e, step, n, v + skip);
    else
      drop_bf16((uint16_t *)vg_data(y) + e, (const uint16_t *)vg_data(x) + e, step, n, v + skip);
  }
}

/* One plane after the other; maps of one pixel as the rows of channels they are. */
static vg_status dropout_hwnc(vg_device *d, const fill *f, vg_tensor *y, const vg_tensor *x) {
  vg_hwnc g = vg_hwnc_of(x->shape);
  int64_t hw = g.h * g.w, run = hw == 1 ? 32 : 1, per = (g.c + run - 1) / run;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t r = 0; r < g.n * per; r++) {
    int64_t n = r / per, c = r % per * run, left = g.c - c;
    int64_t at = vg_hwnc_row(&g, n, c / 32) + c % 32;
    if (run == 1)
      dropout_run(f, y, x, at, g.pixel, (n * g.c + c) * hw, hw);
    else
      dropout_run(f, y, x, at, 1, n * g.c + c, left < 32 ? left : 32);
  }
  vg_hwnc_clean(d, y);
  return VG_OK;
}

static vg_status dropout(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_stream s, double p) {
  fill f = {.s = s, .p24 = vg_in_24_bits(p), .values = dropout_values};
  int64_t plane = 0, runs = (x->n + RUN - 1) / RUN, block = x->layout ? x->layout->kind : 1;
  f.b = p < 1 ? (float)(1 / (1 - p)) : 0;
  if (x->layout == &vg_cpu_hwnc) return dropout_hwnc(d, &f, y, x);
  if (x->layout && x->layout != vg_cpu_blocked())
    return vg_fail(VG_EUNSUPPORTED, "dropout: layout %s is not supported", x->layout->name);
  if (x->layout) {
    plane = x->shape[2] * x->shape[3];
    runs = x->shape[0] * x->shape[1];
  }
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t r = 0; r < runs; r++) {
    if (plane) /* r counts n x c: its plane lies `block` apart inside its block of channels */
      dropout_run(&f, y, x, r / block * block * plane + r % block, block, r * plane, plane);
    else
      dropout_run(&f, y, x, r * RUN, 1, r * RUN, (r + 1) * RUN < x->n ? RUN : x->n - r * RUN);
  }
  return VG_OK;
}

const vg_random_vt vg_cpu_random = {
    .uniform = uniform, .normal = normal, .bernoulli = bernoulli, .dropout = dropout};
