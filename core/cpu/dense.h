/* Inner loops of normalisation and pooling, compiled once per instruction set and chosen at run
   time. A "pixel" is `lanes` neighbouring floats: the channels of one block in the blocked layout;
   the functions named _plain see one float per pixel. */
#ifndef VG_CPU_DENSE_H
#define VG_CPU_DENSE_H

#include <stdbool.h>
#include <stdint.h>

/* `images` runs of `pixels` pixels, `stride` floats apart. */
typedef struct vg_span {
  int64_t images, stride, pixels;
} vg_span;

/* Per-lane constants of one batch normalisation: y = (x - mean) * scale + shift; with `relu`
   the gradient passes where y > 0; gx = a * g + b * (x - mean) + c. */
typedef struct vg_bn_lanes {
  float scale[16], shift[16], mean[16], a[16], b[16], c[16];
  int relu;
} vg_bn_lanes;

/* Windows of a pooling: output row i reads input rows h0[i]..h1[i]-1, columns likewise; an element
   of a window is numbered (row - h0) * width + column - w0. */
typedef struct vg_windows {
  int64_t h, w, p, q;
  const int32_t *h0, *h1, *w0, *w1;
  const float *dh, *dw; /* average: divided by dh[i] * dw[j] */
  int32_t width;        /* of the widest window */
  int square2;          /* every window is 2 x 2 at (2i, 2j) */
} vg_windows;

typedef struct vg_cpu_dense {
  int lanes;
  /* Mean and sum of squared deviations of each lane. */
  void (*stats[2])(const float *x, vg_span s, double *mean, double *m2);
  void (*apply[2])(float *y, const float *x, vg_span s, const vg_bn_lanes *k);
  /* Sums of g and of g * (x - mean); g masked by relu. */
  void (*reduce[2])(const float *gy, const float *x, vg_span s, const vg_bn_lanes *k, double *sum_g,
                    double *sum_gx);
  void (*bwd[2])(float *gx, const float *gy, const float *x, vg_span s, const vg_bn_lanes *k);
  /* One plane of pixels; arg: uint8_t (numbers below 256) or int32_t by `wide`, or NULL. */
  void (*max_fwd[2])(float *y, void *arg, int wide, const float *x, const vg_windows *w);
  void (*max_bwd[2])(float *gx, const float *gy, const void *arg, int wide, const vg_windows *w);
  void (*avg_fwd[2])(float *y, const float *x, const vg_windows *w);
  void (*avg_bwd[2])(float *gx, const float *gy, const vg_windows *w);
} vg_cpu_dense; /* [0]: plain, [1]: blocked */

/* The table for this machine. */
const vg_cpu_dense *vg_cpu_dense_get(void);

extern const vg_cpu_dense vg_cpu_dense_base, vg_cpu_dense_avx2, vg_cpu_dense_avx512;

#endif
