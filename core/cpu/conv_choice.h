/* Which algorithm a convolution runs. The rule is a function of the shape alone, so that a run and
   its continuation in another process compute the same bits; what was used can be read and imposed.
   VGG_CONV=direct, winograd, pixels or onednn_winograd prefers one algorithm wherever it exists;
   VGG_CONV=tune times all of them at first use and keeps the winners in a file. */
#ifndef VG_CPU_CONV_CHOICE_H
#define VG_CPU_CONV_CHOICE_H

#include "base/text.h"
#include "cpu/conv_own.h"

typedef enum vg_conv_algorithm {
  VG_CONV_DIRECT, /* oneDNN's */
  VG_CONV_WINOGRAD,
  VG_CONV_PIXELS,
  VG_CONV_ONEDNN_WINOGRAD,
  VG_CONV_ALGORITHMS
} vg_conv_algorithm;

vg_status vg_conv_run(vg_device *d, const vg_conv_data *t, vg_conv_algorithm a);

/* The algorithm for t->c; remembered. Tuning runs the operands themselves, several times. */
vg_status vg_conv_choose(vg_conv_algorithm *out, vg_device *d, const vg_conv_data *t);

/* The members of vg_conv_vt. */
vg_status vg_conv_choices(vg_device *d, vg_text *out);
vg_status vg_conv_set_choices(vg_device *d, const char *text);

#endif
