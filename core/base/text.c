/* Growing string over vg_alloc. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static bool grow(vg_text *t, size_t extra) {
  size_t cap = t->cap ? t->cap : 64;
  char *p;
  if (t->failed) return false;
  while (cap < t->len + extra + 1) cap *= 2;
  if (cap == t->cap) return true;
  p = vg_realloc(t->data, cap);
  if (!p) return !(t->failed = true);
  t->data = p;
  t->cap = cap;
  return true;
}

void vg_text_add(vg_text *t, const char *bytes, size_t n) {
  if (!grow(t, n)) return;
  memcpy(t->data + t->len, bytes, n);
  t->len += n;
  t->data[t->len] = 0;
}

void vg_text_printf(vg_text *t, const char *fmt, ...) {
  va_list ap, again;
  int n;
  va_start(ap, fmt);
  va_copy(again, ap);
  n = vsnprintf(NULL, 0, fmt, ap);
  if (n >= 0 && grow(t, (size_t)n)) {
    vsnprintf(t->data + t->len, (size_t)n + 1, fmt, again);
    t->len += (size_t)n;
  }
  va_end(again);
  va_end(ap);
}

const char *vg_text_str(const vg_text *t) { return t->data ? t->data : ""; }

void vg_text_free(vg_text *t) {
  vg_free(t->data);
  *t = (vg_text){0};
}
