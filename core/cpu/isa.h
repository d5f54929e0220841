/* Which instruction sets the kernels may use: what the CPU and the system offer, narrowed by
   VGG_CPU_ISA. */
#ifndef VG_CPU_ISA_H
#define VG_CPU_ISA_H

#include <stdbool.h>

#include "base/status.h"

typedef enum vg_simd { VG_SIMD_BASE, VG_SIMD_AVX2, VG_SIMD_AVX512 } vg_simd;
typedef enum vg_bf16_unit { VG_BF16_EMULATED, VG_BF16_AVX512, VG_BF16_AMX } vg_bf16_unit;

typedef struct vg_isa {
  vg_simd simd;      /* of the f32 kernels, and of those that emulate bf16 products */
  vg_bf16_unit bf16; /* what multiplies bf16 */
} vg_isa;

/* The best of this machine; VGG_CPU_ISA = amx, avx512_bf16, emulate (bf16 without its
   instructions), avx512, avx2 or base takes that much and nothing wider. Read once. */
const vg_isa *vg_isa_get(void);
/* VG_EDEVICE when VGG_CPU_ISA is no such word or asks for what this machine lacks. */
vg_status vg_isa_check(void);
/* "AMX", "AVX512-BF16", "emulation" */
const char *vg_bf16_unit_name(vg_bf16_unit u);

#endif
