/* Which build of the inner loops this machine runs. */
#include "cpu/dense.h"

#include "cpu/isa.h"

static const vg_cpu_dense *choose(void) {
  vg_simd simd = vg_isa_get()->simd;
  if (simd == VG_SIMD_AVX512) return &vg_cpu_dense_avx512;
  return simd == VG_SIMD_AVX2 ? &vg_cpu_dense_avx2 : &vg_cpu_dense_base;
}

const vg_cpu_dense *vg_cpu_dense_get(void) {
  static const vg_cpu_dense *table; /* every thread would store the same pointer */
  const vg_cpu_dense *t = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
  if (!t) __atomic_store_n(&table, t = choose(), __ATOMIC_RELEASE);
  return t;
}
