/* One function, compiled for AVX2 as well and chosen at load time. AVX2 without FMA on purpose: the
   two versions then give the same bits. Only for leaf loops that do not contain OpenMP pragmas. */
#ifndef VG_CPU_CLONES_H
#define VG_CPU_CLONES_H

#if defined(__x86_64__) && defined(__ELF__) && !defined(__SANITIZE_THREAD__) && \
    (!defined(__clang__) || __clang_major__ >= 14)
#define VG_CPU_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VG_CPU_CLONES
#endif

#endif
