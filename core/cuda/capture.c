/* Recording a step as a CUDA graph and replaying it. */
#include "cuda/stream.h"

bool vg_cuda_capturing(const vg_device *d) { return vg_cuda_state(d)->graph != NULL; }

vg_status vg_cuda_dynamic(vg_device *d, const void *host, size_t bytes,
                          vg_cuda_dynamic_values *out) {
  (void)d, (void)host, (void)bytes;
  *out = (vg_cuda_dynamic_values){0};
  return VG_OK;
}

const uint64_t *vg_cuda_rng_shift(vg_device *d) {
  (void)d;
  return NULL;
}
