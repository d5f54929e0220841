/* Checks of the core's C tests: counted, printed, exit status at the end. */
#ifndef TEST_CORE_H
#define TEST_CORE_H

#include <stdio.h>
#include <string.h>

#include "autograd/tape.h"
#include "base/alloc.h"
#include "ops/ops.h"

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

static inline int finish(const char *name) {
  printf("%s: %d checks, %d failures\n", name, checks, failures);
  return failures ? 1 : 0;
}

#endif
