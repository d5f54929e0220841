/* Our own 3 x 3 convolutions (stride 1, no dilation, one group) on the blocked layout. */
#ifndef VG_CPU_CONV_OWN_H
#define VG_CPU_CONV_OWN_H

#include "cpu/cpu.h"
#include "cpu/dnn.h"

/* The operands of vg_dnn_conv. */
typedef struct vg_conv_data {
  const vg_conv_problem *c;
  float *x, *w, *bias, *y; /* bias may be NULL */
  vg_tensor *weight;       /* w, when it is an input: for cpu/kept.h */
} vg_conv_data;

/* Pixel by pixel with the batch as rows, leaving out the padding: for maps of a few pixels. */
bool vg_conv_pixels_has(const vg_conv_problem *c);
vg_status vg_conv_pixels(vg_device *d, const vg_conv_data *t);

/* Winograd F(4x4, 3x3). */
bool vg_conv_winograd_has(const vg_conv_problem *c);
vg_status vg_conv_winograd(vg_device *d, const vg_conv_data *t);

/* gbias[k] = sum of gy over images and pixels (blocked y). */
void vg_conv_bias_gradient(vg_device *d, const vg_conv_data *t);

#endif
