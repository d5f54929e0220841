#include "cpu/isa.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const struct {
  const char *name;
  vg_isa most;
} words[] = {{"amx", {VG_SIMD_AVX512, VG_BF16_AMX}},
             {"avx512_bf16", {VG_SIMD_AVX512, VG_BF16_AVX512}},
             {"emulate", {VG_SIMD_AVX512, VG_BF16_EMULATED}},
             {"avx512", {VG_SIMD_AVX512, VG_BF16_EMULATED}},
             {"avx2", {VG_SIMD_AVX2, VG_BF16_EMULATED}},
             {"base", {VG_SIMD_BASE, VG_BF16_EMULATED}}};

const char *vg_bf16_unit_name(vg_bf16_unit u) {
  static const char *const names[] = {"emulation", "AVX512-BF16", "AMX"};
  return names[u];
}

#ifdef __x86_64__
/* The kernel hands out the 8 KB of tile registers only to a process that asked for them; every
   thread may use them from then on. */
static bool may_use_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool feature(unsigned leaf, unsigned sub, int reg, unsigned bit) {
  unsigned r[4] = {0};
  return __get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1u);
}

static vg_isa machine(void) {
  enum { EAX, EBX, ECX, EDX };
  vg_isa i = {VG_SIMD_BASE, VG_BF16_EMULATED};
  __builtin_cpu_init(); /* looks at what the system saves, too */
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) i.simd = VG_SIMD_AVX2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
    return i;
  i.simd = VG_SIMD_AVX512;
  if (feature(7, 1, EAX, 5)) i.bf16 = VG_BF16_AVX512;
  if (i.bf16 == VG_BF16_AVX512 && feature(7, 0, EDX, 22) && feature(7, 0, EDX, 24) &&
      may_use_tiles())
    i.bf16 = VG_BF16_AMX;
  return i;
}
#else
static vg_isa machine(void) { return (vg_isa){VG_SIMD_BASE, VG_BF16_EMULATED}; }
#endif

static const vg_isa *wish(const char *word) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(word, words[i].name)) return &words[i].most;
  return NULL;
}

const vg_isa *vg_isa_get(void) {
  static vg_isa chosen; /* every thread would store the same */
  static int ready;
  if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
    const char *word = getenv("VGG_CPU_ISA");
    const vg_isa *most = word ? wish(word) : NULL;
    vg_isa have = machine();
    if (most && most->simd < have.simd) have.simd = most->simd;
    if (most && most->bf16 < have.bf16) have.bf16 = most->bf16;
    chosen = have;
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
  }
  return &chosen;
}

vg_status vg_isa_check(void) {
  const char *word = getenv("VGG_CPU_ISA");
  const vg_isa *most = word ? wish(word) : NULL, *have = vg_isa_get();
  if (!word || !*word) return VG_OK;
  if (!most)
    return vg_fail(VG_EDEVICE,
                   "VGG_CPU_ISA: no '%s'. Known: amx, avx512_bf16, emulate, avx512, avx2, base",
                   word);
  if (have->bf16 < most->bf16)
    return vg_fail(VG_EDEVICE, "VGG_CPU_ISA=%s: this CPU and system have no %s", word,
                   vg_bf16_unit_name(most->bf16));
  if (have->simd < most->simd && strcmp(word, "emulate") != 0)
    return vg_fail(VG_EDEVICE, "VGG_CPU_ISA=%s: this CPU does not have it", word);
  return VG_OK;
}
