#include "cpu/bf16_pool.h"

#include <string.h>

#include "cpu/bf16.h"

bool vg_bf16_pool_has(const vg_tensor *x, const vg_pool2d *p) {
  return x->dtype == VG_BF16 && x->layout == &vg_cpu_hwnc && !p->adaptive && p->kernel[0] == 2 &&
         p->kernel[1] == 2 && p->stride[0] == 2 && p->stride[1] == 2 && !p->pad[0] && !p->pad[1] &&
         !p->ceil_mode;
}

vg_status vg_bf16_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws) {
  vg_hwnc to = vg_hwnc_of(y->shape), from = vg_hwnc_of(x->shape);
  const vg_bf16_kernels *k = vg_bf16_get();
  int64_t pixels = to.h * to.w;
  vg_status st = VG_OK;
  if (ws) VG_TRY(vg_buf_take(ws, d, (size_t)(pixels * to.pixel) + 1));
  if (vg_cpu_plans(d)) goto done;
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d)) if (x->n >= VG_CPU_GRAIN)
  for (int64_t p = 0; p < pixels; p++) {
    const uint16_t *in[4];
    for (int i = 0; i < 4; i++)
      in[i] = (const uint16_t *)vg_data(x) + vg_bf16_corner(&to, &from, p, i);
    k->max4((uint16_t *)vg_data(y) + p * to.pixel, ws ? (uint8_t *)ws->ptr + p * to.pixel : NULL,
            in, to.pixel / 32);
  }
done:
  return st;
}

/* Rows and columns beyond the last window get nothing. */
static void clear_edges(vg_device *d, vg_tensor *gx, const vg_hwnc *small, const vg_hwnc *large) {
#pragma omp parallel for schedule(static) num_threads(vg_cpu_threads(d))
  for (int64_t p = 0; p < large->h * large->w; p++)
    if (p / large->w >= 2 * small->h || p % large->w >= 2 * small->w)
      memset((uint16_t *)vg_data(gx) + p * large->pixel, 0,
             (size_t)large->pixel * sizeof(uint16_t));
}

void vg_bf16_max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws) {
  vg_hwnc small = vg_hwnc_of(gy->shape), large = vg_hwnc_of(gx->shape);
  const vg_bf16_kernels *k = vg_bf16_get();
  bool past = vg_bf16_past(large.h * large.w * large.pixel);
  if (large.h != 2 * small.h || large.w != 2 * small.w) clear_edges(d, gx, &small, &large);
#pragma omp parallel num_threads(vg_cpu_threads(d)) if (gx->n >= VG_CPU_GRAIN)
  {
#pragma omp for schedule(static) nowait
    for (int64_t p = 0; p < small.h * small.w; p++) {
      uint16_t *out[4];
      for (int i = 0; i < 4; i++)
        out[i] = (uint16_t *)vg_data(gx) + vg_bf16_corner(&small, &large, p, i);
      k->max4_bwd(out, (const uint16_t *)vg_data(gy) + p * small.pixel,
                  (const uint8_t *)ws->ptr + p * small.pixel, small.pixel / 32, past);
    }
    k->fence();
  }
}
