/* Colour operations as torchvision does them on Pillow images (ImageEnhance's blend, HSV of 256
 * hues). */
#include <math.h>

#include "data/image.h"

/* Image.blend(a, b, factor): truncates, and clips when it extrapolates. */
static uint8_t blend(int a, int b, float factor) {
  float v = (float)a + factor * (float)(b - a);
  return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
}

static int grey(int r, int g, int b) { return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16; }

static void blend_with(vg_image *m, int base, double factor) {
  uint8_t table[256];
  for (int i = 0; i < 256; i++) table[i] = blend(base, i, (float)factor);
  for (int i = 0; i < 3 * m->h * m->w; i++) m->px[i] = table[m->px[i]];
}

void vg_image_pil_brightness(vg_image *m, double factor) { blend_with(m, 0, factor); }

void vg_image_pil_contrast(vg_image *m, double factor) {
  int n = m->h * m->w;
  int64_t sum = 0;
  for (int i = 0; i < n; i++) sum += grey(m->px[i], m->px[n + i], m->px[2 * n + i]);
  blend_with(m, (int)((double)sum / n + 0.5), factor);
}

void vg_image_pil_saturation(vg_image *m, double factor) {
  int n = m->h * m->w;
  uint8_t *r = m->px, *g = r + n, *b = g + n;
  for (int i = 0; i < n; i++) {
    int y = grey(r[i], g[i], b[i]);
    r[i] = blend(y, r[i], (float)factor);
    g[i] = blend(y, g[i], (float)factor);
    b[i] = blend(y, b[i], (float)factor);
  }
}

static void to_hsv(int r, int g, int b, int hsv[3]) {
  int max = r > g ? r : g, min = r < g ? r : g;
  if (b > max) max = b;
  if (b < min) min = b;
  hsv[0] = hsv[1] = 0;
  hsv[2] = max;
  if (max == min) return;
  float spread = (float)(max - min), s = spread / (float)max, h;
  float rc = (float)(max - r) / spread, gc = (float)(max - g) / spread,
        bc = (float)(max - b) / spread;
  if (r == max)
    h = bc - gc;
  else if (g == max)
    h = (float)(2.0 + (double)rc - (double)bc);
  else
    h = (float)(4.0 + (double)gc - (double)rc);
  double turn = (double)h / 6.0 + 1.0; /* in [5/6, 2) */
  h = (float)(turn >= 1.0 ? turn - 1.0 : turn);
  hsv[0] = (int)((double)h * 255.0);
  hsv[1] = (int)((double)s * 255.0);
}

static uint8_t round_half_up(double v) { return (uint8_t)(v + 0.5); }

static void to_rgb(const int hsv[3], const float part[256], const int sector[256], uint8_t *r,
                   uint8_t *g, uint8_t *b) {
  double v = hsv[2];
  float fs = (float)(hsv[1] / 255.0), f = part[hsv[0]];
  uint8_t top = (uint8_t)hsv[2], p = round_half_up(v * (1.0 - (double)fs));
  uint8_t q = round_half_up(v * (1.0 - (double)(fs * f)));
  uint8_t t = round_half_up(v * (1.0 - (double)fs * (1.0 - (double)f)));
  switch (sector[hsv[0]]) {
    case 0: *r = top, *g = t, *b = p; break;
    case 1: *r = q, *g = top, *b = p; break;
    case 2: *r = p, *g = top, *b = t; break;
    case 3: *r = p, *g = q, *b = top; break;
    case 4: *r = t, *g = p, *b = top; break;
    default: *r = top, *g = p, *b = q; break;
  }
}

void vg_image_pil_hue(vg_image *m, double turns) {
  int n = m->h * m->w, shift = (int)(turns * 255), sector[256], hsv[3];
  float part[256];
  for (int i = 0; i < 256; i++) {
    double six = i * 6.0 / 255.0;
    sector[i] = (int)six % 6;
    part[i] = (float)(six - (int)six);
  }
  for (int i = 0; i < n; i++) {
    uint8_t *r = m->px + i, *g = r + n, *b = g + n;
    to_hsv(*r, *g, *b, hsv);
    hsv[0] = (hsv[0] + shift) & 255;
    to_rgb(hsv, part, sector, r, g, b);
  }
}
