/* Which build of the inner loops this machine runs. VGG_ISA=base or avx2 forbids the wider ones. */
#include "cpu/dense.h"

#include <stdlib.h>
#include <string.h>

static const vg_cpu_dense *choose(void) {
  const char *most = getenv("VGG_ISA");
#ifdef __x86_64__
  bool narrow = most && (!strcmp(most, "avx2") || !strcmp(most, "base"));
  __builtin_cpu_init();
  if (!narrow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return &vg_cpu_dense_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      !(most && !strcmp(most, "base")))
    return &vg_cpu_dense_avx2;
#else
  (void)most;
#endif
  return &vg_cpu_dense_base;
}

const vg_cpu_dense *vg_cpu_dense_get(void) {
  static const vg_cpu_dense *table; /* every thread would store the same pointer */
  const vg_cpu_dense *t = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
  if (!t) __atomic_store_n(&table, t = choose(), __ATOMIC_RELEASE);
  return t;
}
