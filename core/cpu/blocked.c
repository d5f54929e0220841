/* Reorders between nChw16c and strided tensors. */
#include "cpu/blocked.h"

#include <string.h>

#include "cpu/convert.h"
#include "cpu/cpu.h"

static int64_t elements(const vg_layout *l, int ndim, const int64_t *shape) {
  (void)l;
  return vg_numel(ndim, shape);
}

const vg_layout vg_cpu_nchw16c = {.name = "nChw16c", .kind = 1, .elements = elements};

/* One image's block of 16 channels: 16 strided planes <-> pixels of 16 channels. */
static void reorder_block(const vg_tensor *plain, char *planes, char *pixels, bool to_blocked,
                          size_t size) {
  int64_t h = plain->shape[2], w = plain->shape[3], sc = plain->stride[1], sh = plain->stride[2],
          sw = plain->stride[3];
  for (int64_t i = 0; i < h; i++) {
    for (int64_t j = 0; j < w; j++, pixels += VG_CPU_BLOCK * size) {
      char *p = planes + (i * sh + j * sw) * (int64_t)size;
      if (size == 4 && to_blocked)
        for (int c = 0; c < VG_CPU_BLOCK; c++)
          ((float *)(void *)pixels)[c] = ((float *)(void *)p)[c * sc];
      else if (size == 4)
        for (int c = 0; c < VG_CPU_BLOCK; c++)
          ((float *)(void *)p)[c * sc] = ((float *)(void *)pixels)[c];
      else
        for (int c = 0; c < VG_CPU_BLOCK; c++) {
          char *a = pixels + (size_t)c * size, *b = p + c * sc * (int64_t)size;
          memcpy(to_blocked ? a : b, to_blocked ? b : a, size);
        }
    }
  }
}

vg_status vg_cpu_convert_layout(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  bool to_blocked = y->layout != NULL;
  const vg_tensor *plain = to_blocked ? x : y, *blocked = to_blocked ? y : x;
  size_t size = vg_dtype_size(x->dtype);
  int64_t blocks = x->shape[1] / VG_CPU_BLOCK, hw = x->shape[2] * x->shape[3];
  if (blocked->layout != &vg_cpu_nchw16c || plain->layout)
    return vg_fail(VG_EINTERNAL, "layout conversion: unknown layout");
#pragma omp parallel for schedule(static) collapse(2) \
    num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t n = 0; n < x->shape[0]; n++)
    for (int64_t b = 0; b < blocks; b++) {
      int64_t at = n * plain->stride[0] + b * VG_CPU_BLOCK * plain->stride[1];
      reorder_block(plain, (char *)vg_data(plain) + at * (int64_t)size,
                    (char *)vg_data(blocked) + (n * blocks + b) * VG_CPU_BLOCK * hw * (int64_t)size,
                    to_blocked, size);
    }
  return VG_OK;
}
