/* One optimiser step of one element, in f32 and in PyTorch's order of operations. */
#ifndef VG_BASE_UPDATE_H
#define VG_BASE_UPDATE_H

#include <math.h>

#include "base/hd.h"

/* What one Adam step needs besides the tensors; made of the options in double. */
typedef struct vg_adam_numbers {
  float scale;  /* of the gradients: clipping */
  float decay;  /* weight decay that enters the gradient */
  float shrink; /* AdamW: of the parameter */
  float keep;   /* 1 - beta1 */
  float beta2, new2, root, eps, step;
} vg_adam_numbers;

VG_HD void vg_adam_update(const vg_adam_numbers *k, float g, float *p, float *m, float *v) {
  float x = *p * k->shrink, gi = g * k->scale + k->decay * x;
  float mi = *m + k->keep * (gi - *m), vi = *v * k->beta2 + k->new2 * gi * gi;
  *m = mi;
  *v = vi;
  *p = x - k->step * (mi / (sqrtf(vi) / k->root + k->eps));
}

typedef struct vg_sgd_numbers {
  float scale, decay, lr;
  float keep;  /* how much of the old buffer stays */
  float fresh; /* how much of the gradient enters */
  float look;  /* Nesterov's momentum, or 0 */
} vg_sgd_numbers;

VG_HD void vg_sgd_update(const vg_sgd_numbers *k, float g, float *p) {
  *p -= k->lr * (g * k->scale + k->decay * *p);
}

VG_HD void vg_momentum_update(const vg_sgd_numbers *k, float g, float *p, float *m) {
  float gi = g * k->scale + k->decay * *p, mi = k->keep * *m + k->fresh * gi;
  *m = mi;
  *p -= k->lr * (k->look > 0 ? gi + k->look * mi : mi);
}

/* Gradient clipping by value; NaN stays. */
VG_HD float vg_clamp_to(float x, float bound) {
  return x > bound ? bound : x < -bound ? -bound : x;
}

#endif
