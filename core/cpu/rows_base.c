/* cpu/rows.h for any machine, and the choice between the tables. */
#define ROWS_TABLE vg_cpu_rows_base
#include "cpu/rows_impl.h"

const vg_cpu_rows *vg_cpu_rows_get(void) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &vg_cpu_rows_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &vg_cpu_rows_avx2;
#endif
  return &vg_cpu_rows_base;
}
