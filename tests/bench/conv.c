/* Times every convolution of VGG-16 at 32 x 32, pass by pass, on the tensors' own layouts.
     bench_conv [batch [repetitions [layer]]]      the algorithm follows VGG_CONV, as everywhere */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "device/device.h"
#include "vgglua/backend.h"

typedef struct layer {
  int64_t c, k, size;
} layer;

static const layer layers[] = {{3, 64, 32},    {64, 64, 32},  {64, 128, 16},
                               {128, 128, 16}, {128, 256, 8}, {256, 256, 8},
                               {256, 512, 4},  {512, 512, 4}, {512, 512, 2}};
static const int times[] = {1, 1, 1, 1, 1, 2, 1, 2, 3}; /* how often VGG-16 has it */

static void must(vg_status st) {
  if (st == VG_OK) return;
  fprintf(stderr, "bench_conv: %s\n", vg_error());
  exit(1);
}

static void fill(vg_tensor *t) {
  float *p = vg_data(t);
  uint32_t s = 12345;
  for (int64_t i = 0; i < t->n; i++) {
    s = s * 1664525u + 1013904223u;
    p[i] = (float)(s >> 8) / 8388608.0f - 1.0f;
  }
}

static vg_status run(vg_device *d, int pass, vg_tensor *x, vg_tensor *w, vg_tensor *y,
                     const vg_conv2d *p) {
  const vg_conv_vt *k = d->be->conv;
  if (pass == 0) return k->fwd(d, y, x, w, NULL, p);
  if (pass == 1) return k->bwd_data(d, x, y, w, p);
  return k->bwd_weight(d, w, NULL, x, y, p);
}

/* Seconds the process computed: unlike the clock on the wall it stands still while others have the
   cores; meaningful with one thread only. */
static double now(void) {
  struct timespec t;
  if (!getenv("BENCH_CPU_TIME")) return vg_clock();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best(vg_device *d, int pass, vg_tensor *x, vg_tensor *w, vg_tensor *y,
                   const vg_conv2d *p, int repetitions) {
  double least = 1e9;
  must(run(d, pass, x, w, y, p));
  for (int i = 0; i < repetitions; i++) {
    double t = now();
    must(run(d, pass, x, w, y, p));
    t = now() - t;
    if (t < least) least = t;
  }
  return least;
}

static void bench(vg_device *d, const layer *l, int64_t batch, int repetitions, double ms[3]) {
  const vg_conv2d p = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1};
  int64_t xs[4] = {batch, l->c, l->size, l->size}, ys[4] = {batch, l->k, l->size, l->size},
          ws[4] = {l->k, l->c, 3, 3};
  vg_tensor *x, *w, *y, *xl, *yl;
  const vg_layout *lx, *ly;
  must(vg_new(&x, d, VG_F32, 4, xs));
  must(vg_new(&w, d, VG_F32, 4, ws));
  must(d->be->conv->layouts(d, x, w, ys, &p, &lx, &ly));
  must(vg_new_layout(&xl, d, VG_F32, 4, xs, lx));
  must(vg_new_layout(&yl, d, VG_F32, 4, ys, ly));
  must(vg_new(&y, d, VG_F32, 4, ys));
  fill(xl);
  fill(yl);
  fill(w);
  for (int pass = 0; pass < 3; pass++) ms[pass] = 1e3 * best(d, pass, xl, w, yl, &p, repetitions);
  vg_release(x);
  vg_release(w);
  vg_release(y);
  vg_release(xl);
  vg_release(yl);
}

int main(int argc, char **argv) {
  int64_t batch = argc > 1 ? atoi(argv[1]) : 128;
  int repetitions = argc > 2 ? atoi(argv[2]) : 5;
  double total[3] = {0};
  vg_context *ctx;
  must(vg_context_new(&ctx));
  printf("%-16s %10s %10s %10s   GFLOP/s of each\n", "layer", "forward", "data", "weight");
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    const layer *l = &layers[i];
    if (argc > 3 && atoi(argv[3]) != (int)i) continue;
    double ms[3], work = 2e-6 * 9 * (double)(batch * l->c * l->k * l->size * l->size);
    bench(vg_cpu(ctx), l, batch, repetitions, ms);
    printf("%2dx%-2d %3d->%3d x%d %8.2f %10.2f %10.2f   %.0f %.0f %.0f\n", (int)l->size,
           (int)l->size, (int)l->c, (int)l->k, times[i], ms[0], ms[1], ms[2], work / ms[0],
           work / ms[1], work / ms[2]);
    for (int pass = 0; pass < 3; pass++)
      total[pass] += times[i] * (i == 0 && pass == 1 ? 0 : ms[pass]);
  }
  printf("%-16s %10.1f %10.1f %10.1f   %.1f ms a step\n", "all 13 layers", total[0], total[1],
         total[2], total[0] + total[1] + total[2]);
  vg_context_free(ctx);
  return 0;
}
