/* cuDNN's backend (graph) API for convolutions: one operation graph a problem, the engine
   configurations the library proposes for it, and execution plans. Descriptors belong to the caller
   and end with vg_cudnn_drop. */
#ifndef VG_CUDA_GRAPH_H
#define VG_CUDA_GRAPH_H

#include "cuda/stream.h"

typedef enum vg_cuda_pass { VG_PASS_FWD, VG_PASS_DATA, VG_PASS_WEIGHT } vg_cuda_pass;

/* One convolution as cuDNN sees it, all tensors NHWC (weights KRSC) without holes. Compared and
   hashed as bytes: made by = {0} and assignments. */
typedef struct vg_cuda_problem {
  int32_t pass;
  int32_t bf16;      /* images and weights are bfloat16, else float */
  int32_t w_bf16;    /* the weight, or its gradient */
  int32_t bias;      /* y = conv + bias, f32, in the same plan */
  int32_t stats;     /* and the sums of y, in the same plan; k a multiple of 4 */
  int32_t exact;     /* no engine that rounds its inputs or is less accurate than plain f32 */
  int32_t any_order; /* engines whose sums may differ from run to run are welcome */
  int32_t n, c, h, w, k, r, s, p, q, groups;
  int32_t stride[2], pad[2], dilation[2];
} vg_cuda_problem;

/* Device memory of one call; for VG_PASS_DATA x is written, for VG_PASS_WEIGHT w. */
typedef struct vg_cuda_operands {
  void *x, *w, *y, *bias;
  float *sums; /* stats: k sums of y, then k sums of its squares */
} vg_cuda_operands;

void vg_cudnn_drop(cudnnBackendDescriptor_t *d); /* NULL inside is fine */

vg_status vg_cudnn_graph(cudnnBackendDescriptor_t *out, cudnnHandle_t handle,
                         const vg_cuda_problem *p);

/* Appends the configurations of one heuristic mode to list[*n..most-1]; they become the caller's,
   also on failure. */
vg_status vg_cudnn_propose(cudnnBackendDescriptor_t *list, int *n, int most,
                           cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode);

/* The notes of a configuration's engine as bits 1 << note. */
vg_status vg_cudnn_notes(cudnnBackendDescriptor_t config, unsigned *notes);

/* A configuration as text, "17:2=5,13=1" (engine, knobs), and back. */
vg_status vg_cudnn_config_text(cudnnBackendDescriptor_t config, char *text, size_t n);
vg_status vg_cudnn_config_parse(cudnnBackendDescriptor_t *out, cudnnBackendDescriptor_t graph,
                                const char *text);

vg_status vg_cudnn_plan(cudnnBackendDescriptor_t *out, int64_t *workspace, cudnnHandle_t handle,
                        cudnnBackendDescriptor_t config);

/* `workspace` at least as large as the plan said. */
vg_status vg_cudnn_execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                           const vg_cuda_problem *p, const vg_cuda_operands *o, void *workspace);

#endif
