/* A generated ten-class set of 32x32 colour images: one shape on a cluttered, noisy background.
   Labels survive horizontal flips, shifts of a few pixels, moderate colour jitter and small holes;
   they do not survive vertical flips (triangles), transposition (bars) or swapped channels (red and
   blue discs). */
#ifndef VG_DATA_SYNTHETIC_H
#define VG_DATA_SYNTHETIC_H

#include "data/records.h"

extern const char *const vg_synthetic_classes[10];

/* n images; `part` 0 is training and 1 is test data. Each run of ten images holds each class once.
   Image i depends on (seed, part, i) alone. */
vg_status vg_synthetic_new(vg_records **out, int64_t n, uint64_t seed, uint32_t part);

#endif
