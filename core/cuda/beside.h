/* Work of a captured step that runs beside the rest of it, on a branch which is joined when
   somebody uses what it writes or writes what it reads, or at the end. (A step that runs at once
   joins a branch where it forked: its memory goes to whoever asks next.) */
#ifndef VG_CUDA_BESIDE_H
#define VG_CUDA_BESIDE_H

#include "cuda/stream.h"

/* From here on p->side does what comes after everything that was asked for so far. */
vg_status vg_cuda_beside_fork(vg_device *d);
/* The branch reads t, which lives until the join. */
vg_status vg_cuda_beside_reads(vg_device *d, const vg_tensor *t);
/* The same for a buffer, taken from the caller. */
vg_status vg_cuda_beside_keeps(vg_device *d, vg_buf *b);
/* It writes t, which may end before. */
vg_status vg_cuda_beside_writes(vg_device *d, const vg_tensor *t);
/* The rest of the step waits for the branch; nothing when there is none. */
vg_status vg_cuda_beside_join(vg_device *d);
/* This memory is going to be read or written. */
vg_status vg_cuda_beside_touched(vg_device *d, const void *memory, bool write);

#endif
