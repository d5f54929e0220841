/* cpu/rows.h for x86 with avx2,fma. */
#include <math.h>
#include <stdint.h>

#include "cpu/rows.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define VG_FMA(a, b, c) __builtin_fmaf(a, b, c)
#define ROWS_TABLE vg_cpu_rows_avx2
#include "cpu/rows_impl.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
