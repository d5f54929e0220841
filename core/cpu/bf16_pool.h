/* The maximum of windows of 2 x 2 in the layout of cpu/hwnc.h. */
#ifndef VG_CPU_BF16_POOL_H
#define VG_CPU_BF16_POOL_H

#include "cpu/hwnc.h"

/* Whether this pooling of x, bf16 in that layout, is the one above. */
bool vg_bf16_pool_has(const vg_tensor *x, const vg_pool2d *p);
/* Pixel k of the window of a small map's pixel: where it begins in the large map. */
static inline int64_t vg_bf16_corner(const vg_hwnc *small, const vg_hwnc *large, int64_t pixel,
                                     int k) {
  return ((2 * (pixel / small->w) + k / 2) * large->w + 2 * (pixel % small->w) + k % 2) *
         large->pixel;
}
/* As vg_pool_vt's. */
vg_status vg_bf16_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws);
void vg_bf16_max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws);

#endif
