/* Late updates. A recorded step leaves Adam's work on large parameters to the next launch, where a
   branch of the graph does it beside the forward, in the order in which the optimiser names them;
   before a parameter is used, the graph waits for it. The clipping factor needs the norm of all
   gradients, so this is the only place where that work is not in the way.
   Nobody sees the difference: whatever else uses such a parameter, its moments or its gradient
   between launches has what is outstanding done first (vg_cuda_touch). */
#ifndef VG_CUDA_LATE_H
#define VG_CUDA_LATE_H

#include "cuda/stream.h"

/* An eager step has changed these: of the recordings to come they are candidates, those of at least
   VGG_CUDA_LATE elements (262144; 0: none). */
vg_status vg_cuda_late_updated(vg_device *d, int n, const vg_optim_slot *s);

/* For a recording whose memory comes from this pool; *out is NULL when there are no candidates. */
vg_status vg_cuda_late_new(struct vg_cuda_late **out, vg_device *d, struct vg_pool *pool);
/* Its capture has begun (NULL: nothing): records the branch. enabled: device memory, whether the
   launch before left something. */
vg_status vg_cuda_late_begin(struct vg_cuda_late *l, vg_device *d, const uint64_t *enabled);
/* The capture waits for what is left of the branch. */
vg_status vg_cuda_late_join(vg_device *d);
/* In a captured step: the list for this update, to which the caller adds it; NULL: now, not late.
   now: where the step's numbers lie. */
vg_cuda_tensors *vg_cuda_late_take(vg_device *d, const vg_optim_slot *s, const void *now,
                                   const vg_grad_clip *clip);
/* The capture has ended: the lists go to the device. */
vg_status vg_cuda_late_end(vg_device *d, struct vg_cuda_late *l);
/* Launches of the recording leave something to the next one. */
bool vg_cuda_late_leaves(const struct vg_cuda_late *l);
/* Does what the last launch left, now. */
vg_status vg_cuda_late_flush(vg_device *d);
/* This memory is going to be used. */
vg_status vg_cuda_late_touched(vg_device *d, const void *memory);
void vg_cuda_late_free(struct vg_cuda_late *l); /* NULL is fine */

#endif
