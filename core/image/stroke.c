/* Lines: each pixel's coverage follows from its distance to the nearest segment, which makes ends
   and joins round. Coverage is collected in the mask first, so that a line crossing itself is not
   painted twice there. */
#include <math.h>

#include "image/canvas_impl.h"

typedef struct segment {
  double x, y, dx, dy; /* from x, y to x + dx, y + dy */
} segment;

typedef struct brush {
  vg_canvas *c;
  double reach; /* half the width plus half a pixel: no coverage beyond */
  double most;  /* coverage of a line thinner than a pixel */
  double dash[2];
  int box[4]; /* pixels of the mask in use: x0, y0, x1, y1 */
} brush;

static int between(double v, int low, int high) { return v < low ? low : v > high ? high : (int)v; }

static double unit(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

/* Pixels of row y that the segment can reach: *left <= x < *right. */
static void row_span(const brush *b, const segment *s, int y, int *left, int *right) {
  double t0 = 0, t1 = 1, low, high;
  if (fabs(s->dy) > 1e-9) {
    double a = (y + 0.5 - b->reach - s->y) / s->dy, e = (y + 0.5 + b->reach - s->y) / s->dy;
    t0 = unit(a < e ? a : e);
    t1 = unit(a < e ? e : a);
  }
  low = s->x + s->dx * (s->dx < 0 ? t1 : t0) - b->reach;
  high = s->x + s->dx * (s->dx < 0 ? t0 : t1) + b->reach;
  *left = between(floor(low), b->c->clip[0], b->c->clip[2]);
  *right = between(ceil(high), b->c->clip[0], b->c->clip[2]);
}

static void widen(brush *b, int left, int right, int y) {
  if (left < b->box[0]) b->box[0] = left;
  if (right > b->box[2]) b->box[2] = right;
  if (y < b->box[1]) b->box[1] = y;
  if (y + 1 > b->box[3]) b->box[3] = y + 1;
}

static void draw_segment(brush *b, const segment *s) {
  vg_canvas *c = b->c;
  double length2 = s->dx * s->dx + s->dy * s->dy;
  double upper = s->dy < 0 ? s->y + s->dy : s->y, lower = s->dy < 0 ? s->y : s->y + s->dy;
  int top = between(floor(upper - b->reach), c->clip[1], c->clip[3]);
  int bottom = between(ceil(lower + b->reach), c->clip[1], c->clip[3]);
  for (int y = top; y < bottom; y++) {
    int left, right;
    row_span(b, s, y, &left, &right);
    if (left >= right) continue;
    widen(b, left, right, y);
    uint8_t *mask = c->mask + (size_t)y * (size_t)c->width;
    for (int x = left; x < right; x++) {
      double px = x + 0.5 - s->x, py = y + 0.5 - s->y;
      double t = length2 > 0 ? unit((px * s->dx + py * s->dy) / length2) : 0;
      double ex = px - t * s->dx, ey = py - t * s->dy;
      double share = unit(b->reach - sqrt(ex * ex + ey * ey));
      uint8_t level = (uint8_t)((share < b->most ? share : b->most) * 255 + 0.5);
      if (level > mask[x]) mask[x] = level;
    }
  }
}

/* The parts of a segment that the pattern leaves; *at is the position within the pattern. */
static void draw_dashed(brush *b, const segment *s, double *at) {
  double length = sqrt(s->dx * s->dx + s->dy * s->dy), period = b->dash[0] + b->dash[1];
  if (length > 1e5 * period) return draw_segment(b, s);
  for (double done = 0; done < length;) {
    bool on = *at < b->dash[0];
    double rest = (on ? b->dash[0] : period) - *at;
    double step = rest < length - done ? rest : length - done;
    if (on)
      draw_segment(b, &(segment){s->x + s->dx * done / length, s->y + s->dy * done / length,
                                 s->dx * step / length, s->dy * step / length});
    done += step;
    *at += step;
    if (step >= rest && !on) *at = 0;
    if (step < 1e-9) break;
  }
}

static void draw_line(brush *b, const double *xy, int n) {
  bool dashed = b->dash[0] > 0 && b->dash[1] > 0;
  double at = 0;
  for (int i = 0; i < n; i++) {
    const double *p = xy + 2 * i, *q = i + 1 < n ? p + 2 : p;
    segment s = {p[0], p[1], q[0] - p[0], q[1] - p[1]};
    if (q == p && n > 1) break;
    if (!isfinite(s.x) || !isfinite(s.y) || !isfinite(s.dx) || !isfinite(s.dy)) continue;
    if (dashed)
      draw_dashed(b, &s, &at);
    else
      draw_segment(b, &s);
  }
}

static void paint_mask(const brush *b, const vg_paint *paint) {
  vg_canvas *c = b->c;
  for (int y = b->box[1]; y < b->box[3]; y++) {
    uint8_t *mask = c->mask + (size_t)y * (size_t)c->width;
    for (int x = b->box[0]; x < b->box[2]; x++) {
      if (mask[x]) vg_blend(vg_pixel(c, x, y), paint->rgb, mask[x] * paint->alpha / 255);
      mask[x] = 0;
    }
  }
}

void vg_canvas_stroke(vg_canvas *c, const double *xy, const int *counts, int lines,
                      const vg_pen *pen) {
  brush b = {.c = c,
             .reach = pen->width / 2 + 0.5,
             .most = unit(pen->width),
             .dash = {pen->dash[0], pen->dash[1]},
             .box = {c->width, c->height, 0, 0}};
  if (!(pen->width > 0) || !isfinite(pen->width)) return;
  for (int i = 0; i < lines; i++) {
    draw_line(&b, xy, counts[i]);
    xy += 2 * counts[i];
  }
  paint_mask(&b, &pen->paint);
}
