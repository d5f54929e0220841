/* A kernel launch on its way from a .cu file (emulate.h) to the stand-in of the runtime. */
#ifndef VG_EMULATE_CALL_H
#define VG_EMULATE_CALL_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vg_emulated_argument {
  const void *value;
  size_t bytes;
  bool is_pointer;
} vg_emulated_argument;

typedef struct vg_emulated_call {
  void (*body)(void *arguments); /* one thread */
  void (*destroy)(void *arguments);
  void *arguments;
  const vg_emulated_argument *argument; /* each of them, to be checked */
  int narguments;
} vg_emulated_call;

/* Takes the call over. Errors are left for cudaGetLastError, as after <<<>>>. */
void shim_launch(const char *kernel, const void *function, dim3 grid, dim3 block, size_t shared,
                 cudaStream_t stream, vg_emulated_call call);

#ifdef __cplusplus
}
#endif
#endif
