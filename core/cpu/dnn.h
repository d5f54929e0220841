/* oneDNN behind the few calls the kernels need. Everything that depends on its version is here and
   in dnn.c. Primitives are made once per problem and kept with the device. */
#ifndef VG_CPU_DNN_H
#define VG_CPU_DNN_H

#include "vgglua/backend.h"

typedef enum vg_conv_pass { VG_CONV_FWD, VG_CONV_BWD_DATA, VG_CONV_BWD_WEIGHT } vg_conv_pass;
typedef enum vg_dnn_algorithm { VG_DNN_DIRECT, VG_DNN_WINOGRAD } vg_dnn_algorithm;

/* One convolution. Zero-initialise: the whole struct is the key of the cache. */
typedef struct vg_conv_problem {
  int32_t pass, algorithm;
  int32_t block_x, block_y; /* channels in a block, 0: plain NCHW */
  int32_t bias, threads;
  int64_t n, c, h, w, k, r, s, p, q;
  int32_t stride[2], pad[2], dilation[2];
  int32_t groups, unused;
} vg_conv_problem;

/* Whether oneDNN has this algorithm for this problem (makes the primitive on the way). */
bool vg_dnn_conv_has(vg_device *d, const vg_conv_problem *c);
/* fwd: y from x, w, bias. bwd_data: x (the gradient) from y, w. bwd_weight: w, bias from x, y.
   w is plain K x C/groups x R x S; bias may be NULL when problem.bias is 0. */
vg_status vg_dnn_conv(vg_device *d, const vg_conv_problem *c, const float *x, const float *w,
                      const float *bias, const float *y);

/* Row-major C = alpha op(A) op(B) + beta C; ta, tb: 'N' or 'T'. Uses the team unless it is called
   from inside a parallel region. */
vg_status vg_dnn_sgemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                       float *c, int64_t ldc);

/* "oneDNN 2.6.3" for reports and for the name of the file of choices. */
const char *vg_dnn_version(void);

#endif
