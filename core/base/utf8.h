/* Text that has to be valid UTF-8 because a format says so. */
#ifndef VG_BASE_UTF8_H
#define VG_BASE_UTF8_H

#include "base/text.h"

/* Bytes of the character that starts at s, 0 when none does (overlong forms, surrogates and what
   lies above U+10FFFF are none). */
VG_API size_t vg_utf8_length(const char *s, size_t n);

/* Appends n bytes; each byte that belongs to no character becomes U+FFFD, as does NUL. */
VG_API void vg_utf8_add(vg_text *t, const char *s, size_t n);

#endif
