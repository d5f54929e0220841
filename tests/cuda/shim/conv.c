/* Everything is brought into one layout first (images N H W C with their padding, weights G R S C
   K), so that the inner loop runs over neighbours. */
#include "conv.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/clones.h"

float shim_load(const shim_tensor *t, int64_t offset) {
  uint32_t bits;
  float v;
  if (!t->bf16) return ((const float *)t->data)[offset];
  bits = (uint32_t)((const uint16_t *)t->data)[offset] << 16;
  memcpy(&v, &bits, sizeof v);
  return v;
}

void shim_store(const shim_tensor *t, int64_t offset, float value) {
  uint32_t bits;
  if (!t->bf16) {
    ((float *)t->data)[offset] = value;
    return;
  }
  memcpy(&bits, &value, sizeof bits);
  if (value != value)
    bits |= 0x400000u;
  else
    bits += 0x7fffu + (bits >> 16 & 1u);
  ((uint16_t *)t->data)[offset] = (uint16_t)(bits >> 16);
}

float shim_round(float v, shim_rounding rounding) {
  uint32_t bits;
  if (rounding == SHIM_EXACT || v != v) return v;
  memcpy(&bits, &v, sizeof bits);
  bits = (bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu; /* 10 bits of mantissa */
  memcpy(&v, &bits, sizeof v);
  return v;
}

int64_t shim_extent(const shim_tensor *t) {
  int64_t last = 0;
  for (int i = 0; i < 4; i++) {
    if (!t->dim[i]) return 0;
    last += (t->dim[i] - 1) * t->stride[i];
  }
  return (last + 1) * (t->bf16 ? 2 : 4);
}

typedef struct work {
  int64_t n, c, h, w, k, r, s, p, q, g, cg, kg; /* h, w with padding */
  float *x, *f, *y;                             /* x: N H W C; f: G R S CG KG; y: N P Q K */
} work;

static float *room(int64_t n) {
  float *p = calloc((size_t)n + 1, sizeof *p);
  if (!p) abort();
  return p;
}

static int64_t at(const shim_tensor *t, int64_t a, int64_t b, int64_t c, int64_t d) {
  return a * t->stride[0] + b * t->stride[1] + c * t->stride[2] + d * t->stride[3];
}

/* Copies an image in (or, out = true, combines it with what is there). */
static void image(const shim_tensor *t, float *own, int64_t hp, int64_t wp, const int64_t pad[2],
                  bool out, double alpha, double beta, shim_rounding rounding) {
  for (int64_t n = 0; n < t->dim[0]; n++)
    for (int64_t h = 0; h < t->dim[2]; h++)
      for (int64_t w = 0; w < t->dim[3]; w++) {
        float *to = own + (((n * hp + h + pad[0]) * wp) + w + pad[1]) * t->dim[1];
        for (int64_t c = 0; c < t->dim[1]; c++) {
          int64_t o = at(t, n, c, h, w);
          if (!out)
            to[c] = shim_round(shim_load(t, o), rounding);
          else
            shim_store(
                t, o,
                (float)(alpha * (double)to[c] + (beta != 0 ? beta * (double)shim_load(t, o) : 0)));
        }
      }
}

static void filter(const work *v, const shim_tensor *t, bool flipped, bool out, double alpha,
                   double beta, shim_rounding rounding) {
  for (int64_t k = 0; k < v->k; k++)
    for (int64_t c = 0; c < v->cg; c++)
      for (int64_t r = 0; r < v->r; r++)
        for (int64_t s = 0; s < v->s; s++) {
          int64_t o = at(t, k, c, flipped ? v->r - 1 - r : r, flipped ? v->s - 1 - s : s);
          float *to = v->f + (((k / v->kg * v->r + r) * v->s + s) * v->cg + c) * v->kg + k % v->kg;
          if (!out)
            *to = shim_round(shim_load(t, o), rounding);
          else
            shim_store(
                t, o,
                (float)(alpha * (double)*to + (beta != 0 ? beta * (double)shim_load(t, o) : 0)));
        }
}

/* One output pixel of one group against one tap: xs has cg channels, ys has kg, f is cg x kg. */
VG_CPU_CLONES
static void forward_tap(const work *v, const float *xs, const float *f, float *ys) {
  for (int64_t c = 0; c < v->cg; c++)
    for (int64_t k = 0; k < v->kg; k++) ys[k] += xs[c] * f[c * v->kg + k];
}

VG_CPU_CLONES
static void data_tap(const work *v, float *xs, const float *f, const float *ys) {
  for (int64_t c = 0; c < v->cg; c++) {
    float part[8] = {0}; /* eight sums side by side, so that they fit a vector */
    int64_t k = 0;
    for (; k + 8 <= v->kg; k += 8)
      for (int i = 0; i < 8; i++) part[i] += ys[k + i] * f[c * v->kg + k + i];
    for (; k < v->kg; k++) part[0] += ys[k] * f[c * v->kg + k];
    for (int i = 0; i < 8; i++) xs[c] += part[i];
  }
}

VG_CPU_CLONES
static void filter_tap(const work *v, const float *xs, float *f, const float *ys) {
  for (int64_t c = 0; c < v->cg; c++)
    for (int64_t k = 0; k < v->kg; k++) f[c * v->kg + k] += xs[c] * ys[k];
}

static void pixel(shim_pass pass, const work *v, const shim_window *m, int64_t n, int64_t i,
                  int64_t j, bool backwards) {
  for (int64_t t = 0; t < v->g * v->r * v->s; t++) {
    int64_t tap = backwards ? v->g * v->r * v->s - 1 - t : t;
    int64_t g = tap / (v->r * v->s), r = tap / v->s % v->r, s = tap % v->s;
    int64_t h = i * m->stride[0] + r * m->dilation[0], w = j * m->stride[1] + s * m->dilation[1];
    float *xs = v->x + ((n * v->h + h) * v->w + w) * v->c + g * v->cg;
    float *ys = v->y + ((n * v->p + i) * v->q + j) * v->k + g * v->kg;
    float *f = v->f + tap * v->cg * v->kg;
    if (pass == SHIM_FORWARD)
      forward_tap(v, xs, f, ys);
    else if (pass == SHIM_BACKWARD_DATA)
      data_tap(v, xs, f, ys);
    else
      filter_tap(v, xs, f, ys);
  }
}

void shim_convolve(shim_pass pass, const shim_tensor *x, const shim_tensor *w, const shim_tensor *y,
                   const shim_window *m, double alpha, double beta, shim_rounding rounding,
                   bool backwards) {
  const int64_t none[2] = {0, 0};
  work v = {.n = x->dim[0],
            .c = x->dim[1],
            .h = x->dim[2] + 2 * m->pad[0],
            .w = x->dim[3] + 2 * m->pad[1],
            .k = w->dim[0],
            .r = w->dim[2],
            .s = w->dim[3],
            .p = y->dim[2],
            .q = y->dim[3],
            .cg = w->dim[1]};
  int64_t pixels = v.n * v.p * v.q;
  v.g = v.c / v.cg;
  v.kg = v.k / v.g;
  v.x = room(v.n * v.h * v.w * v.c);
  v.f = room(v.k * v.cg * v.r * v.s);
  v.y = room(pixels * v.k);
  if (pass != SHIM_BACKWARD_DATA) image(x, v.x, v.h, v.w, m->pad, false, 0, 0, rounding);
  if (pass != SHIM_BACKWARD_FILTER) filter(&v, w, m->flipped, false, 0, 0, rounding);
  if (pass != SHIM_FORWARD) image(y, v.y, v.p, v.q, none, false, 0, 0, rounding);
  for (int64_t i = 0; i < pixels; i++) {
    int64_t at_pixel = backwards ? pixels - 1 - i : i;
    pixel(pass, &v, m, at_pixel / (v.p * v.q), at_pixel / v.q % v.p, at_pixel % v.q, backwards);
  }
  if (pass == SHIM_FORWARD) image(y, v.y, v.p, v.q, none, true, alpha, beta, rounding);
  if (pass == SHIM_BACKWARD_DATA) image(x, v.x, v.h, v.w, m->pad, true, alpha, beta, rounding);
  if (pass == SHIM_BACKWARD_FILTER) filter(&v, w, m->flipped, true, alpha, beta, rounding);
  free(v.x);
  free(v.f);
  free(v.y);
}
