/* Initial values of parameters, as torch.nn.init computes them. All draw from the next stream of
   VG_RNG_INIT, write in place and need no no_grad. */
#ifndef VG_NN_INIT_H
#define VG_NN_INIT_H

#include "vgglua/backend.h"

typedef enum vg_fan { VG_FAN_IN, VG_FAN_OUT } vg_fan;

typedef enum vg_nonlinearity {
  VG_GAIN_LINEAR,
  VG_GAIN_CONV2D,
  VG_GAIN_SIGMOID,
  VG_GAIN_TANH,
  VG_GAIN_RELU,
  VG_GAIN_LEAKY_RELU,
  VG_GAIN_SELU
} vg_nonlinearity;

typedef struct vg_kaiming {
  double a; /* negative slope, used with leaky_relu only */
  vg_fan mode;
  vg_nonlinearity nonlinearity;
} vg_kaiming;

/* torch.nn.init.calculate_gain; `a` is the slope of leaky_relu. */
VG_API double vg_init_gain(vg_nonlinearity nonlinearity, double a);
/* Fans of a weight: out x in x receptive field. VG_ESHAPE below two dimensions. */
VG_API vg_status vg_init_fans(const char *op, const vg_tensor *w, double *fan_in, double *fan_out);

VG_API vg_status vg_init_uniform(vg_tensor *w, double lo, double hi);
VG_API vg_status vg_init_normal(vg_tensor *w, double mean, double std);
/* Normal, cut to lo..hi (absolute values, as PyTorch's a and b). */
VG_API vg_status vg_init_trunc_normal(vg_tensor *w, double mean, double std, double lo, double hi);
VG_API vg_status vg_init_constant(vg_tensor *w, double value);
/* Bound or deviation: gain / sqrt(fan), times sqrt(3) for the uniform form. */
VG_API vg_status vg_init_kaiming_uniform(vg_tensor *w, const vg_kaiming *k);
VG_API vg_status vg_init_kaiming_normal(vg_tensor *w, const vg_kaiming *k);
/* Deviation gain * sqrt(2 / (fan_in + fan_out)). */
VG_API vg_status vg_init_xavier_uniform(vg_tensor *w, double gain);
VG_API vg_status vg_init_xavier_normal(vg_tensor *w, double gain);

#endif
