/* Kernel launches. */
#include <cuda_runtime_api.h>
#include <stdlib.h>

#include "../emulate/block.h"
#include "report.h"

typedef struct vg_emulated_call {
  void (*body)(void *arguments);
  void (*destroy)(void *arguments);
  void *arguments;
  const void *const *pointers;
  int npointers;
} vg_emulated_call;

void shim_launch(const char *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                 vg_emulated_call call);

void shim_launch(const char *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                 vg_emulated_call call) {
  vg_emulated_launch l = {.kernel = kernel,
                          .grid = {grid.x, grid.y, grid.z},
                          .block = {block.x, block.y, block.z},
                          .shared = shared,
                          .body = call.body,
                          .arguments = call.arguments};
  (void)stream;
  vg_emulated_run(&l);
  call.destroy(call.arguments);
}
