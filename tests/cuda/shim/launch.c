/* Kernel launches: checked when given, again when they run. */
#include <stdlib.h>
#include <string.h>

#include "../emulate/block.h"
#include "../emulate/call.h"
#include "shim.h"

enum { KERNELS = 64, STATIC_SHARED = 48 << 10, DYNAMIC_SHARED = 227 << 10 };

typedef struct launch_work {
  shim_work work;
  char kernel[120];
  dim3 grid, block;
  size_t shared;
  vg_emulated_call call;
} launch_work;

static struct {
  const void *kernel;
  int bytes;
} allowed[KERNELS]; /* dynamic shared memory, by cudaFuncSetAttribute */

static int shared_allowed(const void *kernel) {
  for (int i = 0; i < KERNELS; i++)
    if (allowed[i].kernel == kernel && allowed[i].bytes > STATIC_SHARED) return allowed[i].bytes;
  return STATIC_SHARED;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute attribute, int value) {
  int i = 0;
  shim_lock();
  shim_enter("cudaFuncSetAttribute");
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value < 0 || value > DYNAMIC_SHARED)
      shim_violation("cudaFuncSetAttribute: %d bytes of shared memory, there are %d", value,
                     DYNAMIC_SHARED);
    while (i < KERNELS - 1 && allowed[i].kernel && allowed[i].kernel != kernel) i++;
    allowed[i].kernel = kernel;
    allowed[i].bytes = value;
  }
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel,
                                                          int threads, size_t shared) {
  (void)kernel;
  *blocks = threads < 1 ? 0 : 2048 / threads;
  if (shared && (size_t)*blocks > (size_t)DYNAMIC_SHARED / shared)
    *blocks = (int)((size_t)DYNAMIC_SHARED / shared);
  return cudaSuccess;
}

/* Pointers, and the words inside of structures that look like addresses. */
static void check_arguments(const launch_work *l) {
  const vg_emulated_call *c = &l->call;
  for (int i = 0; i < c->narguments; i++) {
    const vg_emulated_argument *a = &c->argument[i];
    if (a->is_pointer) {
      shim_check_pointer(*(const void *const *)a->value, l->kernel, i);
      continue;
    }
    for (size_t at = 0; at + 8 <= a->bytes && a->bytes > 8; at += 8) {
      uint64_t word;
      memcpy(&word, (const char *)a->value + at, sizeof word);
      shim_check_word(word, l->kernel, i);
    }
  }
}

static void check_shape(const launch_work *l, const void *kernel) {
  dim3 g = l->grid, b = l->block;
  uint64_t threads = (uint64_t)b.x * b.y * b.z;
  if (!threads || threads > 1024 || b.x > 1024 || b.y > 1024 || b.z > 64)
    shim_violation("kernel %s: a block of %u x %u x %u threads", l->kernel, b.x, b.y, b.z);
  if (!g.x || !g.y || !g.z || g.x > 2147483647u || g.y > 65535u || g.z > 65535u)
    shim_violation("kernel %s: a grid of %u x %u x %u blocks", l->kernel, g.x, g.y, g.z);
  if (l->shared > (size_t)shared_allowed(kernel))
    shim_violation("kernel %s: %zu bytes of dynamic shared memory, allowed are %d", l->kernel,
                   l->shared, shared_allowed(kernel));
}

static void run(shim_work *w) {
  launch_work *l = (launch_work *)w;
  vg_emulated_launch e = {.kernel = l->kernel,
                          .grid = {l->grid.x, l->grid.y, l->grid.z},
                          .block = {l->block.x, l->block.y, l->block.z},
                          .shared = l->shared,
                          .body = l->call.body,
                          .arguments = l->call.arguments};
  check_arguments(l);
  vg_emulated_run(&e);
}

static void drop(shim_work *w) {
  launch_work *l = (launch_work *)w;
  l->call.destroy(l->call.arguments);
}

void shim_launch(const char *kernel, const void *function, dim3 grid, dim3 block, size_t shared,
                 cudaStream_t stream, vg_emulated_call call) {
  launch_work *l = shim_work_new(sizeof *l, "kernel", run);
  shim_lock();
  l->work.drop = drop;
  strncpy(l->kernel, kernel, sizeof l->kernel - 1);
  l->work.what = l->kernel;
  l->grid = grid;
  l->block = block;
  l->shared = shared;
  l->call = call;
  shim_count("kernel", kernel);
  check_shape(l, function);
  check_arguments(l);
  shim_check_stream(stream, l->kernel);
  if (shim_enter("launch")) {
    shim_error(cudaErrorLaunchOutOfResources);
    shim_work_release(&l->work);
  } else {
    shim_submit(stream, &l->work);
  }
  shim_unlock();
}
