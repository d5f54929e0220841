/* Operations that move pixels. */
#include <string.h>

#include "base/pixel.h"
#include "data/image.h"

static void swap(vg_image *m, int h, int w) {
  uint8_t *t = m->px;
  m->px = m->spare;
  m->spare = t;
  m->h = h;
  m->w = w;
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
          dst[y * ow + x] = src[vg_reflect(y - top, m->h) * m->w + vg_reflect(x - left, m->w)];
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

void vg_image_rotate(vg_image *m, double degrees) {
  vg_turn t = vg_turn_by(degrees, m->h, m->w);
  int n = m->h * m->w;
  if (t.none) return;
  memset(m->spare, 0, (size_t)(3 * n));
  for (int y = 0; y < m->h; y++) {
    int xx = t.x0 + y * t.dxy, yy = t.y0 + y * t.dyy;
    for (int x = 0; x < m->w; x++, xx += t.dxx, yy += t.dyx) {
      int sx = xx >> 16, sy = yy >> 16;
      if (sx < 0 || sx >= m->w || sy < 0 || sy >= m->h) continue;
      for (int k = 0; k < 3; k++) m->spare[k * n + y * m->w + x] = m->px[k * n + sy * m->w + sx];
    }
  }
  swap(m, m->h, m->w);
}

/* One pass along an axis: `step` between its pixels, `lines` lines `pitch` apart, three planes. */
static void pass(const uint8_t *src, uint8_t *dst, int n_in, int n_out, int lines, bool along_x) {
  for (int o = 0; o < n_out; o++) {
    double k[2 * VG_IMAGE_MAX + 2];
    int from, weight[2 * VG_IMAGE_MAX + 2], count = vg_taps_of(&from, weight, k, o, n_in, n_out);
    for (int c = 0; c < 3; c++)
      for (int l = 0; l < lines; l++) {
        const uint8_t *p = src + c * n_in * lines + (along_x ? l * n_in : l);
        int acc = 1 << (VG_TAP_BITS - 1);
        for (int i = 0; i < count; i++) acc += p[(from + i) * (along_x ? 1 : lines)] * weight[i];
        dst[c * n_out * lines + (along_x ? l * n_out + o : o * lines + l)] = vg_tap_value(acc);
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
