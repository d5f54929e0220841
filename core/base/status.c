/* The thread-local message buffer behind vg_fail. */
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[1024];

vg_status vg_vfail(vg_status code, const char *fmt, va_list ap) {
  char text[sizeof message]; /* the arguments may point into the old message */
  vsnprintf(text, sizeof text, fmt, ap);
  memcpy(message, text, sizeof text);
  return code;
}

vg_status vg_fail(vg_status code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vg_vfail(code, fmt, ap);
  va_end(ap);
  return code;
}

vg_status vg_fail_at(vg_status code, const char *fmt, ...) {
  char where[256], text[sizeof message];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(where, sizeof where, fmt, ap);
  va_end(ap);
  memcpy(text, message, sizeof text);
  return vg_fail(code, "%s: %s", where, text);
}

const char *vg_error(void) { return message; }

const char *vg_status_name(vg_status code) {
  static const char *const names[] = {"ok",          "argument",    "shape",   "dtype", "state",
                                      "unsupported", "memory",      "device",  "io",    "data",
                                      "numeric",     "interrupted", "internal"};
  return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

int vg_exit_code(vg_status code) {
  switch (code) {
    case VG_OK: return 0;
    case VG_EIO:
    case VG_EDATA: return 3;
    case VG_ENUMERIC: return 4;
    case VG_ENOMEM:
    case VG_EDEVICE: return 5;
    case VG_EINTR: return 130;
    default: return 1;
  }
}

_Noreturn void vg_assert_failed(const char *cond, const char *file, int line) {
  fprintf(stderr, "vgglua: internal error: %s does not hold (%s:%d)\n", cond, file, line);
  abort();
}
