/* The contract between the core and a compute backend: a table of small tables, one per concern,
   one source file per table, same file names in every backend. A NULL member means "not supported"
   and gives a named error. Outputs arrive allocated and shape-checked; a backend never computes a
   shape, never allocates a tensor and never sees Lua. Tensors reach a kernel in any layout their
   `accepts`/`layouts` query admitted, otherwise strided (plain), possibly not contiguous only where
   a member says so. */
#ifndef VGGLUA_BACKEND_H
#define VGGLUA_BACKEND_H

#include "base/augment.h"
#include "base/kinds.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text.h"
#include "base/update.h"
#include "tensor/tensor.h"

#define VG_ABI 5u

/* ---- options, shared by ops (shape rules), the tape (saved) and the kernels ---- */

typedef struct vg_conv2d {
  int stride[2], pad[2], dilation[2]; /* height, width; dilation counts from 1 */
  int groups;
} vg_conv2d;

typedef struct vg_pool2d {
  int kernel[2], stride[2], pad[2];
  bool ceil_mode, count_include_pad; /* the second for average pooling only */
  bool adaptive; /* PyTorch's adaptive windows: the shapes say all, the rest is unused */
} vg_pool2d;

typedef struct vg_norm {
  float eps, momentum;
  bool training;             /* batch statistics, and running statistics are updated */
  bool relu;                 /* y = max(y, 0) in the same pass */
  struct vg_tensor *batches; /* i64, one element: a forward in training adds 1; NULL: none. Only for
                                backends that count. */
} vg_norm;

typedef struct vg_reduce_dims {
  bool reduced[VG_MAX_DIMS]; /* which dimensions of x collapse; y keeps them with size 1 */
} vg_reduce_dims;

typedef enum vg_mean_or_sum { VG_LOSS_NONE, VG_LOSS_MEAN, VG_LOSS_SUM } vg_mean_or_sum;

typedef struct vg_loss {
  int64_t ignore_index; /* targets with this value count for nothing; INT64_MIN: none */
  float label_smoothing;
  vg_mean_or_sum reduction; /* mean: over the targets that are not ignored */
  bool log_probs;           /* x holds log-probabilities already (nll_loss) */
} vg_loss;

typedef struct vg_scalars {
  double a, b; /* slope, alpha, exponent, bounds, ... as the operation defines */
} vg_scalars;

/* ---- tables ---- */

typedef struct vg_device_vt {
  int (*count)(void);
  vg_status (*open)(vg_device *d); /* fills d->priv and d->name */
  void (*close)(vg_device *d);
  vg_status (*describe)(vg_device *d, char *text, size_t n); /* "cpu x2, avx512" */
  vg_status (*synchronise)(vg_device *d);
  vg_status (*set_threads)(vg_device *d, int threads); /* 0: all cores */
  double (*macs)(const vg_device *d); /* multiply-accumulates so far; NULL: not counted */
  /* Drops what was kept of constant weights; NULL: nothing ever is. */
  void (*forget)(vg_device *d);
  /* What computes bf16 products here ("AMX"), NULL: nothing does, they are emulated at a loss. The
     member is NULL where bf16 is not supported at all. */
  const char *(*bf16)(const vg_device *d);
  /* Which of its algorithms the last call ran ("winograd"), NULL: there is one only; forgets it.
     For reports; the member may be NULL. */
  const char *(*kernel)(vg_device *d);
} vg_device_vt;

typedef struct vg_memory_vt {
  void *(*alloc)(vg_device *d, size_t bytes); /* raw; 64-byte aligned or better; NULL: none left */
  void (*free)(vg_device *d, void *p, size_t bytes);
  vg_status (*write)(vg_device *d, void *dst, const void *host, size_t bytes);
  vg_status (*read)(vg_device *d, void *host, const void *src, size_t bytes);
  vg_status (*fill)(vg_device *d, void *dst, int byte, size_t bytes);
} vg_memory_vt;

/* y <- x, same shape and device. `copy`: both strided (any strides), dtypes may differ (PyTorch's
   conversion rules). `convert`: same dtype, at least one of the two in a backend layout. */
typedef struct vg_layout_vt {
  vg_status (*copy)(vg_device *, vg_tensor *y, const vg_tensor *x);
  vg_status (*convert)(vg_device *, vg_tensor *y, const vg_tensor *x);
} vg_layout_vt;

/* Operands of one call either all share y's layout (then the kernel walks vg_physical_n elements),
   or are all strided; in the second case inputs may have any strides, broadcasting included (stride
   0), and y is contiguous unless it is also an input (in place). */
typedef struct vg_elementwise_vt {
  vg_status (*fill)(vg_device *, vg_tensor *y, double value);
  vg_status (*unary)(vg_device *, vg_unary, vg_scalars, vg_tensor *y, const vg_tensor *x);
  vg_status (*unary_bwd)(vg_device *, vg_unary, vg_scalars, vg_tensor *gx, const vg_tensor *gy,
                         const vg_tensor *x, const vg_tensor *y);
  vg_status (*binary)(vg_device *, vg_binary, vg_tensor *y, const vg_tensor *a, const vg_tensor *b);
  vg_status (*where)(vg_device *, vg_tensor *y, const vg_tensor *mask, const vg_tensor *a,
                     const vg_tensor *b);
} vg_elementwise_vt;

/* x strided, any strides; y contiguous with the reduced dimensions kept as 1. */
typedef struct vg_reduce_vt {
  vg_status (*reduce)(vg_device *, vg_reduction, vg_scalars, vg_tensor *y, const vg_tensor *x,
                      const vg_reduce_dims *); /* scalars.a: correction of VG_VAR */
} vg_reduce_vt;

/* Last dimension of every argument is the "inner" one; index tensors are i64, contiguous and
   already range-checked unless said otherwise: an index out of range returns VG_EINVAL naming it.
 */
typedef struct vg_index_vt {
  vg_status (*gather)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                      int dim);
  vg_status (*scatter_add)(vg_device *, vg_tensor *y, const vg_tensor *index, const vg_tensor *src,
                           int dim);
  vg_status (*select)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                      int dim);
  vg_status (*select_add)(vg_device *, vg_tensor *y, const vg_tensor *index, const vg_tensor *src,
                          int dim);
  vg_status (*topk)(vg_device *, vg_tensor *values, vg_tensor *indices, const vg_tensor *x, int dim,
                    bool largest); /* sorted; NaN counts as the largest, first index wins ties */
} vg_index_vt;

/* c[batch] = a[batch] b[batch] + bias (row vector or NULL). a, b: B x M x K and B x
   K x N as strided views (one of the last two strides is 1; batch stride may be 0); c contiguous.
   Types of a, b, c: all f32; bf16, f32 weight, bf16 (a linear layer and the gradient of its input;
   the kernel rounds the weight); bf16, bf16, f32 (the gradient of the weight). bias and the y of
   sum_rows are f32. */
typedef struct vg_matmul_vt {
  vg_status (*matmul)(vg_device *, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                      const vg_tensor *bias);
  /* y[n] = sum over m of x[m][n], x contiguous: the gradient of a bias. */
  vg_status (*sum_rows)(vg_device *, vg_tensor *y, const vg_tensor *x);
} vg_matmul_vt;

/* x: N x C x H x W, w: K x C/groups x R x S (strided, contiguous), y: N x K x P x Q, bias: K or
   NULL. x and y (gx and gy) are both f32 or both bf16; w, bias, gw and gbias are always f32, and
   where x is bf16 the kernel rounds the weights. */
typedef struct vg_conv_vt {
  /* The layouts (NULL: strided) in which this convolution wants x and y; gx and gy use the same. */
  vg_status (*layouts)(vg_device *, const vg_tensor *x, const vg_tensor *w, const int64_t *yshape,
                       const vg_conv2d *, const vg_layout **lx, const vg_layout **ly);
  /* Whether w, which is not contiguous, may come as it is; its gradient has the same order then.
     NULL: weights and their gradients are contiguous. */
  bool (*takes_weight)(const vg_tensor *w);
  vg_status (*fwd)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                   const vg_tensor *bias, const vg_conv2d *);
  vg_status (*bwd_data)(vg_device *, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                        const vg_conv2d *);
  vg_status (*bwd_weight)(vg_device *, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                          const vg_tensor *gy, const vg_conv2d *); /* gbias may be NULL */
  /* Both of the above in one call, for backends that overlap them. NULL: one after the other. */
  vg_status (*bwd)(vg_device *, vg_tensor *gx, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                   const vg_tensor *gy, const vg_tensor *w, const vg_conv2d *);
  /* The algorithms in use, lines `problem=name`; and imposing such lines. NULL: nothing to choose.
   */
  vg_status (*choices)(vg_device *, vg_text *out);
  vg_status (*set_choices)(vg_device *, const char *text);
} vg_conv_vt;

/* Layout and dtype (f32 or bf16) of y, gx = those of x; `ws` is opaque to everybody else and lives
   until the backward ran. */
typedef struct vg_pool_vt {
  bool (*accepts)(const vg_layout *);
  vg_status (*max_fwd)(vg_device *, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                       const vg_pool2d *); /* ws NULL: no backward will follow */
  vg_status (*max_bwd)(vg_device *, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws,
                       const vg_pool2d *);
  vg_status (*avg_fwd)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_pool2d *);
  vg_status (*avg_bwd)(vg_device *, vg_tensor *gx, const vg_tensor *gy, const vg_pool2d *);
} vg_pool_vt;

/* x, y, gx, gy: all f32 or all bf16.
   Vectors of C elements, f32: weight, bias (both NULL or both set), running and saved statistics.
   Training: writes mean and invstd, updates the running ones (variance with n / (n - 1)).
   Evaluation: mean and invstd are filled from the running ones so that the backward can use them.
 */
typedef struct vg_norm_vt {
  bool (*accepts)(const vg_layout *);
  bool counts; /* vg_norm.batches is heeded */
  vg_status (*bn_fwd)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                      const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                      vg_tensor *mean, vg_tensor *invstd, const vg_norm *);
  /* The mask of a fused ReLU is computed again from x. gx may be gy itself. gx, gweight, gbias may
     be NULL: not wanted. */
  vg_status (*bn_bwd)(vg_device *, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                      const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                      const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                      const vg_norm *);
  /* Normalisation, ReLU and the maximum of windows in one pass, to the bit as bn_fwd and the
     pooling's max_fwd; of such x (any layout) and windows as bn_pools says. NULL: none. y, gy: of
     the pooled shape; ws as in vg_pool_vt. */
  bool (*bn_pools)(const vg_tensor *x, const vg_pool2d *);
  vg_status (*bn_max_fwd)(vg_device *, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                          const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                          vg_tensor *mean, vg_tensor *invstd, vg_buf *ws, const vg_norm *,
                          const vg_pool2d *);
  vg_status (*bn_max_bwd)(vg_device *, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                          const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                          const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                          const vg_buf *ws, const vg_norm *, const vg_pool2d *);
} vg_norm_vt;

/* Contiguous tensors seen as outer x n x inner around `dim`. Cross-entropy: logits N x C (x inner),
   target i64 N (x inner); `loss` is a scalar, or like target for VG_LOSS_NONE; sums run in double
   and in an order that does not depend on the thread count. A target outside 0..C-1 returns
   VG_EINVAL naming position and value. */
typedef struct vg_softmax_vt {
  vg_status (*softmax)(vg_device *, vg_tensor *y, const vg_tensor *x, int dim, bool log);
  vg_status (*softmax_bwd)(vg_device *, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *y,
                           int dim, bool log);
  vg_status (*cross_entropy)(vg_device *, vg_tensor *loss, const vg_tensor *x,
                             const vg_tensor *target, const vg_loss *);
  vg_status (*cross_entropy_bwd)(vg_device *, vg_tensor *gx, const vg_tensor *gloss,
                                 const vg_tensor *x, const vg_tensor *target,
                                 const vg_loss *); /* gloss: shape of loss */
} vg_softmax_vt;

/* Element i (logical, row-major) of a fill uses word w = i % 4 of block i / 4 of the stream,
   whatever the layout or thread. u(w) = (w >> 8) / 2^24 and all arithmetic is in f32:
   - uniform: lo + (hi - lo) u, kept below hi;
   - normal: Box-Muller on the words (0, 1) and (2, 3) of a block: r = sqrt(-2 log(u(w_even) +
     2^-24)), t = 2 pi u(w_odd); even elements are mean + std r cos t, odd ones mean + std r sin t;
   - bernoulli: 1 where (w >> 8) < round(p 2^24);
   - dropout: kept where (w >> 8) >= round(p 2^24).

   y of the fills is contiguous, f32 or bf16 (bernoulli also u8). */
typedef struct vg_random_vt {
  vg_status (*uniform)(vg_device *, vg_tensor *y, vg_stream, double lo, double hi);
  vg_status (*normal)(vg_device *, vg_tensor *y, vg_stream, double mean, double std);
  vg_status (*bernoulli)(vg_device *, vg_tensor *y, vg_stream, double p);
  /* y = x * mask / (1 - p), in any layout, the same for both; the backward is this call again on
     the gradient. p = 1 gives x * 0. */
  vg_status (*dropout)(vg_device *, vg_tensor *y, const vg_tensor *x, vg_stream, double p);
} vg_random_vt;

typedef struct vg_optim_slot {
  vg_tensor *p;       /* parameter */
  const vg_tensor *g; /* its gradient, same layout */
  vg_tensor *m, *v;   /* first and second moment, or momentum buffer in m */
} vg_optim_slot;

/* Clipping by the total norm inside of a step: gradients are multiplied by
   min(1, max_norm / (sqrt(sum) + 1e-6)), NaN included. squares: the i64 of vg_optim_vt.squares;
   NULL: no clipping. Only backends that have `squares` are given one. */
typedef struct vg_grad_clip {
  const vg_tensor *squares;
  double max_norm;
} vg_grad_clip;

typedef struct vg_adam_args {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;    /* AdamW */
  int64_t step;      /* from 1 */
  double grad_scale; /* gradients are multiplied by this first (clipping), 1: as they are */
  vg_grad_clip clip;
} vg_adam_args;

typedef struct vg_sgd_args {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, first; /* first: the momentum buffer starts as the gradient */
  double grad_scale;
  vg_grad_clip clip;
} vg_sgd_args;

/* The options as the kernels use them. */
static inline vg_adam_numbers vg_adam_numbers_of(const vg_adam_args *a) {
  double c1 = 1 - pow(a->beta1, (double)a->step), c2 = 1 - pow(a->beta2, (double)a->step);
  return (vg_adam_numbers){.scale = (float)a->grad_scale,
                           .decay = a->decoupled ? 0 : (float)a->weight_decay,
                           .shrink = a->decoupled ? (float)(1 - a->lr * a->weight_decay) : 1,
                           .keep = (float)(1 - a->beta1),
                           .beta2 = (float)a->beta2,
                           .new2 = (float)(1 - a->beta2),
                           .root = (float)sqrt(c2),
                           .eps = (float)a->eps,
                           .step = (float)(a->lr / c1)};
}

static inline vg_sgd_numbers vg_sgd_numbers_of(const vg_sgd_args *a) {
  return (vg_sgd_numbers){.scale = (float)a->grad_scale,
                          .decay = (float)a->weight_decay,
                          .lr = (float)a->lr,
                          .keep = a->first ? 0 : (float)a->momentum,
                          .fresh = a->first ? 1 : (float)(1 - a->dampening),
                          .look = a->nesterov ? (float)a->momentum : 0};
}

/* A parameter's version counts the step already. */
typedef struct vg_optim_vt {
  vg_status (*adam)(vg_device *, int n, const vg_optim_slot *, const vg_adam_args *);
  vg_status (*sgd)(vg_device *, int n, const vg_optim_slot *, const vg_sgd_args *);
  /* Sum of squares over all tensors, in double, fixed order. NaN and Inf propagate. */
  vg_status (*sum_squares)(vg_device *, int n, vg_tensor *const *, double *out);
  vg_status (*scale)(vg_device *, int n, vg_tensor *const *, double factor);
  vg_status (*clamp)(vg_device *, int n, vg_tensor *const *, double bound);
  /* The same without the host, for recorded steps. sum: i64, one element, holds a double; norm: one
     f32. squares adds the tensors' squares to sum (which it starts when `first`), root takes the
     square root. */
  vg_status (*squares)(vg_device *, int n, vg_tensor *const *, vg_tensor *sum, bool first);
  vg_status (*root)(vg_device *, vg_tensor *norm, const vg_tensor *sum);
} vg_optim_vt;

typedef struct vg_metric_args {
  int64_t ignore_index; /* pairs with this target are left out; INT64_MIN: none */
  int top_k; /* a target among the k largest scores counts as predicted; ties: first wins */
} vg_metric_args;

/* target: i64, N (x inner), contiguous. x: i64 labels of the same shape, or f32 scores N x C (x
   inner), contiguous. A class outside 0..C-1 returns VG_EINVAL naming position and value, before
   anything was counted. Accumulators are i64, so that neither order nor batch size matters. */
typedef struct vg_metric_vt {
  /* counts: C x (C + 1), row = true class; the last column counts scores with a NaN among them. */
  vg_status (*confusion)(vg_device *, vg_tensor *counts, const vg_tensor *x,
                         const vg_tensor *target, const vg_metric_args *);
  /* bins: (B + 1) x 3 of count, hits and confidence in units of 2^-40; bin b holds confidences from
     b / B, the last one those of 1. Scores with NaN are left out. Scores are taken as they are if
     all of this call lie in 0..1, else softmax is applied (torchmetrics' rule). */
  vg_status (*calibration)(vg_device *, vg_tensor *bins, const vg_tensor *x,
                           const vg_tensor *target, const vg_metric_args *);
} vg_metric_vt;

/* A step recorded once and replayed: what is done on the device between begin and end is only
   noted, with the addresses of all tensors, and done by every launch. Numbers from the host which
   change between steps (learning rate, step count) are handed over again by refill: between its two
   calls the optimizer's updates only do that. Random operations count on. */
typedef struct vg_replay_vt {
  bool (*recording)(const vg_device *); /* one was begun and has not ended */
  vg_status (*begin)(vg_device *, void **recording);
  vg_status (*end)(vg_device *, void *recording);
  /* While recording: x, one f32 number, is kept for `read` at every launch. */
  vg_status (*watch)(vg_device *, void *recording, const vg_tensor *x);
  vg_status (*refill)(vg_device *, void *recording, bool on);
  /* Does not wait. Launches count from 1. */
  vg_status (*launch)(vg_device *, void *recording, uint64_t *number);
  /* The first n watched numbers of one of the last eight launches; waits for it. */
  vg_status (*read)(vg_device *, void *recording, uint64_t number, int n, double *out);
  void (*free)(vg_device *, void *recording); /* in any state */
} vg_replay_vt;

/* Batches of a data set that lies on the device, augmented there: the bytes of an image are those
   which the CPU makes for the same key. */
typedef struct vg_device_batch {
  const vg_tensor *records; /* u8, n x (1 + 3 * height * width): a label, then three planes */
  const vg_tensor *samples; /* i64, n: the key of each record's draws; NULL: its position */
  const vg_tensor *order;   /* i64: image k is record order[first + k]; NULL: first + k */
  int64_t first;
  int height, width;
  const vg_pipeline *pipeline; /* checked for height x width */
  const int (*size)[2];        /* height, width before each operation */
  uint64_t seed;
  uint32_t epoch;
} vg_device_batch;

typedef struct vg_augment_vt {
  /* x: N x 3 x H x W, contiguous, f32 or bf16; y: N, i64, or NULL. */
  vg_status (*batch)(vg_device *, vg_tensor *x, vg_tensor *y, const vg_device_batch *);
} vg_augment_vt;

typedef struct vg_backend {
  uint32_t abi; /* VG_ABI; checked before anything else is read */
  const char *name;
  const vg_device_vt *device;
  const vg_memory_vt *memory;
  const vg_layout_vt *layout;
  const vg_elementwise_vt *elementwise;
  const vg_reduce_vt *reduce;
  const vg_index_vt *index;
  const vg_matmul_vt *matmul;
  const vg_conv_vt *conv;
  const vg_pool_vt *pool;
  const vg_norm_vt *norm;
  const vg_softmax_vt *softmax;
  const vg_random_vt *random;
  const vg_optim_vt *optim;
  const vg_metric_vt *metric;
  const vg_augment_vt *augment; /* NULL: batches are made by the CPU and copied */
  const vg_replay_vt *replay;   /* NULL: steps run one by one */
} vg_backend;

/* The one symbol a plugin exports. Returns VG_OK and the table, or a failure with vg_error(). */
typedef vg_status (*vg_backend_init_fn)(uint32_t host_abi, const vg_backend **out);
#define VG_BACKEND_INIT_SYMBOL "vg_backend_init"

#endif
