/* Operations that move pixels. */
#include <math.h>
#include <string.h>

#include "data/image.h"

static void swap(vg_image *m, int h, int w) {
  uint8_t *t = m->px;
  m->px = m->spare;
  m->spare = t;
  m->h = h;
  m->w = w;
}

/* Position `i` of an axis of `n` mirrored at its ends without repeating them (reflect 101). */
static int reflect(int i, int n) {
  if (n == 1) return 0;
  int period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

void vg_image_pad(vg_image *m, int h, int w, vg_border border, uint8_t fill) {
  int oh = h > m->h ? h : m->h, ow = w > m->w ? w : m->w;
  int top = (oh - m->h) / 2, left = (ow - m->w) / 2;
  if (oh == m->h && ow == m->w) return;
  if (border == VG_BORDER_CONSTANT) memset(m->spare, fill, (size_t)(3 * oh * ow));
  for (int c = 0; c < 3; c++) {
    const uint8_t *src = m->px + c * m->h * m->w;
    uint8_t *dst = m->spare + c * oh * ow;
    if (border == VG_BORDER_CONSTANT) {
      for (int y = 0; y < m->h; y++)
        memcpy(dst + (y + top) * ow + left, src + y * m->w, (size_t)m->w);
    } else {
      for (int y = 0; y < oh; y++)
        for (int x = 0; x < ow; x++)
          dst[y * ow + x] = src[reflect(y - top, m->h) * m->w + reflect(x - left, m->w)];
    }
  }
  swap(m, oh, ow);
}

void vg_image_crop(vg_image *m, int top, int left, int h, int w) {
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < h; y++)
      memcpy(m->spare + (c * h + y) * w, m->px + (c * m->h + y + top) * m->w + left, (size_t)w);
  swap(m, h, w);
}

void vg_image_hflip(vg_image *m) {
  for (int r = 0; r < 3 * m->h; r++) {
    uint8_t *a = m->px + r * m->w, *b = a + m->w - 1;
    for (; a < b; a++, b--) {
      uint8_t t = *a;
      *a = *b;
      *b = t;
    }
  }
}

void vg_image_vflip(vg_image *m) {
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < m->h; y++)
      memcpy(m->spare + (c * m->h + y) * m->w, m->px + (c * m->h + m->h - 1 - y) * m->w,
             (size_t)m->w);
  swap(m, m->h, m->w);
}

void vg_image_fill(vg_image *m, int top, int left, int h, int w, uint8_t value) {
  for (int c = 0; c < 3; c++)
    for (int y = top; y < top + h; y++)
      memset(m->px + (c * m->h + y) * m->w + left, value, (size_t)w);
}

static int fix16(double v) { return (int)floor(v * 65536.0 + 0.5); }

/* Pillow rounds the matrix to 15 decimals so that right angles come out exact. */
static double round15(double v) { return nearbyint(v * 1e15) / 1e15; }

void vg_image_rotate(vg_image *m, double degrees) {
  double turn = fmod(degrees, 360.0), angle = -(turn < 0 ? turn + 360.0 : turn) * (M_PI / 180.0);
  double a = round15(cos(angle)), b = round15(sin(angle)), cx = m->w / 2.0, cy = m->h / 2.0;
  if (turn == 0) return;
  /* The source of output (x, y) is (a x + b y + c, -b x + a y + f), taken at pixel centres. */
  double c = a * -cx + b * -cy + cx, f = -b * -cx + a * -cy + cy;
  int dxx = fix16(a), dxy = fix16(b), dyx = fix16(-b), dyy = fix16(a);
  int x0 = fix16(c + a * 0.5 + b * 0.5), y0 = fix16(f - b * 0.5 + a * 0.5), n = m->h * m->w;
  memset(m->spare, 0, (size_t)(3 * n));
  for (int y = 0; y < m->h; y++) {
    int xx = x0 + y * dxy, yy = y0 + y * dyy;
    for (int x = 0; x < m->w; x++, xx += dxx, yy += dyx) {
      int sx = xx >> 16, sy = yy >> 16;
      if (sx < 0 || sx >= m->w || sy < 0 || sy >= m->h) continue;
      for (int k = 0; k < 3; k++) m->spare[k * n + y * m->w + x] = m->px[k * n + sy * m->w + sx];
    }
  }
  swap(m, m->h, m->w);
}

#define BITS 22 /* Pillow: 32 - 8 - 2 */

/* Taps of the triangle filter for one output position: where they start and their fixed-point
 * weights. */
typedef struct taps {
  int from, count, weight[2 * VG_IMAGE_MAX + 2];
} taps;

static void make_taps(taps *t, int out, int n_in, int n_out) {
  double scale = (double)n_in / n_out, wide = scale > 1 ? scale : 1, centre = (out + 0.5) * scale;
  double k[2 * VG_IMAGE_MAX + 2], sum = 0;
  int to = (int)(centre + wide + 0.5);
  t->from = (int)(centre - wide + 0.5);
  if (t->from < 0) t->from = 0;
  if (to > n_in) to = n_in;
  t->count = to - t->from;
  for (int i = 0; i < t->count; i++) {
    double d = fabs((i + t->from - centre + 0.5) / wide);
    k[i] = d < 1 ? 1 - d : 0;
    sum += k[i];
  }
  for (int i = 0; i < t->count; i++) t->weight[i] = (int)(k[i] / sum * (1 << BITS) + 0.5);
}

/* One pass along an axis: `step` between its pixels, `lines` lines `pitch` apart, three planes. */
static void pass(const uint8_t *src, uint8_t *dst, int n_in, int n_out, int lines, bool along_x) {
  for (int o = 0; o < n_out; o++) {
    taps t;
    make_taps(&t, o, n_in, n_out);
    for (int c = 0; c < 3; c++)
      for (int l = 0; l < lines; l++) {
        const uint8_t *p = src + c * n_in * lines + (along_x ? l * n_in : l);
        int acc = 1 << (BITS - 1);
        for (int i = 0; i < t.count; i++)
          acc += p[(t.from + i) * (along_x ? 1 : lines)] * t.weight[i];
        acc >>= BITS;
        dst[c * n_out * lines + (along_x ? l * n_out + o : o * lines + l)] =
            (uint8_t)(acc < 0     ? 0
                      : acc > 255 ? 255
                                  : acc);
      }
  }
}

void vg_image_resize(vg_image *m, int h, int w) {
  if (w != m->w) {
    pass(m->px, m->spare, m->w, w, m->h, true);
    swap(m, m->h, w);
  }
  if (h != m->h) {
    pass(m->px, m->spare, m->h, h, m->w, false);
    swap(m, h, m->w);
  }
}
