/* Every differentiable operation, grouped by the file that holds it. Each creates *out (one count
   to the caller), checks shapes by its one rule and records itself on the tape. Messages start with
   the name of the operation. Dimensions count from 0; a negative one counts from the end. */
#ifndef VG_OPS_OPS_H
#define VG_OPS_OPS_H

#include "autograd/tape.h"

/* ---- helpers for op files (ops/common.c) ---- */
/* 0..ndim-1, or VG_EINVAL `op: dimension 5 of a 3-dimensional tensor`(1-based in the text). */
VG_API vg_status vg_dim(const char *op, int ndim, int dim, int *out);
VG_API vg_status vg_want_dtype(const char *op, const vg_tensor *x, vg_dtype dtype);
VG_API vg_status vg_want_same_device(const char *op, const vg_tensor *a, const vg_tensor *b);
/* VG_OK for f32 and bf16. */
VG_API vg_status vg_want_float(const char *op, const vg_tensor *x);
/* Under autocast an f32 activation that meets a weight becomes bf16, with history; otherwise and in
   all other types x itself, retained. A backend without bf16: VG_EUNSUPPORTED. */
VG_API vg_status vg_autocast(vg_tensor **out, const char *op, vg_tensor *x);
/* g summed over the dimensions along which `shape` was broadcast to g's shape; g itself, retained,
   when nothing was. */
VG_API vg_status vg_sum_to_shape(vg_tensor **out, vg_tensor *g, int ndim, const int64_t *shape);

/* A view of x (strided) with size-1 and missing leading dimensions repeated, without history. */
VG_API vg_status vg_expand_raw(vg_tensor **out, const vg_tensor *x, int ndim, const int64_t *shape);
VG_API vg_status vg_filled(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                           const int64_t *shape, double value);

/* The output of windows over x (ops/pool.c). */
vg_status vg_pool_shape(const char *op, const vg_tensor *x, const vg_pool2d *p, int64_t s[4]);

/* ---- elementwise.c ---- */
/* Mixed dtypes go to the first of f32, bf16, i64, u8 among them; `/` of whole numbers gives f32. */
/* f32 and bf16 (arithmetic also i64, u8); NumPy broadcasting; comparisons give u8 without history.
 */
VG_API vg_status vg_binary_op(vg_tensor **out, vg_binary op, vg_tensor *a, vg_tensor *b);
VG_API vg_status vg_unary_op(vg_tensor **out, vg_unary op, vg_scalars s, vg_tensor *x);
VG_API vg_status vg_where(vg_tensor **out, vg_tensor *mask, vg_tensor *a, vg_tensor *b);
/* In place, no history: an error (VG_ESTATE) on a tensor that wants a gradient while recording. */
VG_API vg_status vg_binary_op_(vg_tensor *x, vg_binary op, const vg_tensor *b);
VG_API vg_status vg_unary_op_(vg_tensor *x, vg_unary op, vg_scalars s);
VG_API vg_status vg_fill_(vg_tensor *x, double value);
VG_API vg_status vg_copy_(vg_tensor *x, const vg_tensor *src); /* broadcasts src */

/* ---- activation.c: names for the unary activations ---- */
VG_API const char *vg_unary_name(vg_unary op);
VG_API const char *vg_binary_name(vg_binary op);

/* ---- reduce.c ---- */
/* Over the given dims (ndims == 0: all); keep: reduced dimensions stay with size 1. scalars.a is
   the correction of VG_VAR (1: unbiased). argmax/argmin take one dim or all. Empty: sum 0, prod 1,
   mean NaN, the others an error. NaN propagates; ties of amax share the gradient as PyTorch does.
 */
VG_API vg_status vg_reduce(vg_tensor **out, vg_reduction op, vg_scalars s, vg_tensor *x, int ndims,
                           const int *dims, bool keep);

/* ---- layout.c: views with history; convert.c: the last four ---- */
VG_API vg_status vg_reshape(vg_tensor **out, vg_tensor *x, int ndim,
                            const int64_t *shape); /* one -1 */
VG_API vg_status vg_flatten(vg_tensor **out, vg_tensor *x, int first, int last);
VG_API vg_status vg_narrow(vg_tensor **out, vg_tensor *x, int dim, int64_t start, int64_t length);
VG_API vg_status vg_transpose(vg_tensor **out, vg_tensor *x, int a, int b);
VG_API vg_status vg_permute(vg_tensor **out, vg_tensor *x, int n, const int *dims);
VG_API vg_status vg_expand(vg_tensor **out, vg_tensor *x, int ndim, const int64_t *shape);
VG_API vg_status vg_squeeze(vg_tensor **out, vg_tensor *x, int dim);
VG_API vg_status vg_unsqueeze(vg_tensor **out, vg_tensor *x, int dim);
VG_API vg_status vg_select(vg_tensor **out, vg_tensor *x, int dim, int64_t index);

VG_API vg_status vg_contiguous(vg_tensor **out, vg_tensor *x);
/* x (N x C x H x W) with the channels innermost in memory; x itself when it is so already.
   VG_ESHAPE for other than 4 dimensions. */
VG_API vg_status vg_channels_last(vg_tensor **out, vg_tensor *x);
VG_API vg_status vg_cast(vg_tensor **out, vg_tensor *x, vg_dtype dtype);
VG_API vg_status vg_move_to(vg_tensor **out, vg_tensor *x, vg_device *dev);
VG_API vg_status vg_clone(vg_tensor **out, vg_tensor *x);

/* ---- index.c ---- */
VG_API vg_status vg_cat(vg_tensor **out, int n, vg_tensor *const *x, int dim);
VG_API vg_status vg_stack(vg_tensor **out, int n, vg_tensor *const *x, int dim);
VG_API vg_status vg_gather(vg_tensor **out, vg_tensor *x, int dim, vg_tensor *index);
VG_API vg_status vg_index_select(vg_tensor **out, vg_tensor *x, int dim, vg_tensor *index);
VG_API vg_status vg_topk(vg_tensor **values, vg_tensor **indices, vg_tensor *x, int64_t k, int dim,
                         bool largest);

/* ---- matmul.c ---- */
/* PyTorch's matmul: vectors, matrices, batches with broadcasting. */
VG_API vg_status vg_matmul(vg_tensor **out, vg_tensor *a, vg_tensor *b);
/* x: ... x in, w: out x in, bias: out or NULL -> ... x out. */
VG_API vg_status vg_linear(vg_tensor **out, vg_tensor *x, vg_tensor *w, vg_tensor *bias);

/* ---- conv.c, pool.c, norm.c ---- */
VG_API vg_status vg_conv2d_op(vg_tensor **out, vg_tensor *x, vg_tensor *w, vg_tensor *bias,
                              const vg_conv2d *p);
VG_API vg_status vg_max_pool2d(vg_tensor **out, vg_tensor *x, const vg_pool2d *p);
VG_API vg_status vg_avg_pool2d(vg_tensor **out, vg_tensor *x, const vg_pool2d *p);
VG_API vg_status vg_adaptive_avg_pool2d(vg_tensor **out, vg_tensor *x, int64_t h, int64_t w);
VG_API vg_status vg_adaptive_max_pool2d(vg_tensor **out, vg_tensor *x, int64_t h, int64_t w);
/* weight/bias: both NULL or both C; running statistics may be NULL (then batch statistics always).
 */
VG_API vg_status vg_batch_norm2d(vg_tensor **out, vg_tensor *x, vg_tensor *weight, vg_tensor *bias,
                                 vg_tensor *running_mean, vg_tensor *running_var, const vg_norm *p);
/* vg_max_pool2d of that, in one pass where the backend has one for x. */
VG_API vg_status vg_batch_norm2d_max(vg_tensor **out, vg_tensor *x, vg_tensor *weight,
                                     vg_tensor *bias, vg_tensor *running_mean,
                                     vg_tensor *running_var, const vg_norm *p,
                                     const vg_pool2d *pool);

/* ---- softmax.c, loss.c ---- */
VG_API vg_status vg_softmax(vg_tensor **out, vg_tensor *x, int dim, bool log);
/* logits N x C or N x C x ..., target i64 without the class dimension. mean divides by the count of
   targets that are not ignored (all ignored: NaN, as PyTorch). */
VG_API vg_status vg_cross_entropy(vg_tensor **out, vg_tensor *logits, vg_tensor *target,
                                  const vg_loss *p);
/* The same from log-probabilities; no label smoothing. */
VG_API vg_status vg_nll_loss(vg_tensor **out, vg_tensor *log_probs, vg_tensor *target,
                             const vg_loss *p);
VG_API vg_status vg_mse_loss(vg_tensor **out, vg_tensor *x, vg_tensor *target,
                             vg_mean_or_sum reduction);

/* ---- dropout.c ---- */
/* Draws from stream (seed, VG_RNG_DROPOUT, next position). Not training, or p == 0: x itself. */
VG_API vg_status vg_dropout(vg_tensor **out, vg_tensor *x, double p, bool training);

/* ---- random.c: fills in place, no history; an error (VG_ESTATE) as for vg_fill_ ---- */
VG_API vg_status vg_uniform_(vg_tensor *x, vg_purpose purpose, double lo, double hi);
VG_API vg_status vg_normal_(vg_tensor *x, vg_purpose purpose, double mean, double std);
VG_API vg_status vg_bernoulli_(vg_tensor *x, vg_purpose purpose, double p);
/* Whole numbers lo <= v < hi (hi - lo at most 2^32), element i = lo + (word i * (hi - lo) >> 32).
 */
VG_API vg_status vg_randint_(vg_tensor *x, vg_purpose purpose, int64_t lo, int64_t hi);
/* i64 vector: Fisher-Yates from the end, swap r[i] with r[word i * (i + 1) >> 32]. */
VG_API vg_status vg_randperm_(vg_tensor *x, vg_purpose purpose);

#endif
