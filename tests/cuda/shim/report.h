/* How the stand-ins end a test that broke a rule. */
#ifndef VG_SHIM_REPORT_H
#define VG_SHIM_REPORT_H

#ifdef __cplusplus
extern "C" {
#endif

enum { SHIM_EXIT = 86 };

/* Prints "cuda shim: TEXT" and where it was called from on stderr and ends the process with
 * SHIM_EXIT. */
__attribute__((noreturn)) void shim_violation(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif
#endif
