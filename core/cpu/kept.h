/* Forms of a weight that a convolution computes first (a transform, another order), kept while the
   context says that weights are constant. */
#ifndef VG_CPU_KEPT_H
#define VG_CPU_KEPT_H

#include "cpu/cpu.h"

enum { VG_KEPT_WINOGRAD, VG_KEPT_WINOGRAD_DATA, VG_KEPT_PIXELS, VG_KEPT_PIXELS_DATA };

typedef struct vg_kept {
  float *data;
  bool ready; /* filled by an earlier call; otherwise the caller fills it now */
} vg_kept;

/* The memory for form number `form` of weight w; data is NULL when nothing is to be kept (w is
   NULL, weights are not constant, or there is no room). */
vg_kept vg_cpu_keep(vg_device *d, vg_tensor *w, int form, size_t bytes);

#endif
