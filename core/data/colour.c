/* Colour operations as albumentations 2.0.8 does them on 8-bit images (albucore tables, OpenCV
   colour conversions with their fused multiply-adds). Equal for every input tried, see
   tests/parity. */
#include <math.h>

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

void vg_image_saturation(vg_image *m, double factor) {
  int n = m->h * m->w;
  float alpha = (float)factor, beta = (float)(1 - factor);
  if (factor == 1) return;
  uint8_t *r = m->px, *g = r + n, *b = g + n;
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

/* OpenCV's reciprocal tables with 12 fraction bits, saturation in 255ths and hue in 2-degree steps.
 */
static int per_value(int v) { return v ? (int)nearbyint((255 << 12) / (double)v) : 0; }
static int per_spread(int d) { return d ? (int)nearbyint((180 << 12) / (6.0 * d)) : 0; }

/* One step of the hue circle, already turned: sector and fraction inside it. */
typedef struct hue_step {
  int sector;
  float up, down; /* fraction, 1 - fraction */
} hue_step;

static void make_steps(hue_step steps[256], double turns) {
  for (int i = 0; i < 256; i++) {
    double h = fmod(i + 180 * turns, 180.0);
    int turned = (int)(h < 0 ? h + 180.0 : h) % 180;
    float six = (float)turned * (float)(6 / 180.0f);
    steps[i].sector = (int)six;
    steps[i].up = six - (float)steps[i].sector;
    steps[i].down = 1.0f - steps[i].up;
    steps[i].sector %= 6;
  }
}

static uint8_t level(float v, float s, float f) {
  return (uint8_t)(v * (float)(1.0 - (double)s * (double)f) * 255.0f);
}

static void turn_pixel(uint8_t *r, uint8_t *g, uint8_t *b, const int *by_value,
                       const int *by_spread, const hue_step *steps) {
  int max = *r > *g ? *r : *g, min = *r < *g ? *r : *g;
  if (*b > max) max = *b;
  if (*b < min) min = *b;
  int d = max - min;
  int h = max == *r ? *g - *b : max == *g ? *b - *r + 2 * d : *r - *g + 4 * d;
  h = (h * by_spread[d] + 2048) >> 12;
  if (h < 0) h += 180;
  const hue_step *step = &steps[h];
  float s = (float)((d * by_value[max] + 2048) >> 12) * (1.0f / 255.0f);
  float v = (float)max * (1.0f / 255.0f);
  uint8_t top = (uint8_t)(v * 255.0f), low = level(v, s, 1.0f);
  uint8_t mid = level(v, s, step->sector & 1 ? step->up : step->down);
  switch (step->sector) {
    case 0: *r = top, *g = mid, *b = low; break;
    case 1: *r = mid, *g = top, *b = low; break;
    case 2: *r = low, *g = top, *b = mid; break;
    case 3: *r = low, *g = mid, *b = top; break;
    case 4: *r = mid, *g = low, *b = top; break;
    default: *r = top, *g = low, *b = mid; break;
  }
}

void vg_image_hue(vg_image *m, double turns) {
  int n = m->h * m->w, by_value[256], by_spread[256];
  hue_step steps[256];
  if (turns == 0) return;
  for (int i = 0; i < 256; i++) by_value[i] = per_value(i), by_spread[i] = per_spread(i);
  make_steps(steps, turns);
  for (int i = 0; i < n; i++)
    turn_pixel(m->px + i, m->px + n + i, m->px + 2 * n + i, by_value, by_spread, steps);
}
