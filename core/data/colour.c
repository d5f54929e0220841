/* Colour operations as albumentations 2.0.8 does them on 8-bit images (albucore tables, OpenCV
   colour conversions with their fused multiply-adds). Equal for every input tried, see
   tests/parity. */
#include "base/pixel.h"
#include "data/colour_rows.h"
#include "data/image.h"

static void apply_table(uint8_t *px, int n, const uint8_t table[256]) {
  for (int i = 0; i < n; i++) px[i] = table[px[i]];
}

void vg_image_brightness(vg_image *m, double factor) {
  uint8_t table[256];
  for (int i = 0; i < 256; i++) table[i] = vg_cv_brightness(i, factor);
  apply_table(m->px, 3 * m->h * m->w, table);
}

void vg_image_contrast(vg_image *m, double factor) {
  int n = m->h * m->w;
  int64_t sum = 0;
  uint8_t table[256];
  if (factor == 1) return;
  for (int i = 0; i < n; i++) sum += vg_cv_grey(m->px[i], m->px[n + i], m->px[2 * n + i]);
  double mean = (double)sum / n;
  for (int i = 0; i < 256; i++) table[i] = vg_cv_contrast(i, mean, factor);
  apply_table(m->px, 3 * n, table);
}

void vg_saturation_row(uint8_t *px, int plane, int n, float alpha, float beta) {
  uint8_t *r = px, *g = r + plane, *b = g + plane;
  for (int i = 0; i < n; i++) {
    int y = vg_cv_grey(r[i], g[i], b[i]);
    r[i] = vg_cv_saturation(r[i], y, alpha, beta);
    g[i] = vg_cv_saturation(g[i], y, alpha, beta);
    b[i] = vg_cv_saturation(b[i], y, alpha, beta);
  }
}

void vg_image_saturation(vg_image *m, double factor) {
  int n = m->h * m->w, done = 0;
  float alpha = (float)factor, beta = (float)(1 - factor);
  if (factor == 1) return;
  if (vg_colour_avx2()) done = vg_saturation_row_avx2(m->px, n, n, alpha, beta);
  vg_saturation_row(m->px + done, n, n - done, alpha, beta);
}

void vg_hue_row(uint8_t *px, int plane, int n, const vg_hue_tables *t) {
  for (int i = 0; i < n; i++) vg_cv_turn(px + i, px + plane + i, px + 2 * plane + i, t);
}

void vg_image_hue(vg_image *m, double turns) {
  int n = m->h * m->w, done = 0;
  vg_hue_tables t;
  if (turns == 0) return;
  for (int i = 0; i < 256; i++) vg_hue_entry(&t, i, turns);
  if (vg_colour_avx2()) done = vg_hue_row_avx2(m->px, n, n, &t);
  vg_hue_row(m->px + done, n, n - done, &t);
}
