/* Reorders between the blocked layout and strided tensors. */
#include "cpu/blocked.h"

#include <string.h>

#include "cpu/convert.h"
#include "cpu/cpu.h"
#include "cpu/hwnc.h"

static int64_t elements(const vg_layout *l, int ndim, const int64_t *shape) {
  (void)l;
  return vg_numel(ndim, shape);
}

const vg_layout vg_cpu_nchw16c = {.name = "nChw16c", .kind = 16, .elements = elements};
const vg_layout vg_cpu_nchw8c = {.name = "nChw8c", .kind = 8, .elements = elements};

/* One image's block of channels: strided planes <-> pixels of `block` channels. */
static void reorder_block(const vg_tensor *plain, char *planes, char *pixels, bool to_blocked,
                          int64_t block, int64_t size) {
  int64_t h = plain->shape[2], w = plain->shape[3], sc = plain->stride[1], sh = plain->stride[2],
          sw = plain->stride[3];
  for (int64_t i = 0; i < h; i++) {
    for (int64_t j = 0; j < w; j++, pixels += block * size) {
      char *p = planes + (i * sh + j * sw) * size;
      if (size == 4 && to_blocked)
        for (int64_t c = 0; c < block; c++)
          ((float *)(void *)pixels)[c] = ((float *)(void *)p)[c * sc];
      else if (size == 4)
        for (int64_t c = 0; c < block; c++)
          ((float *)(void *)p)[c * sc] = ((float *)(void *)pixels)[c];
      else
        for (int64_t c = 0; c < block; c++) {
          char *a = pixels + c * size, *b = p + c * sc * size;
          memcpy(to_blocked ? a : b, to_blocked ? b : a, (size_t)size);
        }
    }
  }
}

vg_status vg_cpu_convert_layout(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  bool to_blocked = y->layout != NULL;
  const vg_tensor *plain = to_blocked ? x : y, *blocked = to_blocked ? y : x;
  int64_t size = (int64_t)vg_dtype_size(x->dtype), block = VG_CPU_BLOCK,
          blocks = x->shape[1] / block, hw = x->shape[2] * x->shape[3];
  if (x->layout == &vg_cpu_hwnc || y->layout == &vg_cpu_hwnc) return vg_hwnc_convert(d, y, x);
  if (blocked->layout != vg_cpu_blocked() || plain->layout)
    return vg_fail(VG_EINTERNAL, "layout conversion: unknown layout");
#pragma omp parallel for schedule(static) collapse(2) \
    num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t n = 0; n < x->shape[0]; n++)
    for (int64_t b = 0; b < blocks; b++) {
      int64_t at = n * plain->stride[0] + b * block * plain->stride[1];
      reorder_block(plain, (char *)vg_data(plain) + at * size,
                    (char *)vg_data(blocked) + (n * blocks + b) * block * hw * size, to_blocked,
                    block, size);
    }
  return VG_OK;
}
