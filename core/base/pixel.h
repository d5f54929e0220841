/* Arithmetic of the augmentations on 8-bit pixels, one value or one pixel at a time, as OpenCV with
   albumentations' tables (vg_cv_) and Pillow (vg_pil_) do it. Callers compile without contraction:
   where those packages fuse a multiplication with an addition it is written out. */
#ifndef VG_BASE_PIXEL_H
#define VG_BASE_PIXEL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hd.h"

/* ---- geometry ---- */

/* Position `i` of an axis of `n` mirrored at its ends without repeating them (reflect 101). */
VG_HD int vg_reflect(int i, int n) {
  int period = 2 * (n - 1);
  if (n == 1) return 0;
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

VG_HD int vg_fix16(double v) { return (int)floor(v * 65536.0 + 0.5); }

/* Pillow rounds the matrix to 15 decimals so that right angles come out exact. */
VG_HD double vg_round15(double v) { return nearbyint(v * 1e15) / 1e15; }

/* A rotation of a w x h image in 16.16 numbers: output (x, y) reads (x0 + x dxx + y dxy,
   y0 + x dyx + y dyy). */
typedef struct vg_turn {
  bool none; /* by nothing at all */
  int x0, y0, dxx, dxy, dyx, dyy;
} vg_turn;

VG_HD vg_turn vg_turn_by(double degrees, int h, int w) {
  vg_turn t = {true, 0, 0, 0, 0, 0, 0};
  double turn = fmod(degrees, 360.0);
  double angle = -(turn < 0 ? turn + 360.0 : turn) * (3.14159265358979323846 / 180.0);
  double a = vg_round15(cos(angle)), b = vg_round15(sin(angle)), cx = w / 2.0, cy = h / 2.0;
  /* The source of output (x, y) is (a x + b y + c, -b x + a y + f), taken at pixel centres. */
  double c = a * -cx + b * -cy + cx, f = -b * -cx + a * -cy + cy;
  if (turn == 0) return t;
  t.none = false;
  t.dxx = vg_fix16(a);
  t.dxy = vg_fix16(b);
  t.dyx = vg_fix16(-b);
  t.dyy = vg_fix16(a);
  t.x0 = vg_fix16(c + a * 0.5 + b * 0.5);
  t.y0 = vg_fix16(f - b * 0.5 + a * 0.5);
  return t;
}

/* Pillow's triangle filter for one output position: where its taps start, how many there are and
   their fixed-point weights; k is scratch. */
#define VG_TAP_BITS 22 /* 32 - 8 - 2 */
VG_HD int vg_taps_of(int *from, int *weight, double *k, int out, int n_in, int n_out) {
  double scale = (double)n_in / n_out, wide = scale > 1 ? scale : 1, centre = (out + 0.5) * scale;
  double sum = 0;
  int to = (int)(centre + wide + 0.5), count;
  *from = (int)(centre - wide + 0.5);
  if (*from < 0) *from = 0;
  if (to > n_in) to = n_in;
  count = to - *from;
  for (int i = 0; i < count; i++) {
    double d = fabs((i + *from - centre + 0.5) / wide);
    k[i] = d < 1 ? 1 - d : 0;
    sum += k[i];
  }
  for (int i = 0; i < count; i++) weight[i] = (int)(k[i] / sum * (1 << VG_TAP_BITS) + 0.5);
  return count;
}

VG_HD uint8_t vg_tap_value(int acc) {
  acc >>= VG_TAP_BITS;
  return (uint8_t)(acc < 0 ? 0 : acc > 255 ? 255 : acc);
}

/* ---- colour as OpenCV ---- */

VG_HD uint8_t vg_clip_trunc(float v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

/* Rounds half to even without a call: adding 1.5 * 2^23 leaves no fraction bits. */
VG_HD uint8_t vg_clip_round(float v) {
  v = v < 0 ? 0 : v > 255 ? 255 : v;
  return (uint8_t)(int)((v + 12582912.0f) - 12582912.0f);
}

VG_HD int vg_cv_grey(int r, int g, int b) {
  return (9798 * r + 19235 * g + 3735 * b + 16384) >> 15;
}

VG_HD uint8_t vg_cv_brightness(int i, double factor) {
  return vg_clip_trunc((float)i * (float)factor);
}

/* mean: of the image's grey. */
VG_HD uint8_t vg_cv_contrast(int i, double mean, double factor) {
  float shift = (float)(mean * (1 - factor));
  return factor == 0 ? (uint8_t)(mean + 0.5) : vg_clip_trunc((float)i * (float)factor + shift);
}

/* One channel of a pixel of this grey. OpenCV fuses: one rounding of alpha * x + (rounded) beta *
   y. Doubles hold that sum exactly. */
VG_HD uint8_t vg_cv_saturation(uint8_t x, int grey, float alpha, float beta) {
  double part = (double)((float)grey * beta);
  return vg_clip_round((float)((double)x * (double)alpha + part));
}

/* Saturation counts 255ths and hue steps of 2 degrees. */
VG_HD int vg_round_even(double v) { return (int)((v + 0x1.8p52) - 0x1.8p52); }

/* OpenCV's reciprocals with 12 fraction bits, and for each of 180 hues, after the turn, its sector
   and how far the middle channel is from the lowest (0) to the highest (1), as 1 - that. */
typedef struct vg_hue_tables {
  int by_value[256], by_spread[256];
  int sector[180];
  float part[180];
} vg_hue_tables;

/* Entry i of the tables, i < 256. */
VG_HD void vg_hue_entry(vg_hue_tables *t, int i, double turns) {
  t->by_value[i] = i ? vg_round_even((255 << 12) / (double)i) : 0;
  t->by_spread[i] = i ? vg_round_even((180 << 12) / (6.0 * i)) : 0;
  if (i < 180) {
    double h = i + 180 * turns; /* -90 .. 270 */
    int turned = (int)(h < 0 ? h + 180.0 : h >= 180.0 ? h - 180.0 : h) % 180;
    float six = (float)turned * (float)(6 / 180.0f);
    int sector = (int)six;
    float up = six - (float)sector;
    t->sector[i] = sector % 6;
    t->part[i] = sector & 1 ? up : 1.0f - up;
  }
}

/* v * (1 - s * f) with s * f fused, truncated: doubles hold 1 - s * f exactly. */
VG_HD uint8_t vg_cv_level(float v, float s, float f) {
  return (uint8_t)(v * (float)(1.0 - (double)s * (double)f) * 255.0f);
}

VG_HD void vg_cv_turn(uint8_t *r, uint8_t *g, uint8_t *b, const vg_hue_tables *t) {
  int max = *r > *g ? *r : *g, min = *r < *g ? *r : *g;
  if (*b > max) max = *b;
  if (*b < min) min = *b;
  int d = max - min;
  int h = max == *r ? *g - *b : max == *g ? *b - *r + 2 * d : *r - *g + 4 * d;
  h = (h * t->by_spread[d] + 2048) >> 12;
  if (h < 0) h += 180;
  float s = (float)((d * t->by_value[max] + 2048) >> 12) * (1.0f / 255.0f);
  float v = (float)max * (1.0f / 255.0f);
  uint8_t top = (uint8_t)(v * 255.0f), low = vg_cv_level(v, s, 1.0f),
          mid = vg_cv_level(v, s, t->part[h]);
  switch (t->sector[h]) {
    case 0: *r = top, *g = mid, *b = low; break;
    case 1: *r = mid, *g = top, *b = low; break;
    case 2: *r = low, *g = top, *b = mid; break;
    case 3: *r = low, *g = mid, *b = top; break;
    case 4: *r = mid, *g = low, *b = top; break;
    default: *r = top, *g = low, *b = mid; break;
  }
}

/* ---- colour as Pillow ---- */

/* Image.blend(a, b, factor): truncates, and clips when it extrapolates. */
VG_HD uint8_t vg_pil_blend(int a, int b, float factor) {
  float v = (float)a + factor * (float)(b - a);
  return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
}

VG_HD int vg_pil_grey(int r, int g, int b) {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

VG_HD void vg_pil_to_hsv(int r, int g, int b, int hsv[3]) {
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

VG_HD uint8_t vg_round_half_up(double v) { return (uint8_t)(v + 0.5); }

/* Sector and place in it of one of 256 hues. */
VG_HD void vg_pil_hue_entry(int *sector, float *part, int i) {
  double six = i * 6.0 / 255.0;
  *sector = (int)six % 6;
  *part = (float)(six - (int)six);
}

VG_HD void vg_pil_to_rgb(const int hsv[3], float f, int sector, uint8_t *r, uint8_t *g,
                         uint8_t *b) {
  double v = hsv[2];
  float fs = (float)(hsv[1] / 255.0);
  uint8_t top = (uint8_t)hsv[2], p = vg_round_half_up(v * (1.0 - (double)fs));
  uint8_t q = vg_round_half_up(v * (1.0 - (double)(fs * f)));
  uint8_t t = vg_round_half_up(v * (1.0 - (double)fs * (1.0 - (double)f)));
  switch (sector) {
    case 0: *r = top, *g = t, *b = p; break;
    case 1: *r = q, *g = top, *b = p; break;
    case 2: *r = p, *g = top, *b = t; break;
    case 3: *r = p, *g = q, *b = top; break;
    case 4: *r = t, *g = p, *b = top; break;
    default: *r = top, *g = p, *b = q; break;
  }
}

#endif
