/* Checks and mends UTF-8. */
#include "base/utf8.h"

static bool follows(const unsigned char *p, size_t i) { return (p[i] & 0xC0) == 0x80; }

static size_t three(const unsigned char *p, size_t n) {
  if (n < 3 || !follows(p, 1) || !follows(p, 2)) return 0;
  if (p[0] == 0xE0 && p[1] < 0xA0) return 0; /* overlong */
  if (p[0] == 0xED && p[1] > 0x9F) return 0; /* surrogate */
  return 3;
}

static size_t four(const unsigned char *p, size_t n) {
  if (n < 4 || !follows(p, 1) || !follows(p, 2) || !follows(p, 3)) return 0;
  if (p[0] == 0xF0 && p[1] < 0x90) return 0;
  if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
  return 4;
}

size_t vg_utf8_length(const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  if (n == 0) return 0;
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
  if (p[0] < 0xE0) return n > 1 && follows(p, 1) ? 2 : 0;
  return p[0] < 0xF0 ? three(p, n) : four(p, n);
}

void vg_utf8_add(vg_text *t, const char *s, size_t n) {
  size_t start = 0, i = 0;
  while (i < n) {
    size_t k = s[i] ? vg_utf8_length(s + i, n - i) : 0;
    if (k) {
      i += k;
      continue;
    }
    if (i > start) vg_text_add(t, s + start, i - start);
    vg_text_add(t, "\xEF\xBF\xBD", 3);
    start = ++i;
  }
  if (i > start) vg_text_add(t, s + start, i - start);
}
