/* cpu/rows.h for x86 with avx512f,avx512bw,avx512dq,avx512vl,fma. */
#include <math.h>
#include <stdint.h>

#include "cpu/rows.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#endif
#define VG_FMA(a, b, c) __builtin_fmaf(a, b, c)
#define ROWS_TABLE vg_cpu_rows_avx512
#include "cpu/rows_impl.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
