/* The layout's size, its conversions, its padding. */
#include "cpu/hwnc.h"

#include <string.h>

#include "cpu/blocked.h"

static int64_t elements(const vg_layout *l, int ndim, const int64_t *shape) {
  vg_hwnc g = vg_hwnc_of(shape);
  (void)l, (void)ndim;
  return g.h * g.w * g.pixel;
}

const vg_layout vg_cpu_hwnc = {.name = "HWNC", .kind = 32, .elements = elements};

/* Where the other side keeps image n, channel c, pixel (h, w): strides, with the channels of a
   block next to each other in blocked layouts. */
typedef struct other {
  int64_t n, h, w, block, c_block, c; /* c: c / block * c_block + c % block * c */
} other;

static other place(const vg_tensor *t) {
  int64_t b = t->layout ? t->layout->kind : 1, hw = t->shape[2] * t->shape[3];
  if (!t->layout) return (other){t->stride[0], t->stride[2], t->stride[3], 1, t->stride[1], 0};
  return (other){t->shape[1] * hw, t->shape[3] * b, b, b, hw * b, 1};
}

static int64_t channel(const other *o, int64_t c) {
  return c / o->block * o->c_block + c % o->block * o->c;
}

/* Up to 32 channels of one image and pixel. */
#define MOVE(T)                                                                \
  do {                                                                         \
    T *ours = (T *)(void *)row, *theirs = (T *)(void *)from;                   \
    for (int64_t c = 0; c < count; c++)                                        \
      if (to_hwnc)                                                             \
        ours[c] = theirs[channel(o, first + c)];                               \
      else                                                                     \
        theirs[channel(o, first + c)] = ours[c];                               \
    if (to_hwnc) memset(ours + count, 0, (size_t)(32 - count) * sizeof *ours); \
  } while (0)

static void move_row(char *row, char *from, const other *o, int64_t first, int64_t count,
                     size_t size, bool to_hwnc) {
  switch (size) {
    case 1: MOVE(uint8_t); break;
    case 2: MOVE(uint16_t); break;
    case 4: MOVE(uint32_t); break;
    default: MOVE(uint64_t); break;
  }
}

/* One pixel: rows of images beyond n stay as they are. */
static void move_pixel(char *pixel, char *there, const other *o, const vg_hwnc *g, size_t size,
                       bool to_hwnc) {
  for (int64_t n = 0; n < g->n; n++)
    for (int64_t b = 0; b < g->blocks; b++) {
      int64_t left = g->c - 32 * b;
      move_row(pixel + (size_t)vg_hwnc_row(g, n, b) * size, there + (size_t)(n * o->n) * size, o,
               32 * b, left < 32 ? left : 32, size, to_hwnc);
    }
  if (!to_hwnc) return;
  for (int64_t n = g->n; n < g->rows; n++)
    for (int64_t b = 0; b < g->blocks; b++)
      memset(pixel + (size_t)vg_hwnc_row(g, n, b) * size, 0, 32 * size);
}

vg_status vg_hwnc_convert(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  bool to_hwnc = y->layout == &vg_cpu_hwnc;
  const vg_tensor *theirs = to_hwnc ? x : y, *ours = to_hwnc ? y : x;
  size_t size = vg_dtype_size(x->dtype);
  vg_hwnc g = vg_hwnc_of(x->shape);
  other o = place(theirs);
  if (theirs->layout && theirs->layout != vg_cpu_blocked())
    return vg_fail(VG_EINTERNAL, "layout conversion: unknown layout");
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t p = 0; p < g.h * g.w; p++)
    move_pixel((char *)vg_data(ours) + (size_t)(p * g.pixel) * size,
               (char *)vg_data(theirs) + (size_t)(p / g.w * o.h + p % g.w * o.w) * size, &o, &g,
               size, to_hwnc);
  return VG_OK;
}

void vg_hwnc_clean(vg_device *d, vg_tensor *y) {
  vg_hwnc g;
  size_t size = vg_dtype_size(y->dtype), from;
  if (y->layout != &vg_cpu_hwnc) return;
  g = vg_hwnc_of(y->shape);
  from = (size_t)(g.c % 32);
  if (!from) return;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (y->n >= VG_CPU_GRAIN)
  for (int64_t p = 0; p < g.h * g.w; p++)
    for (int64_t n = 0; n < g.rows; n++)
      memset((char *)vg_data(y) +
                 ((size_t)(p * g.pixel + vg_hwnc_row(&g, n, g.blocks - 1)) + from) * size,
             0, (32 - from) * size);
}
