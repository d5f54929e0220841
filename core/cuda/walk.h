/* Tensors as kernels walk them. */
#ifndef VG_CUDA_WALK_H
#define VG_CUDA_WALK_H

#include "cuda/stream.h"

/* n tensors of one shape, the output first: all strided, or all in one layout. Dimensions are
   merged where memory allows. */
void vg_cuda_walk_of(vg_cuda_walk *w, int n, const vg_tensor *const *t);
/* Windows of 2 x 2 side by side, without padding (pool.c). */
bool vg_cuda_halves(const vg_pool2d *o);
/* Memory from the pool until the call's end: what is queued after it runs after it. */
vg_status vg_cuda_scratch(void **out, vg_buf *b, vg_device *d, size_t bytes);

#endif
