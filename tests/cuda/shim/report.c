#include "report.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void shim_violation(const char *format, ...) {
  void *frames[24];
  va_list arguments;
  fflush(stdout);
  fputs("cuda shim: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  fflush(stderr);
  backtrace_symbols_fd(frames, backtrace(frames, 24), 2);
  _exit(SHIM_EXIT);
}
