/* Convolution: the layouts and the calls. */
#include <string.h>

#include "cpu/bf16.h"
#include "cpu/bf16_conv.h"
#include "cpu/blocked.h"
#include "cpu/conv_choice.h"
#include "cpu/cpu.h"
#include "cpu/dnn.h"
#include "cpu/through_f32.h"

/* Blocks of channels pay when every group is whole blocks, or for depthwise convolution. */
static bool blocks_fit(const vg_conv2d *p, int64_t c, int64_t k) {
  int64_t g = p->groups;
  return g == 1 || (g == c && g == k) ||
         ((c / g) % VG_CPU_BLOCK == 0 && (k / g) % VG_CPU_BLOCK == 0);
}

static vg_status layouts(vg_device *d, const vg_tensor *x, const vg_tensor *w,
                         const int64_t *yshape, const vg_conv2d *p, const vg_layout **lx,
                         const vg_layout **ly) {
  bool fit = blocks_fit(p, x->shape[1], w->shape[0]);
  (void)d;
  if (x->dtype == VG_BF16 && vg_bf16_conv_has(x, w, p)) {
    *lx = vg_bf16_conv_input(x, w);
    *ly = &vg_cpu_hwnc;
    return VG_OK;
  }
  *lx = fit && vg_cpu_can_block(4, x->shape) ? vg_cpu_blocked() : NULL;
  *ly = fit && vg_cpu_can_block(4, yshape) ? vg_cpu_blocked() : NULL;
  return VG_OK;
}

static vg_conv_problem problem(vg_device *d, vg_conv_pass pass, const vg_tensor *x,
                               const vg_tensor *w, const vg_tensor *y, bool bias,
                               const vg_conv2d *p) {
  vg_conv_problem c = {.pass = (int32_t)pass,
                       .block_x = x->layout ? (int32_t)VG_CPU_BLOCK : 0,
                       .block_y = y->layout ? (int32_t)VG_CPU_BLOCK : 0,
                       .bias = bias,
                       .threads = vg_cpu_threads(d),
                       .n = x->shape[0],
                       .c = x->shape[1],
                       .h = x->shape[2],
                       .w = x->shape[3],
                       .k = w->shape[0],
                       .r = w->shape[2],
                       .s = w->shape[3],
                       .p = y->shape[2],
                       .q = y->shape[3],
                       .groups = p->groups};
  for (int i = 0; i < 2; i++) {
    c.stride[i] = p->stride[i];
    c.pad[i] = p->pad[i];
    c.dilation[i] = p->dilation[i];
  }
  return c;
}

/* No images, or none of one of the channel kinds: gradients of the weights are sums of nothing. */
static bool nothing_to_do(const vg_conv_problem *c, vg_tensor *w, vg_tensor *bias) {
  if (c->n > 0 && c->c > 0 && c->k > 0 && c->h > 0 && c->w > 0) return false;
  if (c->pass != VG_CONV_BWD_WEIGHT) return true;
  memset(vg_data(w), 0, (size_t)w->n * sizeof(float));
  if (bias) memset(vg_data(bias), 0, (size_t)bias->n * sizeof(float));
  return true;
}

static vg_status run(vg_device *d, const vg_conv_problem *c, const vg_tensor *x, const vg_tensor *w,
                     const vg_tensor *bias, const vg_tensor *y) {
  vg_conv_data t = {c, vg_data(x), vg_data(w), bias ? vg_data(bias) : NULL, vg_data(y), NULL};
  vg_conv_algorithm a;
  vg_status st;
  if (vg_cpu_plans(d))
    vg_cpu_state(d)->macs +=
        (double)(c->n * c->k * c->p * c->q) * (double)(c->c / c->groups * c->r * c->s);
  if (c->pass != VG_CONV_BWD_WEIGHT) t.weight = (vg_tensor *)(uintptr_t)w; /* counts references */
  VG_TRY(vg_conv_choose(&a, d, &t));
  st = vg_conv_run(d, &t, a);
done:
  return st;
}

/* Leaves what computed it, for reports. */
static vg_status by(vg_device *d, const char *name, vg_status st) {
  vg_cpu_state(d)->kernel = name;
  return st;
}

static vg_status fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                     const vg_tensor *bias, const vg_conv2d *p) {
  if (x->dtype == VG_BF16 && vg_bf16_conv_has(x, w, p))
    return by(d, vg_bf16_get()->name, vg_bf16_conv_fwd(d, y, x, w, bias, p));
  if (x->dtype == VG_BF16) return by(d, "through f32", vg_f32_conv_fwd(d, y, x, w, bias, p));
  vg_conv_problem c = problem(d, VG_CONV_FWD, x, w, y, bias != NULL, p);
  if (nothing_to_do(&c, NULL, NULL)) return VG_OK;
  return run(d, &c, x, w, bias, y);
}

static vg_status bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                          const vg_conv2d *p) {
  if (gy->dtype == VG_BF16 && vg_bf16_conv_has(gx, w, p))
    return by(d, vg_bf16_get()->name, vg_bf16_conv_bwd_data(d, gx, gy, w, p));
  if (gy->dtype == VG_BF16) return by(d, "through f32", vg_f32_conv_bwd_data(d, gx, gy, w, p));
  vg_conv_problem c = problem(d, VG_CONV_BWD_DATA, gx, w, gy, false, p);
  if (nothing_to_do(&c, NULL, NULL)) return VG_OK;
  return run(d, &c, gx, w, NULL, gy);
}

static vg_status bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                            const vg_tensor *gy, const vg_conv2d *p) {
  if (x->dtype == VG_BF16 && vg_bf16_conv_has(x, gw, p))
    return by(d, vg_bf16_get()->name, vg_bf16_conv_bwd_weight(d, gw, gbias, x, gy, p));
  if (x->dtype == VG_BF16)
    return by(d, "through f32", vg_f32_conv_bwd_weight(d, gw, gbias, x, gy, p));
  vg_conv_problem c = problem(d, VG_CONV_BWD_WEIGHT, x, gw, gy, gbias != NULL, p);
  if (nothing_to_do(&c, gw, gbias)) return VG_OK;
  return run(d, &c, x, gw, gbias, gy);
}

const vg_conv_vt vg_cpu_conv = {.layouts = layouts,
                                .fwd = fwd,
                                .bwd_data = bwd_data,
                                .bwd_weight = bwd_weight,
                                .choices = vg_conv_choices,
                                .set_choices = vg_conv_set_choices};
