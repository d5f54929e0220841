/* Fills the backend table for the CPU and owns the thread team: one OpenMP team per process,
   FTZ/DAZ set in each of its threads. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include "base/alloc.h"
#include "cpu/cpu.h"
#include "cpu/dnn.h"
#include "cpu/isa.h"

void (*vg_cpu_dnn_close)(void *dnn);
void (*vg_cpu_choices_close)(void *choices);
void (*vg_cpu_forget)(vg_device *d);

static int count(void) { return 1; }

/* Denormals (Adam's v, gradients of dead units) cost a hundred cycles each; MXCSR is per thread. */
void vg_cpu_start_team(vg_cpu_priv *p) {
  p->started = true;
#ifdef __x86_64__
#pragma omp parallel num_threads(p->threads)
  _mm_setcsr(_mm_getcsr() | 0x8040u);
#endif
}

static vg_status set_threads(vg_device *d, int threads) {
  int most = omp_get_num_procs();
  if (threads < 0 || threads > 1024)
    return vg_fail(VG_EINVAL, "threads: want 0 (all) to 1024, got %d", threads);
  vg_cpu_state(d)->threads = threads ? threads : most;
  omp_set_num_threads(vg_cpu_state(d)->threads);
  vg_cpu_start_team(vg_cpu_state(d));
  return VG_OK;
}

static vg_status open_device(vg_device *d) {
  const char *env = getenv("VGG_THREADS");
  vg_status st = vg_isa_check();
  if (st != VG_OK) return st;
  if (d->index != 0) return vg_fail(VG_EDEVICE, "device: cpu has no number %d", d->index);
  d->priv = vg_calloc(1, sizeof(vg_cpu_priv));
  if (!d->priv) return VG_ENOMEM;
  snprintf(d->name, sizeof d->name, "cpu");
  /* The team starts with the first kernel, not here: `vgglua -e ''` must not wake threads. */
  vg_cpu_state(d)->threads = env && atoi(env) > 0 ? atoi(env) : omp_get_max_threads();
  omp_set_num_threads(vg_cpu_state(d)->threads);
  return VG_OK;
}

void vg_cpu_close_device(vg_device *d) {
  if (vg_cpu_state(d)->dnn) vg_cpu_dnn_close(vg_cpu_state(d)->dnn);
  if (vg_cpu_state(d)->choices) vg_cpu_choices_close(vg_cpu_state(d)->choices);
  vg_free(d->priv);
}

static void forget(vg_device *d) {
  if (vg_cpu_state(d)->kept) vg_cpu_forget(d);
}

static vg_status describe(vg_device *d, char *text, size_t n) {
  static const char *const simd[] = {"baseline", "avx2", "avx512"};
  const char *unit = vg_cpu_bf16(d);
  snprintf(text, n, "cpu x%d, %s%s%s, %s", vg_cpu_state(d)->threads, simd[vg_isa_get()->simd],
           unit ? ", " : "", unit ? unit : "", vg_dnn_version());
  return VG_OK;
}

const char *vg_cpu_bf16(const vg_device *d) {
  vg_bf16_unit u = vg_isa_get()->bf16;
  (void)d;
  return u == VG_BF16_EMULATED ? NULL : vg_bf16_unit_name(u);
}

static const char *kernel(vg_device *d) {
  const char *name = vg_cpu_state(d)->kernel;
  vg_cpu_state(d)->kernel = NULL;
  return name;
}

static const vg_device_vt device = {.count = count,
                                    .open = open_device,
                                    .close = vg_cpu_close_device,
                                    .describe = describe,
                                    .set_threads = set_threads,
                                    .forget = forget,
                                    .bf16 = vg_cpu_bf16,
                                    .kernel = kernel};

VG_API const vg_backend vg_cpu_backend = {.abi = VG_ABI,
                                          .name = "cpu",
                                          .device = &device,
                                          .memory = &vg_cpu_memory,
                                          .layout = &vg_cpu_layout,
                                          .matmul = &vg_cpu_matmul,
                                          .conv = &vg_cpu_conv,
                                          .pool = &vg_cpu_pool,
                                          .norm = &vg_cpu_norm,
                                          .softmax = &vg_cpu_softmax,
                                          .random = &vg_cpu_random,
                                          .optim = &vg_cpu_optim,
                                          .metric = &vg_cpu_metric,
                                          .elementwise = &vg_cpu_elementwise,
                                          .reduce = &vg_cpu_reduce,
                                          .index = &vg_cpu_index};
