/* Plans of convolutions: found once, timed on the buffers of the call that asks first, remembered
   in memory and in a file named after the GPU and the version of cuDNN. */
#ifndef VG_CUDA_TUNER_H
#define VG_CUDA_TUNER_H

#include "base/text.h"
#include "cuda/graph.h"

enum { VG_CUDA_PATIENCE = 4 };

typedef struct vg_cuda_plan {
  char key[160];    /* "forward bf16 128x64x32x32 w64x3x3 s1x1 p1x1 d1x1 g1" */
  char config[640]; /* of vg_cudnn_config_text; "none": no engine supports it */
  double ms;        /* one run; 0: not measured */
  vg_cuda_problem problem;
  bool bound; /* `problem` is filled in */
  bool ready; /* `plan` was built, or is not to be had: then NULL */
  int asked;  /* with statistics: convolutions that make them before nobody having used any ends
                 it; VG_CUDA_PATIENCE when somebody has */
  cudnnBackendDescriptor_t plan;
  int64_t workspace;
  struct vg_cuda_plan *next, *same_hash;
} vg_cuda_plan;

/* The plan for a problem; (*out)->plan is NULL when cuDNN has none. The first time it may run
   several of them on `o`, whose output is overwritten. VG_ESTATE while a step is captured and the
   plan is not yet there. */
vg_status vg_cuda_plan_find(const vg_cuda_plan **out, vg_device *d, const vg_cuda_problem *p,
                            const vg_cuda_operands *o);

/* What is known of a problem so far; its plan was perhaps never looked for. */
vg_status vg_cuda_plan_entry(vg_cuda_plan **out, vg_device *d, const vg_cuda_problem *p);

/* From now on, and in the file, there is no plan for this problem: something else is faster. */
void vg_cuda_plan_refuse(vg_device *d, const vg_cuda_plan *plan);

/* On the handle's stream. NULL workspace: one from the pool, for the device's own stream only. */
vg_status vg_cuda_plan_run(vg_device *d, const vg_cuda_plan *plan, const vg_cuda_operands *o,
                           const vg_buf *workspace);

/* Lines `problem=configuration`, see vg_conv_vt; of the problems with statistics those that are
   asked for, `problem=wanted` before there was a plan. */
vg_status vg_cuda_choices(vg_device *d, vg_text *out);
vg_status vg_cuda_set_choices(vg_device *d, const char *text);

#endif
