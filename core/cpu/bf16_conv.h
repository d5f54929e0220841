/* Convolutions of bf16 activations in the layout of cpu/hwnc.h as products of 32 images by 32
   channels, pixel by pixel, leaving out the padding. */
#ifndef VG_CPU_BF16_CONV_H
#define VG_CPU_BF16_CONV_H

#include "cpu/hwnc.h"

/* Whether this engine has the convolution of x (N x C x H x W, any dtype) with w. */
bool vg_bf16_conv_has(const vg_tensor *x, const vg_tensor *w, const vg_conv2d *p);
/* Layout in which it wants x: strided for images of few channels, which it gathers itself. */
const vg_layout *vg_bf16_conv_input(const vg_tensor *x, const vg_tensor *w);

/* Members of vg_conv_vt, for what the first function admits. */
vg_status vg_bf16_conv_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                           const vg_tensor *bias, const vg_conv2d *p);
vg_status vg_bf16_conv_bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy,
                                const vg_tensor *w, const vg_conv2d *p);
vg_status vg_bf16_conv_bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                                  const vg_tensor *gy, const vg_conv2d *p);

/* The image as the operand of a convolution with one tap: (channel, row, column) of every window as
   channels, in the layout of cpu/hwnc.h. x: strided. out: room for out_g's pixels. */
vg_status vg_bf16_patches(vg_device *d, uint16_t *out, const vg_hwnc *out_g, const vg_tensor *x,
                          int64_t r, int64_t s, const vg_conv2d *p);
/* Geometry of the patches: images of c * r * s channels and y's size. */
vg_hwnc vg_bf16_patches_of(const vg_tensor *x, const vg_tensor *w, const vg_tensor *y);
/* True when the convolution goes by patches. */
bool vg_bf16_by_patches(const vg_tensor *x, const vg_tensor *w);

#endif
