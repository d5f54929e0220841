/* Without bf16 instructions, for any machine, and the choice between the tables. */
#include "cpu/isa.h"
#define BF16_TABLE vg_bf16_base
#define BF16_NAME "emulated"
#include "cpu/bf16_impl.h"

const vg_bf16_kernels *vg_bf16_get(void) {
#ifdef __x86_64__
  const vg_isa *i = vg_isa_get();
  if (i->bf16 == VG_BF16_AMX) return &vg_bf16_amx;
  if (i->bf16 == VG_BF16_AVX512) return &vg_bf16_avx512bf16;
  if (i->simd == VG_SIMD_AVX512) return &vg_bf16_avx512;
  if (i->simd == VG_SIMD_AVX2) return &vg_bf16_avx2;
#endif
  return &vg_bf16_base;
}
