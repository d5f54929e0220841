/* Every launch function of the .cu files: plain C, device pointers and sizes in, the error of the
   launch out; nothing waits. All work goes to the given stream. */
#ifndef VG_CUDA_KERNELS_H
#define VG_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/augment.h"
#include "base/rng.h"
#include "base/update.h"
#include "base/window.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel found wrong with its numbers (an index out of range); one in device memory for each
   device, all zero when nothing is. Kernels keep the first position of all they find. */
typedef struct vg_cuda_fault {
  int32_t code; /* 0: nothing, 1: position counts */
  int32_t unused;
  uint64_t position; /* ~ of the first one, so that the largest is kept */
} vg_cuda_fault;

/* ---- conv.cu: between our tensors and cuDNN's ---- */

/* y[n][h][w][c], c < cp <- x[n][c][h][w], zero for c >= channels. Elements of y are f32 or bf16
   (y_bf16), those of x likewise. hw = h * w. Also weights, with k for n and r * s for hw. */
cudaError_t vg_cuda_pack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                              int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream);
/* y[n][c][h][w] <- x[n][h][w][c], dropping c >= channels. */
cudaError_t vg_cuda_unpack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                                int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream);
/* y[row][c] += bias[c]; y f32 or bf16, `rows` of `channels`. */
cudaError_t vg_cuda_add_bias(void *y, bool y_bf16, const float *bias, int64_t rows,
                             int64_t channels, cudaStream_t stream);
/* y[c] = sum over rows of x[row][c], in double and one order. `partial`: vg_cuda_sum_parts(rows)
   times `channels` numbers of scratch memory. */
int64_t vg_cuda_sum_parts(int64_t rows);
cudaError_t vg_cuda_sum_rows(float *y, const void *x, bool x_bf16, int64_t rows, int64_t channels,
                             double *partial, cudaStream_t stream);

/* Several strided operands of one shape; the first is the output. */
enum { VG_CUDA_DIMS = 8, VG_CUDA_OPERANDS = 4 };
typedef struct vg_cuda_walk {
  int ndim; /* at least 1 */
  int64_t n;
  int64_t shape[VG_CUDA_DIMS];
  int64_t stride[VG_CUDA_OPERANDS][VG_CUDA_DIMS]; /* elements */
  int dtype[VG_CUDA_OPERANDS];                    /* vg_dtype */
  void *base[VG_CUDA_OPERANDS];
} vg_cuda_walk;

/* ---- layout.cu ---- */

/* Operand 0 <- operand 1; dtypes may differ. */
cudaError_t vg_cuda_copy(const vg_cuda_walk *w, cudaStream_t stream);

/* ---- elementwise.cu: the arithmetic of base/elements.h ---- */

/* Every element of operand 0 becomes the value, converted to its dtype before. */
cudaError_t vg_cuda_fill(const vg_cuda_walk *w, uint64_t bits, cudaStream_t stream);
/* op: vg_unary. Whole numbers where operand 1 is i64 or u8. */
cudaError_t vg_cuda_unary(const vg_cuda_walk *w, int op, double a, double b, cudaStream_t stream);
/* Operand 1: the gradient, 2: what the operation needs (x or y; where it needs nothing, w has two
   operands). */
cudaError_t vg_cuda_unary_bwd(const vg_cuda_walk *w, int op, double a, double b,
                              cudaStream_t stream);
cudaError_t vg_cuda_binary(const vg_cuda_walk *w, int op, cudaStream_t stream);
/* Operand 1: the mask, u8. */
cudaError_t vg_cuda_where(const vg_cuda_walk *w, cudaStream_t stream);
/* Whether the operation exists for whole numbers. */
bool vg_cuda_has_whole_unary(int op);
bool vg_cuda_has_whole_binary(int op);

/* ---- reduce.cu ---- */

/* Some dimensions of a tensor, the last one the inner. */
typedef struct vg_cuda_group {
  int ndim;
  int64_t n, shape[VG_CUDA_DIMS], stride[VG_CUDA_DIMS];
} vg_cuda_group;

typedef struct vg_cuda_reduction {
  vg_cuda_group kept, reduced;
  int64_t parts, length; /* of the inputs of an output */
  bool columns;          /* neighbouring outputs have neighbouring inputs */
  int x_dtype, y_dtype;
  const void *x;
  void *y;
  double correction; /* of the variance */
} vg_cuda_reduction;

enum { VG_CUDA_PART_BYTES = 16 };
/* op: vg_reduction. scratch: kept.n * parts * VG_CUDA_PART_BYTES, unused with one part. */
cudaError_t vg_cuda_reduce_run(const vg_cuda_reduction *r, int op, void *scratch,
                               cudaStream_t stream);

/* ---- index.cu: x, y, src contiguous, seen as outer x n x inner around the dimension ---- */

typedef struct vg_cuda_lanes {
  int64_t outer, n, inner; /* of what has the indexed dimension: x, or y of the sums */
  int64_t count;           /* indices along the dimension */
} vg_cuda_lanes;

/* Notes the first index outside 0..limit-1. */
cudaError_t vg_cuda_check_index(const int64_t *index, int64_t n, int64_t limit,
                                vg_cuda_fault *fault, cudaStream_t stream);
/* Gather and scatter: where lane i (a position outside the dimension) of the index tensor starts in
   the other tensor; `walk` has the index's shape without the dimension, stride[0] of the index,
   stride[1] of the other. */
typedef struct vg_cuda_gather_plan {
  vg_cuda_walk lanes;
  int64_t count, index_stride; /* along the dimension, of the index and its equals */
  int64_t limit, stride;       /* along the dimension, of the other tensor */
} vg_cuda_gather_plan;
cudaError_t vg_cuda_gather(void *y, const void *x, const int64_t *index, int dtype,
                           const vg_cuda_gather_plan *p, cudaStream_t stream);
cudaError_t vg_cuda_scatter_add(void *y, const int64_t *index, const void *src, int dtype,
                                const vg_cuda_gather_plan *p, cudaStream_t stream);
cudaError_t vg_cuda_select(void *y, const void *x, const int64_t *index, int dtype, vg_cuda_lanes l,
                           cudaStream_t stream);
cudaError_t vg_cuda_select_add(void *y, const int64_t *index, const void *src, int dtype,
                               vg_cuda_lanes l, cudaStream_t stream);
/* values and indices: outer x count x inner. */
cudaError_t vg_cuda_topk(void *values, int64_t *indices, const void *x, int dtype, vg_cuda_lanes l,
                         bool largest, cudaStream_t stream);

/* ---- norm.cu ---- */

/* One batch normalisation over images x pixels, of f32 or (half) bf16. */
typedef struct vg_cuda_bn {
  int64_t images, channels, pixels;
  int64_t rows;          /* NHWC: what is walked over, all pixels or squares of them */
  int64_t chunks, chunk; /* NHWC: rows of a chunk, plain: images */
  int width;             /* NHWC: columns of a block */
  bool nhwc, half;
  bool line; /* x, y and gy can be walked 16 bytes at a time: aligned, and runs a multiple of it */
  bool training, relu;
  float eps, momentum;
  const float *weight, *bias; /* both or neither */
  float *mean, *invstd;
  const float *sums; /* of x and of its squares, 2 x channels, where they are known; else NULL */
  float *running_mean, *running_var; /* both or, in training, neither */
  int64_t *batches;                  /* training: gets 1 more; NULL: none */
} vg_cuda_bn;

/* part: chunks x 2 x channels. */
cudaError_t vg_cuda_bn_fwd(const vg_cuda_bn *b, void *y, const void *x, double *part,
                           cudaStream_t stream);
/* coefficients: 3 x channels of scratch; gx, gweight, gbias may be NULL, gx may be gy. */
cudaError_t vg_cuda_bn_bwd(const vg_cuda_bn *b, void *gx, const void *gy, const void *x,
                           double *part, float *coefficients, float *gweight, float *gbias,
                           cudaStream_t stream);
/* The parts of both that do not depend on what is done with the result. Mean and invstd of x, which
   can be walked by lines: */
cudaError_t vg_cuda_bn_stats(const vg_cuda_bn *b, const void *x, double *part, cudaStream_t stream);
/* and coefficients, gweight and gbias (or NULL) from the chunks' sums (NULL: nobody needs them). */
cudaError_t vg_cuda_bn_finish(const vg_cuda_bn *b, const double *part, float *coefficients,
                              float *gweight, float *gbias, cudaStream_t stream);

/* ---- norm_max.cu: and the maximum of windows of 2 x 2 behind it; NHWC, by lines ---- */

typedef struct vg_cuda_bn_windows {
  vg_cuda_bn b;  /* rows: squares of 2 x 2 pixels, those that are cut at an odd edge as well */
  int64_t h, w;  /* of x's map */
  int64_t small; /* 1: fewer than 2^31 elements */
} vg_cuda_bn_windows;

/* arg: a place for each output, NULL when no backward follows. */
cudaError_t vg_cuda_bn_max_fwd(const vg_cuda_bn_windows *m, void *y, uint8_t *arg, const void *x,
                               cudaStream_t stream);
/* part: chunks x 2 x channels, for vg_cuda_bn_finish. */
cudaError_t vg_cuda_bn_max_sums(const vg_cuda_bn_windows *m, const void *gy, const uint8_t *arg,
                                const void *x, double *part, cudaStream_t stream);
cudaError_t vg_cuda_bn_max_bwd(const vg_cuda_bn_windows *m, void *gx, const void *gy,
                               const uint8_t *arg, const void *x, const float *coefficients,
                               cudaStream_t stream);

/* ---- pool.cu ---- */

/* One pooling, x: images x channels x h x w, y: ... x p x q, f32 or (half) bf16, NHWC or plain. */
typedef struct vg_cuda_pooling {
  int64_t channels, h, w, p, q, inputs, outputs;
  vg_window_rule rule[2]; /* rows, columns */
  int32_t width;          /* of the widest window */
  bool wide;              /* places in a window need more than a byte: int32 */
  bool square2;           /* every window is 2 x 2 at (2i, 2j) */
  bool nhwc, half, line;  /* line: x and y can be walked 16 bytes at a time */
  bool small;             /* fewer than 2^31 elements */
} vg_cuda_pooling;

/* arg: a place for each output, NULL when no backward follows. */
cudaError_t vg_cuda_max_pool(const vg_cuda_pooling *p, void *y, void *arg, const void *x,
                             cudaStream_t stream);
cudaError_t vg_cuda_max_pool_bwd(const vg_cuda_pooling *p, void *gx, const void *gy,
                                 const void *arg, cudaStream_t stream);
cudaError_t vg_cuda_avg_pool(const vg_cuda_pooling *p, void *y, const void *x, cudaStream_t stream);
cudaError_t vg_cuda_avg_pool_bwd(const vg_cuda_pooling *p, void *gx, const void *gy,
                                 cudaStream_t stream);

/* ---- softmax.cu: f32, contiguous, outer x n x inner ---- */

typedef struct vg_cuda_columns {
  int64_t count, n, inner; /* count = outer * inner */
} vg_cuda_columns;

typedef struct vg_cuda_loss {
  int64_t ignore_index;
  float label_smoothing;
  bool mean, each, log_probs; /* each: no reduction; neither: the sum */
} vg_cuda_loss;

cudaError_t vg_cuda_softmax_fwd(const vg_cuda_columns *c, float *y, const float *x, bool log_too,
                                cudaStream_t stream);
cudaError_t vg_cuda_softmax_bwd(const vg_cuda_columns *c, float *gx, const float *gy,
                                const float *y, bool log_too, cudaStream_t stream);
/* each: count of scratch, or the result itself without a reduction. Notes the first target outside
   0..n-1. */
cudaError_t vg_cuda_cross_entropy(const vg_cuda_columns *c, float *loss, float *each,
                                  const float *x, const int64_t *target, const vg_cuda_loss *p,
                                  vg_cuda_fault *fault, cudaStream_t stream);
/* counted: one number of scratch, for the mean. */
cudaError_t vg_cuda_cross_entropy_bwd(const vg_cuda_columns *c, float *gx, const float *gloss,
                                      const float *x, const int64_t *target, const vg_cuda_loss *p,
                                      int64_t *counted, cudaStream_t stream);

/* ---- random.cu ---- */

enum { VG_CUDA_UNIFORM, VG_CUDA_NORMAL, VG_CUDA_BERNOULLI, VG_CUDA_DROPOUT };
typedef struct vg_cuda_draw {
  int kind;
  float a, b, top; /* as vg_draw_uniform and vg_draw_normal want them; dropout: b is the factor */
  uint32_t p24;    /* a probability in units of 2^-24 */
  bool line;       /* y is aligned */
} vg_cuda_draw;

/* n values into contiguous y. shift: added to the stream's index when the kernel runs, or NULL. */
cudaError_t vg_cuda_random_fill(void *y, int dtype, int64_t n, vg_stream s, const vg_cuda_draw *k,
                                const uint64_t *shift, cudaStream_t stream);
/* y = x * mask / (1 - p); plain tensors come as one image of one channel. */
cudaError_t vg_cuda_dropout(void *y, const void *x, bool half, int64_t images, int64_t channels,
                            int64_t pixels, bool nhwc, vg_stream s, const vg_cuda_draw *k,
                            const uint64_t *shift, cudaStream_t stream);

/* ---- optim.cu: f32 ---- */

/* Tensors of one launch. A piece is VG_CUDA_PIECE elements of one of them. */
enum { VG_CUDA_TENSORS = 64, VG_CUDA_PIECE = 8192 };
typedef struct vg_cuda_tensors {
  int n;
  float *p[VG_CUDA_TENSORS]; /* what is changed */
  const float *g[VG_CUDA_TENSORS];
  float *m[VG_CUDA_TENSORS], *v[VG_CUDA_TENSORS];
  void
      *copy[VG_CUDA_TENSORS]; /* optimiser steps: p in bfloat16 besides, 16-byte aligned; or NULL */
  int64_t count[VG_CUDA_TENSORS];
  int64_t pieces[VG_CUDA_TENSORS]; /* of this one and all before */
  bool line[VG_CUDA_TENSORS];      /* all pointers are aligned */
} vg_cuda_tensors;

/* Gradients are multiplied by min(1, bound / (sqrt(*squares) + 1e-6)), NaN included: as the host
   has it, to the bit. squares: device memory; NULL: as they are. */
typedef struct vg_cuda_clip {
  const double *squares;
  double bound;
} vg_cuda_clip;

/* live: the numbers in device memory, read when the kernel runs; NULL: k. */
cudaError_t vg_cuda_adam(const vg_cuda_tensors *t, const vg_adam_numbers *k,
                         const vg_adam_numbers *live, vg_cuda_clip clip, cudaStream_t stream);
/* The same for a list and numbers that lie in device memory, when *enabled is not 0, in `blocks`
   blocks; t.n == 0: nothing. */
typedef struct vg_cuda_update {
  vg_cuda_tensors t;
  const vg_adam_numbers *numbers;
  vg_cuda_clip clip;
} vg_cuda_update;
cudaError_t vg_cuda_adam_late(const vg_cuda_update *u, const uint64_t *enabled, unsigned blocks,
                              cudaStream_t stream);
cudaError_t vg_cuda_sgd(const vg_cuda_tensors *t, const vg_sgd_numbers *k,
                        const vg_sgd_numbers *live, vg_cuda_clip clip, bool momentum,
                        cudaStream_t stream);
cudaError_t vg_cuda_scale(const vg_cuda_tensors *t, float factor, cudaStream_t stream);
cudaError_t vg_cuda_clamp(const vg_cuda_tensors *t, float bound, cudaStream_t stream);
/* The sums of the squares of t->p's pieces, each tensor's to its t->copy (double). */
cudaError_t vg_cuda_squares(const vg_cuda_tensors *t, cudaStream_t stream);
/* *sum (`first`: instead of adding to it) = the sum of all these, in one order. */
cudaError_t vg_cuda_add_squares(const vg_cuda_tensors *t, double *sum, bool first,
                                cudaStream_t stream);
cudaError_t vg_cuda_root(float *norm, const double *sum, cudaStream_t stream);
/* Loads the kernels of norms, which otherwise happens at their first launch and is not allowed
   while a stream is captured: only recorded steps use them. */
cudaError_t vg_cuda_optim_load(void);

/* ---- metric.cu ---- */

typedef struct vg_cuda_scores {
  const int64_t *target, *labels; /* labels: NULL when there are scores */
  const float *scores;            /* classes x inner for each outer index */
  int64_t count, classes, inner, ignore_index;
} vg_cuda_scores;

/* Both note the first class outside 0..classes-1, as twice its position (targets) or that plus one
   (labels), and count nothing then. */
cudaError_t vg_cuda_confusion(int64_t *counts, const vg_cuda_scores *b, int64_t top_k,
                              vg_cuda_fault *fault, cudaStream_t stream);
/* raw: one number of scratch. */
cudaError_t vg_cuda_calibration(int64_t *bins, int64_t nbins, const vg_cuda_scores *b,
                                uint32_t *raw, vg_cuda_fault *fault, cudaStream_t stream);

/* ---- augment.cu ---- */

typedef struct vg_cuda_batch {
  const uint8_t *records; /* label, then three planes of h x w, every `stride` bytes */
  int64_t stride;
  int h, w;
  const int64_t *samples, *order; /* image k: record order[first + k], keyed by its sample number;
                                     NULL: the identity */
  const vg_pipeline *pipeline;    /* in device memory */
  int size[VG_AUG_MAX_OPS][2];    /* height, width before each operation */
  int lanes; /* channels of a pixel, NHWC with zeros behind the third; 0: planes */
} vg_cuda_batch;

typedef struct vg_cuda_batch_key {
  uint64_t seed;
  int64_t first;
  uint32_t epoch, unused;
} vg_cuda_batch_key;

/* x: count images of f32 or bf16, y: their labels or NULL. */
cudaError_t vg_cuda_augment_run(const vg_cuda_batch *b, void *x, bool half, int64_t *y,
                                int64_t count, const vg_cuda_batch_key *key,
                                const vg_cuda_batch_key *live, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
