/* Inner loops of convolution, normalisation and pooling, compiled once per instruction set and
   chosen at run time. A "pixel" is `lanes` neighbouring floats: the channels of one block in the
   blocked layout; the functions named _plain see one float per pixel. */
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

/* o[r][v] (+)= sum of a[r, i] * b[i][v] for `rows` rows and vecs (1 or 2) vectors of columns.
   rows form: rows of a are `lanes` floats apart, the sum runs along the lanes and over `outer`
   blocks a_block apart; b has 2 * lanes columns. columns form: `lanes` rows in neighbouring floats,
   the sum runs over `outer` vectors; columns of b are b_vec apart. */
typedef struct vg_gemm {
  const float *a, *b;
  float *o;
  int64_t rows, outer, a_block, b_vec, o_row, o_vec;
  int vecs, add;
} vg_gemm;

/* Where a Winograd tile starts in its plane of h x w pixels; may reach over the edges. */
typedef struct vg_tile {
  int64_t row, column, h, w;
} vg_tile;

typedef struct vg_cpu_dense {
  int lanes;
  void (*gemm_rows)(const vg_gemm *g);
  void (*gemm_columns)(const vg_gemm *g);
  /* lanes x lanes floats: to[i * step + c] = from[c * row + i] */
  void (*turn)(float *to, int64_t step, const float *from, int64_t row);
  /* Winograd F(4x4, 3x3); the 36 results or operands are vectors `stride` floats apart. */
  void (*wino_input)(float *v, int64_t stride, const float *plane, const vg_tile *t);
  void (*wino_gradient)(float *z, int64_t stride, const float *plane, const vg_tile *t);
  void (*wino_output)(float *plane, const float *m, int64_t stride, const float *bias,
                      const vg_tile *t);
  void (*wino_weight)(float *u, int64_t stride, const float *taps);
  void (*wino_weight_gradient)(float *taps, const float *u, int64_t stride);
  /* 3 x 3 weights as nine vectors a channel: over filters, or over channels and turned around. */
  void (*weights_by_filter)(float *taps, const float *w, int64_t row, int64_t channels);
  void (*weights_by_channel)(float *taps, const float *w);
  void (*filters_from)(float *w, int64_t row, const float *taps, int64_t channels);
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
