/* Windows of a pooling along one dimension. */
#ifndef VG_BASE_WINDOW_H
#define VG_BASE_WINDOW_H

#include <stdint.h>

#include "base/hd.h"

typedef struct vg_window {
  int64_t from, to; /* inputs, clipped to the image */
  int64_t size;     /* the divisor of an average */
} vg_window;

typedef struct vg_window_rule {
  int kernel, stride, pad;
  int adaptive, count_include_pad; /* truth */
} vg_window_rule;

/* Output i of `out` over `in` inputs. */
VG_HD vg_window vg_window_at(int64_t i, int64_t in, int64_t out, vg_window_rule r) {
  vg_window w;
  if (r.adaptive) {
    w.from = i * in / out;
    w.to = ((i + 1) * in + out - 1) / out;
    w.size = w.to - w.from;
    return w;
  }
  w.from = i * r.stride - r.pad;
  w.to = w.from + r.kernel;
  if (w.to > in + r.pad) w.to = in + r.pad;
  w.size = w.to - w.from;
  if (w.from < 0) w.from = 0;
  if (w.to > in) w.to = in;
  if (!r.count_include_pad) w.size = w.to - w.from;
  return w;
}

#endif
