/* Leaf layers: a kind table, named parameters and buffers, a train flag and a forward. Containers
   and models are Lua. Names and order of the tensors are PyTorch's, so a state dict needs no map.
 */
#ifndef VG_NN_LAYER_H
#define VG_NN_LAYER_H

#include "ops/ops.h"

enum { VG_LAYER_TENSORS = 5 };

typedef struct vg_layer vg_layer;

/* "3 -> 64" and "kernel 3, pad 1": what a layer is and, where not the default, how it behaves. */
typedef struct vg_layer_text {
  char what[64], how[192];
} vg_layer_text;

/* What comes in the same pass. */
typedef struct vg_layer_then {
  bool relu;             /* y = max(y, 0) */
  const vg_pool2d *pool; /* and then the maximum of these windows, NULL: not that */
} vg_layer_then;

typedef struct vg_layer_kind {
  const char *name;           /* "Conv2d" */
  const char *const *tensors; /* names in state dict order, NULL-ended: parameters, then buffers */
  int nparams;
  vg_status (*reset)(vg_layer *l); /* PyTorch's reset_parameters */
  vg_status (*forward)(vg_tensor **y, vg_layer *l, vg_tensor *x, const vg_layer_then *then);
  bool fuses; /* does what `then` asks for, which otherwise is nothing */
  void (*describe)(const vg_layer *l, vg_layer_text *out); /* out comes empty */
} vg_layer_kind;

typedef struct vg_conv2d_spec {
  int64_t in, out;
  int kernel[2];
  vg_conv2d conv;
  bool bias;
} vg_conv2d_spec;

typedef struct vg_linear_spec {
  int64_t in, out;
  bool bias;
} vg_linear_spec;

typedef struct vg_batchnorm2d_spec {
  int64_t channels;
  double eps, momentum;
  bool affine;              /* has weight and bias */
  bool track_running_stats; /* false: batch statistics in evaluation, too */
} vg_batchnorm2d_spec;

struct vg_layer {
  const vg_layer_kind *kind;
  vg_context *ctx;
  bool training;
  vg_tensor *tensor[VG_LAYER_TENSORS]; /* by position in kind->tensors; NULL: option not chosen */
  union {
    vg_conv2d_spec conv2d;
    vg_linear_spec linear;
    vg_batchnorm2d_spec batchnorm2d;
  } spec;
};

/* New layers in training mode on the CPU, initialised as PyTorch does. Impossible sizes: VG_EINVAL.
   `l` is an empty (zeroed) layer that the caller owns; on failure it may be half filled, clear it.
 */
VG_API vg_status vg_conv2d_new(vg_layer *l, vg_context *ctx, const vg_conv2d_spec *spec);
VG_API vg_status vg_linear_new(vg_layer *l, vg_context *ctx, const vg_linear_spec *spec);
VG_API vg_status vg_batchnorm2d_new(vg_layer *l, vg_context *ctx, const vg_batchnorm2d_spec *spec);

VG_API void vg_layer_clear(vg_layer *l); /* releases the tensors; an empty layer is fine */
/* then: NULL for nothing. */
VG_API vg_status vg_layer_forward(vg_tensor **y, vg_layer *l, vg_tensor *x,
                                  const vg_layer_then *then);
/* Position of a name, -1 for none. */
VG_API int vg_layer_find(const vg_layer *l, const char *name);
/* Gives t the memory of `src` (same shape), which may be on another device or of another type, and
   moves its gradient along: everybody who holds t sees the change. A leaf only. */
VG_API vg_status vg_tensor_become(vg_tensor *t, vg_tensor *src);

/* ---- for the kinds ---- */
/* Appends to out->how, with a comma between entries. */
void vg_layer_say(vg_layer_text *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A parameter (wants a gradient) or a buffer, contents undefined. */
vg_status vg_layer_param(vg_layer *l, int slot, int ndim, const int64_t *shape);
vg_status vg_layer_buffer(vg_layer *l, int slot, vg_dtype dtype, int ndim, const int64_t *shape);
/* Uniform in -1/sqrt(fan_in) .. 1/sqrt(fan_in): kaiming_uniform(a = sqrt 5) of a weight, and the
   bias that goes with it. */
vg_status vg_layer_uniform(vg_layer *l, int slot, int64_t fan_in);
vg_status vg_layer_fill(vg_layer *l, int slot, double value);

#endif
