/* Text forms of protocol 0. */
#include "io/pickle_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool vg_pk_parse_int(vg_pk_bytes s, int64_t *out) {
  bool minus = s.n && s.p[0] == '-';
  size_t i = minus, end = s.n && s.p[s.n - 1] == 'L' ? s.n - 1 : s.n;
  uint64_t v = 0, limit = (uint64_t)INT64_MAX + minus;
  if (i >= end) return false;
  for (; i < end; i++) {
    unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
    if (d > 9 || v > (limit - d) / 10) return false;
    v = v * 10 + d;
  }
  *out = (int64_t)(minus ? 0 - v : v);
  return true;
}

bool vg_pk_parse_float(vg_pk_bytes s, double *out) {
  char text[64], *end;
  if (s.n == 0 || s.n >= sizeof text) return false;
  memcpy(text, s.p, s.n);
  text[s.n] = 0;
  *out = strtod(text, &end);
  return end == text + s.n;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* `count` hexadecimal digits at s.p[at]. */
static bool hex(vg_pk_bytes s, size_t at, size_t count, uint32_t *out) {
  *out = 0;
  if (at + count > s.n) return false;
  for (size_t i = at; i < at + count; i++) {
    int d = digit(s.p[i]);
    if (d < 0) return false;
    *out = *out << 4 | (uint32_t)d;
  }
  return true;
}

/* One escape, s.p[*i] being the character after the backslash. */
static bool escape(vg_pk_bytes s, size_t *i, char *to, size_t *n) {
  static const char letters[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
  char c = s.p[*i];
  const char *found = c ? strchr(letters, c) : NULL;
  uint32_t v = 0;
  if (found) {
    to[(*n)++] = values[found - letters];
    ++*i;
    return true;
  }
  if (c == 'x') {
    if (!hex(s, *i + 1, 2, &v)) return false;
    *i += 3;
  } else if (c >= '0' && c <= '7') {
    for (int k = 0; k < 3 && *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '7'; k++)
      v = v * 8 + (uint32_t)(s.p[(*i)++] - '0');
  } else {
    to[(*n)++] = '\\'; /* Python keeps an unknown escape as it is */
    return true;
  }
  to[(*n)++] = (char)(unsigned char)v;
  return true;
}

bool vg_pk_unquote(vg_pk_bytes s, char *to, size_t *n) {
  size_t i = 1, end;
  *n = 0;
  if (s.n < 2 || (s.p[0] != '\'' && s.p[0] != '"') || s.p[s.n - 1] != s.p[0]) return false;
  end = s.n - 1;
  s.n = end;
  while (i < end) {
    if (s.p[i] != '\\') {
      to[(*n)++] = s.p[i++];
      continue;
    }
    if (++i == end || !escape(s, &i, to, n)) return false;
  }
  return true;
}

static bool utf8(uint32_t c, char *to, size_t *n) {
  if (c < 0x80) {
    to[(*n)++] = (char)c;
  } else if (c < 0x800) {
    to[(*n)++] = (char)(0xc0 | c >> 6);
    to[(*n)++] = (char)(0x80 | (c & 63));
  } else if (c < 0x10000) {
    to[(*n)++] = (char)(0xe0 | c >> 12);
    to[(*n)++] = (char)(0x80 | (c >> 6 & 63));
    to[(*n)++] = (char)(0x80 | (c & 63));
  } else if (c < 0x110000) {
    to[(*n)++] = (char)(0xf0 | c >> 18);
    to[(*n)++] = (char)(0x80 | (c >> 12 & 63));
    to[(*n)++] = (char)(0x80 | (c >> 6 & 63));
    to[(*n)++] = (char)(0x80 | (c & 63));
  } else {
    return false;
  }
  return true;
}

bool vg_pk_unescape(vg_pk_bytes s, char *to, size_t *n) {
  size_t i = 0;
  *n = 0;
  while (i < s.n) {
    uint32_t c = (unsigned char)s.p[i];
    size_t used = 1;
    if (c == '\\' && i + 1 < s.n && (s.p[i + 1] == 'u' || s.p[i + 1] == 'U')) {
      used = s.p[i + 1] == 'u' ? 6 : 10;
      if (!hex(s, i + 2, used - 2, &c)) return false;
    }
    if (!utf8(c, to, n)) return false;
    i += used;
  }
  return true;
}

bool vg_pk_latin1(vg_pk_bytes s, char *to, size_t *n) {
  *n = 0;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x80) {
      to[(*n)++] = (char)c;
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < s.n &&
               ((unsigned char)s.p[i + 1] & 0xc0) == 0x80) {
      to[(*n)++] = (char)(unsigned char)((c & 3) << 6 | ((unsigned char)s.p[++i] & 63));
    } else {
      return false;
    }
  }
  return true;
}
