#include "base/clock.h"

#include <time.h>

static double read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double vg_clock(void) { return read_clock(CLOCK_MONOTONIC); }
double vg_wall_clock(void) { return read_clock(CLOCK_REALTIME); }
