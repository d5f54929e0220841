/* Colour operations as albumentations 2.0.8 does them on 8-bit images (albucore tables, OpenCV
   colour conversions with their fused multiply-adds). Equal for every input tried, see
   tests/parity. */
#include "data/colour_rows.h"
#include "data/image.h"

static uint8_t clip_trunc(float v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

static void apply_table(uint8_t *px, int n, const uint8_t table[256]) {
  for (int i = 0; i < n; i++) px[i] = table[px[i]];
}

void vg_image_brightness(vg_image *m, double factor) {
  uint8_t table[256];
  for (int i = 0; i < 256; i++) table[i] = clip_trunc((float)i * (float)factor);
  apply_table(m->px, 3 * m->h * m->w, table);
}

static int grey(int r, int g, int b) { return (9798 * r + 19235 * g + 3735 * b + 16384) >> 15; }

void vg_image_contrast(vg_image *m, double factor) {
  int n = m->h * m->w;
  int64_t sum = 0;
  uint8_t table[256];
  if (factor == 1) return;
  for (int i = 0; i < n; i++) sum += grey(m->px[i], m->px[n + i], m->px[2 * n + i]);
  double mean = (double)sum / n;
  float shift = (float)(mean * (1 - factor));
  for (int i = 0; i < 256; i++)
    table[i] = factor == 0 ? (uint8_t)(mean + 0.5) : clip_trunc((float)i * (float)factor + shift);
  apply_table(m->px, 3 * n, table);
}

/* Rounds half to even without a call: adding 1.5 * 2^23 leaves no fraction bits. */
static uint8_t clip_round(float v) {
  v = v < 0 ? 0 : v > 255 ? 255 : v;
  return (uint8_t)(int)((v + 12582912.0f) - 12582912.0f);
}

void vg_saturation_row(uint8_t *px, int plane, int n, float alpha, float beta) {
  uint8_t *r = px, *g = r + plane, *b = g + plane;
  for (int i = 0; i < n; i++) {
    int y = grey(r[i], g[i], b[i]);
    /* OpenCV fuses: one rounding of alpha * x + (rounded) beta * y. Doubles hold that sum exactly.
     */
    double part = (double)((float)y * beta);
    r[i] = clip_round((float)((double)r[i] * (double)alpha + part));
    g[i] = clip_round((float)((double)g[i] * (double)alpha + part));
    b[i] = clip_round((float)((double)b[i] * (double)alpha + part));
  }
}

void vg_image_saturation(vg_image *m, double factor) {
  int n = m->h * m->w, done = 0;
  float alpha = (float)factor, beta = (float)(1 - factor);
  if (factor == 1) return;
  if (vg_colour_avx2()) done = vg_saturation_row_avx2(m->px, n, n, alpha, beta);
  vg_saturation_row(m->px + done, n, n - done, alpha, beta);
}

/* Saturation counts 255ths and hue steps of 2 degrees. */
static int round_even(double v) { return (int)((v + 0x1.8p52) - 0x1.8p52); }

static void make_tables(vg_hue_tables *t, double turns) {
  t->by_value[0] = t->by_spread[0] = 0;
  for (int i = 1; i < 256; i++) {
    t->by_value[i] = round_even((255 << 12) / (double)i);
    t->by_spread[i] = round_even((180 << 12) / (6.0 * i));
  }
  for (int i = 0; i < 180; i++) {
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
static uint8_t level(float v, float s, float f) {
  return (uint8_t)(v * (float)(1.0 - (double)s * (double)f) * 255.0f);
}

static void turn_pixel(uint8_t *r, uint8_t *g, uint8_t *b, const vg_hue_tables *t) {
  int max = *r > *g ? *r : *g, min = *r < *g ? *r : *g;
  if (*b > max) max = *b;
  if (*b < min) min = *b;
  int d = max - min;
  int h = max == *r ? *g - *b : max == *g ? *b - *r + 2 * d : *r - *g + 4 * d;
  h = (h * t->by_spread[d] + 2048) >> 12;
  if (h < 0) h += 180;
  float s = (float)((d * t->by_value[max] + 2048) >> 12) * (1.0f / 255.0f);
  float v = (float)max * (1.0f / 255.0f);
  uint8_t top = (uint8_t)(v * 255.0f), low = level(v, s, 1.0f), mid = level(v, s, t->part[h]);
  switch (t->sector[h]) {
    case 0: *r = top, *g = mid, *b = low; break;
    case 1: *r = mid, *g = top, *b = low; break;
    case 2: *r = low, *g = top, *b = mid; break;
    case 3: *r = low, *g = mid, *b = top; break;
    case 4: *r = mid, *g = low, *b = top; break;
    default: *r = top, *g = low, *b = mid; break;
  }
}

void vg_hue_row(uint8_t *px, int plane, int n, const vg_hue_tables *t) {
  for (int i = 0; i < n; i++) turn_pixel(px + i, px + plane + i, px + 2 * plane + i, t);
}

void vg_image_hue(vg_image *m, double turns) {
  int n = m->h * m->w, done = 0;
  vg_hue_tables t;
  if (turns == 0) return;
  make_tables(&t, turns);
  if (vg_colour_avx2()) done = vg_hue_row_avx2(m->px, n, n, &t);
  vg_hue_row(m->px + done, n, n - done, &t);
}
