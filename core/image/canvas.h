/* A picture in memory and the few strokes that plots are made of, antialiased. Coordinates are
   pixels from the top left corner, pixel centres at .5; everything outside the clip is left alone.
   Drawing never fails: what is not finite is skipped. */
#ifndef VG_IMAGE_CANVAS_H
#define VG_IMAGE_CANVAS_H

#include "base/status.h"

typedef struct vg_canvas {
  int width, height;
  uint8_t *rgb;  /* height x width x 3 */
  uint8_t *mask; /* height x width, coverage of the stroke being drawn; 0 between calls */
  int clip[4];   /* x0, y0, x1, y1: pixels x0 <= x < x1, y0 <= y < y1 */
} vg_canvas;

typedef struct vg_paint {
  uint8_t rgb[3];
  double alpha; /* 0 .. 1 */
} vg_paint;

typedef struct vg_rect {
  double x, y, w, h;
} vg_rect;

/* Lines of one colour. Overlaps within one call are painted once. */
typedef struct vg_pen {
  vg_paint paint;
  double width;   /* ends and joins are round; a line of one point is a dot */
  double dash[2]; /* length drawn, length left out; 0, 0: solid */
} vg_pen;

/* Filled with `ground`. VG_EINVAL for sides outside 1 .. 16384 or more than 2^26 pixels. */
vg_status vg_canvas_new(vg_canvas **out, int width, int height, const uint8_t ground[3]);
void vg_canvas_free(vg_canvas *c); /* NULL is fine */

/* The part of the canvas that may be painted, cut to the canvas itself. */
void vg_canvas_clip(vg_canvas *c, const vg_rect *r);
void vg_canvas_rect(vg_canvas *c, const vg_rect *r, const vg_paint *paint);
/* `lines` polylines; counts[i] points of the i-th, x and y in turn, one line after the other. */
void vg_canvas_stroke(vg_canvas *c, const double *xy, const int *counts, int lines,
                      const vg_pen *pen);
/* A picture of sh x sw x 3 bytes into the whole pixels of r, nearest neighbour. */
void vg_canvas_image(vg_canvas *c, const vg_rect *r, const uint8_t *rgb, int sw, int sh);

#endif
