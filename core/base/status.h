/* Status codes and the thread-local error message. Fallible functions return vg_status; the text of
   the last failure on this thread is vg_error(). Nothing in the core prints or exits. */
#ifndef VG_BASE_STATUS_H
#define VG_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgglua/status.h"

/* Formats the message of a failure and returns `code`, so that callers write
   `return vg_fail(VG_ESHAPE, "conv2d: want NCHW, got %s", ...)`. Lower case, op first, no newline.
 */
VG_API vg_status vg_fail(vg_status code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
VG_API vg_status vg_vfail(vg_status code, const char *fmt, va_list ap);

/* Puts `prefix: ` in front of the current message and returns `code` (for callers that know where).
 */
VG_API vg_status vg_fail_at(vg_status code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Jumps to the function's single `done:` label on failure; needs a local `vg_status st`. */
#define VG_TRY(call)            \
  do {                          \
    st = (call);                \
    if (st != VG_OK) goto done; \
  } while (0)

/* For our own mistakes only: a user can never reach one. */
#define VG_ASSERT(cond) ((cond) ? (void)0 : vg_assert_failed(#cond, __FILE__, __LINE__))
VG_API _Noreturn void vg_assert_failed(const char *cond, const char *file, int line);

#endif
