/* Where the time goes: while a device is profiled its table is replaced by one that times every
   call of a kernel and hands it on. Calls with the same name, pass, types and shape make one row.
 */
#ifndef VG_DEVICE_PROFILE_H
#define VG_DEVICE_PROFILE_H

#include "vgglua/backend.h"

typedef struct vg_profile_row {
  char label[64];   /* the layer, "" where nothing tells */
  const char *op;   /* "conv2d" */
  const char *pass; /* "forward", "data", "weight", "backward", "update" */
  char shape[64], layout[16], kernel[32];
  const char *dtype;
  int64_t calls;
  double seconds, flops, bytes; /* over all calls */
} vg_profile_row;

typedef struct vg_profile_totals {
  int64_t reorders; /* changes of layout, and copies */
  double reorder_bytes;
  int64_t taken;         /* blocks taken from the pool */
  int64_t device_allocs; /* those that the pool had to ask the device for */
} vg_profile_totals;

/* Begins anew; a device that is being profiled already loses its rows. */
VG_API vg_status vg_profile_start(vg_device *d);
/* While off, calls run as they are. */
VG_API void vg_profile_switch(vg_device *d, bool on);
/* Calls that involve w's memory belong to `label`. */
VG_API vg_status vg_profile_name(vg_device *d, const vg_tensor *w, const char *label);
/* The rows so far, in order of appearance; valid until the next call of a kernel. */
VG_API int vg_profile_rows(const vg_device *d, const vg_profile_row **rows);
VG_API vg_profile_totals vg_profile_count(const vg_device *d);
VG_API void vg_profile_stop(vg_device *d); /* twice is fine */

#endif
