/* Batch normalisation of bf16 activations in the layout of cpu/hwnc.h, and with the maximum of
   windows of 2 x 2 behind it. */
#ifndef VG_CPU_BF16_NORM_H
#define VG_CPU_BF16_NORM_H

#include "cpu/hwnc.h"
#include "cpu/through_f32.h"

/* As vg_norm_vt's, operands in vg_bn_tensors. */
vg_status vg_bf16_bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_bn_tensors *t,
                         const vg_norm *p);
vg_status vg_bf16_bn_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                         const vg_bn_tensors *t, const vg_norm *p);

bool vg_bf16_bn_pools(const vg_tensor *x, const vg_pool2d *p);
vg_status vg_bf16_bn_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                             const vg_bn_tensors *t, const vg_norm *p);
vg_status vg_bf16_bn_max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                             const vg_buf *ws, const vg_bn_tensors *t, const vg_norm *p);

#endif
