/* bf16 operations for which there is no bf16 kernel: operands become f32, the CPU's f32 kernel
   runs, results are rounded. Arguments as in the backend's tables. */
#ifndef VG_CPU_THROUGH_F32_H
#define VG_CPU_THROUGH_F32_H

#include "cpu/cpu.h"

vg_status vg_f32_conv_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                          const vg_tensor *bias, const vg_conv2d *p);
vg_status vg_f32_conv_bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                               const vg_conv2d *p);
vg_status vg_f32_conv_bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                                 const vg_tensor *gy, const vg_conv2d *p);

typedef struct vg_bn_tensors {
  const vg_tensor *weight, *bias;
  vg_tensor *running_mean, *running_var, *mean, *invstd, *gweight, *gbias;
} vg_bn_tensors;

vg_status vg_f32_bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_bn_tensors *t,
                        const vg_norm *p);
vg_status vg_f32_bn_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *x,
                        const vg_bn_tensors *t, const vg_norm *p);

/* max: by the maximum, else by the average; ws only for the maximum. */
vg_status vg_f32_pool_fwd(vg_device *d, bool max, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                          const vg_pool2d *p);
vg_status vg_f32_pool_bwd(vg_device *d, bool max, vg_tensor *gx, const vg_tensor *gy,
                          const vg_buf *ws, const vg_pool2d *p);

vg_status vg_f32_matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                        const vg_tensor *bias);

#endif
