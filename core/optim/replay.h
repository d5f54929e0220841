/* A training step recorded on its device and replayed: keeps the gradients, which lie where the
   recording found them, between the launches. */
#ifndef VG_OPTIM_REPLAY_H
#define VG_OPTIM_REPLAY_H

#include "optim/optim.h"

typedef struct vg_replay vg_replay;

VG_API bool vg_replay_possible(const vg_device *d);
/* From now on, until vg_replay_end, the device only notes what it is asked to do. */
VG_API vg_status vg_replay_begin(vg_replay **out, vg_device *d);
VG_API vg_status vg_replay_watch(vg_replay *r, const vg_tensor *x);
/* Ends the recording; the parameters' gradients become the recording's. */
VG_API vg_status vg_replay_end(vg_replay *r, int n, vg_tensor *const *params);
/* on: the parameters get their gradients back and optimizer steps only hand over their numbers;
   off: over. */
VG_API vg_status vg_replay_refill(vg_replay *r, bool on);
VG_API vg_status vg_replay_launch(vg_replay *r, uint64_t *number);
VG_API vg_status vg_replay_read(vg_replay *r, uint64_t number, int n, double *out);
VG_API int vg_replay_watched(const vg_replay *r);
VG_API void vg_replay_free(vg_replay *r); /* in any state; NULL is fine */

#endif
