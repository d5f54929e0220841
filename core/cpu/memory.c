/* Raw memory of the CPU device: small blocks from the block cache, large ones as huge pages. */
#include <string.h>

#include "base/alloc.h"
#include "cpu/cpu.h"

enum { LARGE = 256 * 1024 };

static void *alloc(vg_device *d, size_t bytes) {
  (void)d;
  return bytes < LARGE ? vg_alloc(bytes) : vg_pages_alloc(bytes);
}

static void release(vg_device *d, void *p, size_t bytes) {
  (void)d;
  if (bytes < LARGE)
    vg_free(p);
  else
    vg_pages_free(p, bytes);
}

static vg_status copy_in(vg_device *d, void *dst, const void *host, size_t bytes) {
  (void)d;
  memcpy(dst, host, bytes);
  return VG_OK;
}

static vg_status copy_out(vg_device *d, void *host, const void *src, size_t bytes) {
  (void)d;
  memcpy(host, src, bytes);
  return VG_OK;
}

static vg_status fill(vg_device *d, void *dst, int byte, size_t bytes) {
  (void)d;
  memset(dst, byte, bytes);
  return VG_OK;
}

const vg_memory_vt vg_cpu_memory = {
    .alloc = alloc, .free = release, .write = copy_in, .read = copy_out, .fill = fill};
