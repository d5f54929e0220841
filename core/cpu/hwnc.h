/* The layout of activations in bf16-mixed: H x W x N/16 x C/32 x 16n x 32c, with N padded to 32 and
   C to 32. Every block of 16 images and 32 channels is one tile of a matrix product whose rows are
   the batch, and everything pixelwise is a walk over dense rows of 32 channels.

   Padding: channels beyond C are zero in every tensor of this layout; images beyond N hold
   anything.
 */
#ifndef VG_CPU_HWNC_H
#define VG_CPU_HWNC_H

#include "cpu/cpu.h"

extern const vg_layout vg_cpu_hwnc;

typedef struct vg_hwnc {
  int64_t n, c, h, w;
  int64_t rows;   /* n, padded */
  int64_t blocks; /* of 32 channels */
  int64_t pixel;  /* elements of a pixel: rows x 32 blocks */
} vg_hwnc;

static inline vg_hwnc vg_hwnc_of(const int64_t *shape) {
  vg_hwnc g = {
      shape[0], shape[1], shape[2], shape[3], (shape[0] + 31) / 32 * 32, (shape[1] + 31) / 32, 0};
  g.pixel = g.rows * g.blocks * 32;
  return g;
}

/* The elements of a row's 32 channels: image n, block b of channels, relative to the pixel. */
static inline int64_t vg_hwnc_row(const vg_hwnc *g, int64_t n, int64_t b) {
  return (n / 16 * g->blocks + b) * 512 + n % 16 * 32;
}

/* Between this layout and another one or strided. */
vg_status vg_hwnc_convert(vg_device *d, vg_tensor *y, const vg_tensor *x);
/* Zeroes the channels beyond C, which an operation that maps 0 to something else has filled. */
void vg_hwnc_clean(vg_device *d, vg_tensor *y);

#endif
