/* The one symbol of the plugin, and the table it gives. */
#include "cuda/stream.h"

VG_API vg_status vg_backend_init(uint32_t host_abi, const vg_backend **out);

static const vg_backend table = {.abi = VG_ABI,
                                 .name = "cuda",
                                 .device = &vg_cuda_device,
                                 .memory = &vg_cuda_memory,
                                 .layout = &vg_cuda_layout,
                                 .elementwise = &vg_cuda_elementwise,
                                 .reduce = &vg_cuda_reduce,
                                 .index = &vg_cuda_index,
                                 .matmul = &vg_cuda_matmul,
                                 .conv = &vg_cuda_conv,
                                 .pool = &vg_cuda_pool,
                                 .norm = &vg_cuda_norm,
                                 .softmax = &vg_cuda_softmax,
                                 .random = &vg_cuda_random,
                                 .optim = &vg_cuda_optim,
                                 .metric = &vg_cuda_metric,
                                 .augment = &vg_cuda_augment,
                                 .replay = &vg_cuda_replay};

vg_status vg_backend_init(uint32_t host_abi, const vg_backend **out) {
  int n = 0;
  vg_status st;
  *out = &table;
  if (host_abi != VG_ABI) return VG_OK; /* the host compares and says so */
  VG_TRY(VG_CUDA(cudaGetDeviceCount(&n)));
done:
  cudaGetLastError(); /* a failed probe must not stick to the first launch */
  return st;
}
