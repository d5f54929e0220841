/* A small 8-bit RGB image in three planes, as CIFAR stores it, and the operations on it. Each takes
   its parameters as arguments and draws nothing: augment.c does. The image's two buffers swap roles
   when an operation cannot work in place. */
#ifndef VG_DATA_IMAGE_H
#define VG_DATA_IMAGE_H

#include "base/augment.h"
#include "base/status.h"

typedef struct vg_image {
  uint8_t *px;    /* plane c starts at px + c * h * w */
  uint8_t *spare; /* VG_IMAGE_BYTES like px */
  int h, w;
} vg_image;

/* geometry.c */
void vg_image_pad(vg_image *m, int h, int w, vg_border border, uint8_t fill); /* centred */
void vg_image_crop(vg_image *m, int top, int left, int h, int w);
void vg_image_hflip(vg_image *m);
void vg_image_vflip(vg_image *m);
void vg_image_fill(vg_image *m, int top, int left, int h, int w, uint8_t value);
/* Counter-clockwise about the centre, nearest neighbour, outside is 0: Pillow's Image.rotate. */
void vg_image_rotate(vg_image *m, double degrees);
/* Triangle filter with Pillow's 22-bit coefficients: Image.resize(BILINEAR). */
void vg_image_resize(vg_image *m, int h, int w);

/* colour.c: albumentations 2.0.8 over OpenCV */
void vg_image_brightness(vg_image *m, double factor);
void vg_image_contrast(vg_image *m, double factor);
void vg_image_saturation(vg_image *m, double factor);
void vg_image_hue(vg_image *m, double turns); /* -0.5 .. 0.5 of a full turn */

/* colour_pil.c: torchvision on Pillow images */
void vg_image_pil_brightness(vg_image *m, double factor);
void vg_image_pil_contrast(vg_image *m, double factor);
void vg_image_pil_saturation(vg_image *m, double factor);
void vg_image_pil_hue(vg_image *m, double turns);

#endif
