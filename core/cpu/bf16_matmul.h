/* Matrix products of linear layers in bf16-mixed. */
#ifndef VG_CPU_BF16_MATMUL_H
#define VG_CPU_BF16_MATMUL_H

#include "cpu/cpu.h"

/* As vg_matmul_vt's for a bf16: b a weight of f32 and c bf16, or b bf16 and c f32; one matrix. */
bool vg_bf16_matmul_has(const vg_tensor *c, const vg_tensor *a);
vg_status vg_bf16_matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                         const vg_tensor *bias);

#endif
