/* Shared by canvas.c and stroke.c: pixels and how colour is laid over them. */
#ifndef VG_IMAGE_CANVAS_IMPL_H
#define VG_IMAGE_CANVAS_IMPL_H

#include "image/canvas.h"

static inline uint8_t *vg_pixel(const vg_canvas *c, int x, int y) {
  return c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
}

static inline void vg_blend(uint8_t *pixel, const uint8_t colour[3], double share) {
  for (int i = 0; i < 3; i++) pixel[i] = (uint8_t)(pixel[i] + (colour[i] - pixel[i]) * share + 0.5);
}

#endif
