/* cpu/rows.h for any machine, and the choice between the tables. */
#define ROWS_TABLE vg_cpu_rows_base
#include "cpu/isa.h"
#include "cpu/rows_impl.h"

const vg_cpu_rows *vg_cpu_rows_get(void) {
  vg_simd simd = vg_isa_get()->simd;
  if (simd == VG_SIMD_AVX512) return &vg_cpu_rows_avx512;
  if (simd == VG_SIMD_AVX2) return &vg_cpu_rows_avx2;
  return &vg_cpu_rows_base;
}
