/* Checks of the C tests: counted and printed; `tally` gives the exit status. */
#ifndef TESTS_CHECKS_H
#define TESTS_CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static int checks, failures;

#define CHECK(cond)                                                   \
  do {                                                                \
    checks++;                                                         \
    if (!(cond)) {                                                    \
      failures++;                                                     \
      printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond); \
    }                                                                 \
  } while (0)

#define CHECK_OK(call)                                                                             \
  do {                                                                                             \
    vg_status got_ = (call);                                                                       \
    checks++;                                                                                      \
    if (got_ != VG_OK) {                                                                           \
      failures++;                                                                                  \
      printf("%s:%d: %s: %s '%s'\n", __FILE__, __LINE__, #call, vg_status_name(got_), vg_error()); \
    }                                                                                              \
  } while (0)

/* The call fails with `code` and its message holds `text`. */
#define CHECK_FAILS(call, code, text)                                                   \
  do {                                                                                  \
    vg_status got_ = (call);                                                            \
    checks++;                                                                           \
    if (got_ != (code) || !strstr(vg_error(), text)) {                                  \
      failures++;                                                                       \
      printf("%s:%d: %s: want %s '%s', got %s '%s'\n", __FILE__, __LINE__, #call,       \
             vg_status_name(code), text, vg_status_name(got_), got_ ? vg_error() : ""); \
    }                                                                                   \
  } while (0)

static inline int tally(const char *what) {
  printf("%s: %d checks, %d failed\n", what, checks, failures);
  return failures ? 1 : 0;
}

#endif
