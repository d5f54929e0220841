/* Colour operations as torchvision does them on Pillow images (ImageEnhance's blend, HSV of 256
 * hues). */
#include "base/pixel.h"
#include "data/image.h"

static void blend_with(vg_image *m, int base, double factor) {
  uint8_t table[256];
  for (int i = 0; i < 256; i++) table[i] = vg_pil_blend(base, i, (float)factor);
  for (int i = 0; i < 3 * m->h * m->w; i++) m->px[i] = table[m->px[i]];
}

void vg_image_pil_brightness(vg_image *m, double factor) { blend_with(m, 0, factor); }

void vg_image_pil_contrast(vg_image *m, double factor) {
  int n = m->h * m->w;
  int64_t sum = 0;
  for (int i = 0; i < n; i++) sum += vg_pil_grey(m->px[i], m->px[n + i], m->px[2 * n + i]);
  blend_with(m, (int)((double)sum / n + 0.5), factor);
}

void vg_image_pil_saturation(vg_image *m, double factor) {
  int n = m->h * m->w;
  uint8_t *r = m->px, *g = r + n, *b = g + n;
  for (int i = 0; i < n; i++) {
    int y = vg_pil_grey(r[i], g[i], b[i]);
    r[i] = vg_pil_blend(y, r[i], (float)factor);
    g[i] = vg_pil_blend(y, g[i], (float)factor);
    b[i] = vg_pil_blend(y, b[i], (float)factor);
  }
}

void vg_image_pil_hue(vg_image *m, double turns) {
  int n = m->h * m->w, shift = (int)(turns * 255), sector[256], hsv[3];
  float part[256];
  for (int i = 0; i < 256; i++) vg_pil_hue_entry(&sector[i], &part[i], i);
  for (int i = 0; i < n; i++) {
    uint8_t *r = m->px + i, *g = r + n, *b = g + n;
    vg_pil_to_hsv(*r, *g, *b, hsv);
    hsv[0] = (hsv[0] + shift) & 255;
    vg_pil_to_rgb(hsv, part[hsv[0]], sector[hsv[0]], r, g, b);
  }
}
