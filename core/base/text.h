/* A growing string for messages, printing and small writers. A failed allocation sticks: later
   appends do nothing and vg_text_str returns what there is; check `failed` where it matters. */
#ifndef VG_BASE_TEXT_H
#define VG_BASE_TEXT_H

#include "base/status.h"

typedef struct vg_text {
  char *data;
  size_t len, cap;
  bool failed;
} vg_text; /* zero-initialised is empty */

VG_API void vg_text_add(vg_text *t, const char *bytes, size_t n);
VG_API void vg_text_printf(vg_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
VG_API const char *vg_text_str(const vg_text *t); /* never NULL */
VG_API void vg_text_free(vg_text *t);

#endif
