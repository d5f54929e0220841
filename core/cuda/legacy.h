/* Convolutions for which the graph API has no plan: by cuDNN's older calls, in f32 and NCHW, which
   know every case. Slow: everything is brought there and back. */
#ifndef VG_CUDA_LEGACY_H
#define VG_CUDA_LEGACY_H

#include "cuda/graph.h"

vg_status vg_cuda_conv_legacy(vg_device *d, const vg_cuda_problem *p, const vg_cuda_operands *o);

#endif
