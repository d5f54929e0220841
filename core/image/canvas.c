/* Canvas: its life, rectangles and pictures. Lines are in stroke.c. */
#include "image/canvas.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "image/canvas_impl.h"

enum { MOST_SIDE = 16384, MOST_PIXELS = 1 << 26 };

vg_status vg_canvas_new(vg_canvas **out, int width, int height, const uint8_t ground[3]) {
  vg_canvas *c = NULL;
  vg_status st = VG_ENOMEM;
  *out = NULL;
  if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE ||
      (int64_t)width * height > MOST_PIXELS)
    return vg_fail(VG_EINVAL, "canvas: %d x %d pixels are not possible", width, height);
  size_t n = (size_t)width * (size_t)height;
  if (!(c = vg_calloc(1, sizeof *c))) goto done;
  c->width = width, c->height = height;
  c->clip[2] = width, c->clip[3] = height;
  if (!(c->rgb = vg_alloc(3 * n)) || !(c->mask = vg_calloc(n, 1))) goto done;
  for (size_t i = 0; i < n; i++) memcpy(c->rgb + 3 * i, ground, 3);
  *out = c;
  c = NULL;
  st = VG_OK;
done:
  vg_canvas_free(c);
  return st;
}

void vg_canvas_free(vg_canvas *c) {
  if (!c) return;
  vg_free(c->rgb);
  vg_free(c->mask);
  vg_free(c);
}

static int whole(double v, int low, int high) { return v < low ? low : v > high ? high : (int)v; }

void vg_canvas_clip(vg_canvas *c, const vg_rect *r) {
  c->clip[0] = whole(floor(r->x), 0, c->width);
  c->clip[1] = whole(floor(r->y), 0, c->height);
  c->clip[2] = whole(ceil(r->x + r->w), 0, c->width);
  c->clip[3] = whole(ceil(r->y + r->h), 0, c->height);
}

/* Share of the pixel i .. i + 1 that a .. b covers. */
static double covered(double a, double b, int i) {
  double low = a > i ? a : i, high = b < i + 1 ? b : i + 1;
  return high > low ? high - low : 0;
}

void vg_canvas_rect(vg_canvas *c, const vg_rect *r, const vg_paint *paint) {
  double x1 = r->x + r->w, y1 = r->y + r->h;
  if (!isfinite(r->x) || !isfinite(r->y) || !isfinite(x1) || !isfinite(y1)) return;
  int left = whole(floor(r->x), c->clip[0], c->clip[2]);
  int right = whole(ceil(x1), c->clip[0], c->clip[2]);
  int top = whole(floor(r->y), c->clip[1], c->clip[3]);
  int bottom = whole(ceil(y1), c->clip[1], c->clip[3]);
  for (int y = top; y < bottom; y++) {
    double share = covered(r->y, y1, y) * paint->alpha;
    for (int x = left; x < right; x++)
      vg_blend(vg_pixel(c, x, y), paint->rgb, share * covered(r->x, x1, x));
  }
}

void vg_canvas_image(vg_canvas *c, const vg_rect *r, const uint8_t *rgb, int sw, int sh) {
  if (!isfinite(r->x) || !isfinite(r->y) || !(r->w >= 1) || !(r->h >= 1)) return;
  double x0 = floor(r->x + 0.5), y0 = floor(r->y + 0.5), w = floor(r->w + 0.5),
         h = floor(r->h + 0.5);
  int left = whole(x0, c->clip[0], c->clip[2]), right = whole(x0 + w, c->clip[0], c->clip[2]);
  int top = whole(y0, c->clip[1], c->clip[3]), bottom = whole(y0 + h, c->clip[1], c->clip[3]);
  for (int y = top; y < bottom; y++) {
    int sy = whole((y + 0.5 - y0) * sh / h, 0, sh - 1);
    for (int x = left; x < right; x++) {
      int sx = whole((x + 0.5 - x0) * sw / w, 0, sw - 1);
      memcpy(vg_pixel(c, x, y), rgb + 3 * ((size_t)sy * (size_t)sw + (size_t)sx), 3);
    }
  }
}
