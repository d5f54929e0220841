/* The calls of cuDNN from before graphs, used where no graph is supported. */
#include <string.h>

#include "dnn.h"

struct cudnnTensorStruct {
  shim_object object;
  bool set;
  shim_tensor t;
};

struct cudnnFilterStruct {
  shim_object object;
  bool set;
  shim_tensor t;
};

struct cudnnConvolutionStruct {
  shim_object object;
  bool set;
  shim_window window;
  int groups;
  cudnnMathType_t math;
};

enum { WORKSPACE = 123456 };

/* ---- descriptors ---- */

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *out) {
  shim_lock();
  *out = shim_object_new(SHIM_DNN_TENSOR, sizeof **out, "cudnnCreateTensorDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t t) {
  shim_lock();
  shim_object_end(t, SHIM_DNN_TENSOR, "cudnnDestroyTensorDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *out) {
  shim_lock();
  *out = shim_object_new(SHIM_DNN_FILTER, sizeof **out, "cudnnCreateFilterDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t t) {
  shim_lock();
  shim_object_end(t, SHIM_DNN_FILTER, "cudnnDestroyFilterDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *out) {
  shim_lock();
  *out = shim_object_new(SHIM_DNN_CONV, sizeof **out, "cudnnCreateConvolutionDescriptor");
  (*out)->groups = 1;
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t c) {
  shim_lock();
  shim_object_end(c, SHIM_DNN_CONV, "cudnnDestroyConvolutionDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

static shim_tensor packed(cudnnTensorFormat_t format, cudnnDataType_t type, const int dim[4],
                          const char *call) {
  shim_tensor t = {.bf16 = type == CUDNN_DATA_BFLOAT16};
  if (type != CUDNN_DATA_FLOAT && type != CUDNN_DATA_BFLOAT16)
    shim_violation("%s: data type %d is not known here", call, (int)type);
  if (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC)
    shim_violation("%s: format %d", call, (int)format);
  for (int i = 0; i < 4; i++) {
    t.dim[i] = dim[i];
    if (dim[i] < 1) shim_violation("%s: dimension %d is %d", call, i, dim[i]);
  }
  t.stride[0] = t.dim[1] * t.dim[2] * t.dim[3];
  t.stride[1] = format == CUDNN_TENSOR_NCHW ? t.dim[2] * t.dim[3] : 1;
  t.stride[2] = format == CUDNN_TENSOR_NCHW ? t.dim[3] : t.dim[3] * t.dim[1];
  t.stride[3] = format == CUDNN_TENSOR_NCHW ? 1 : t.dim[1];
  return t;
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t d, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  const int dim[4] = {n, c, h, w};
  shim_lock();
  shim_live(d, SHIM_DNN_TENSOR, "cudnnSetTensor4dDescriptor");
  d->t = packed(format, type, dim, "cudnnSetTensor4dDescriptor");
  d->set = true;
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t d, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  const int dim[4] = {k, c, h, w};
  shim_lock();
  shim_live(d, SHIM_DNN_FILTER, "cudnnSetFilter4dDescriptor");
  d->t = packed(format, type, dim, "cudnnSetFilter4dDescriptor");
  d->set = true;
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t d, int pad_h, int pad_w,
                                              int u, int v, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  shim_lock();
  shim_live(d, SHIM_DNN_CONV, "cudnnSetConvolution2dDescriptor");
  if (pad_h < 0 || pad_w < 0 || u < 1 || v < 1 || dilation_h < 1 || dilation_w < 1)
    shim_violation("cudnnSetConvolution2dDescriptor: padding, stride or dilation out of range");
  if (compute != CUDNN_DATA_FLOAT)
    shim_violation("cudnnSetConvolution2dDescriptor: compute type %d", (int)compute);
  d->window =
      (shim_window){{u, v}, {pad_h, pad_w}, {dilation_h, dilation_w}, mode == CUDNN_CONVOLUTION};
  d->set = true;
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t d, int groups) {
  shim_live(d, SHIM_DNN_CONV, "cudnnSetConvolutionGroupCount");
  d->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t math) {
  shim_live(d, SHIM_DNN_CONV, "cudnnSetConvolutionMathType");
  d->math = math;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- the rules ---- */

static void check(const struct cudnnTensorStruct *x, const struct cudnnFilterStruct *w,
                  const struct cudnnConvolutionStruct *c, const struct cudnnTensorStruct *y,
                  const char *call) {
  shim_live(x, SHIM_DNN_TENSOR, call);
  shim_live(w, SHIM_DNN_FILTER, call);
  shim_live(c, SHIM_DNN_CONV, call);
  shim_live(y, SHIM_DNN_TENSOR, call);
  if (!x->set || !w->set || !c->set || !y->set) shim_violation("%s: a descriptor never set", call);
  if (x->t.bf16 != w->t.bf16 || x->t.bf16 != y->t.bf16)
    shim_violation("%s: one type for images and weights is wanted", call);
  if (x->t.dim[1] != w->t.dim[1] * c->groups || w->t.dim[0] % c->groups)
    shim_violation("%s: channels, weights and groups do not fit", call);
  if (y->t.dim[0] != x->t.dim[0] || y->t.dim[1] != w->t.dim[0])
    shim_violation("%s: y has another number of images or channels", call);
  for (int i = 0; i < 2; i++) {
    int64_t span = (w->t.dim[2 + i] - 1) * c->window.dilation[i] + 1;
    if (y->t.dim[2 + i] !=
        (x->t.dim[2 + i] + 2 * c->window.pad[i] - span) / c->window.stride[i] + 1)
      shim_violation("%s: y has another size", call);
  }
}

static cudnnStatus_t workspace_of(int algorithm, size_t *bytes, const char *call) {
  cudnnStatus_t e = shim_enter(call) ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
  *bytes = algorithm == 1 ? WORKSPACE : 0; /* IMPLICIT_PRECOMP_GEMM, ALGO_1 */
  return e;
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t h, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w,
                                                      cudnnConvolutionDescriptor_t c,
                                                      cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algo,
                                                      size_t *bytes) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  return workspace_of((int)algo, bytes, __func__);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t h, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t c, cudnnTensorDescriptor_t x, cudnnConvolutionBwdDataAlgo_t algo,
    size_t *bytes) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  return workspace_of((int)algo, bytes, __func__);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t h, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t c, cudnnFilterDescriptor_t w, cudnnConvolutionBwdFilterAlgo_t algo,
    size_t *bytes) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  return workspace_of((int)algo, bytes, __func__);
}

/* ---- running ---- */

typedef struct conv_work {
  shim_work work;
  shim_pass pass;
  shim_tensor x, w, y;
  shim_window window;
  float alpha, beta;
  shim_rounding rounding;
  void *workspace;
  size_t bytes;
} conv_work;

static void run(shim_work *work) {
  conv_work *v = (conv_work *)work;
  shim_check_device(v->x.data, (size_t)shim_extent(&v->x), 0, work->what, "x");
  shim_check_device(v->w.data, (size_t)shim_extent(&v->w), 0, work->what, "w");
  shim_check_device(v->y.data, (size_t)shim_extent(&v->y), 0, work->what, "y");
  if (v->bytes) memset(v->workspace, 0xff, v->bytes);
  shim_convolve(v->pass, &v->x, &v->w, &v->y, &v->window, (double)v->alpha, (double)v->beta,
                v->rounding, false);
}

/* TENSOR_OP_MATH does not convert f32; DEFAULT_MATH may use TF32; FMA_MATH never. */
static cudnnStatus_t give(cudnnHandle_t h, shim_pass pass, const struct cudnnTensorStruct *x,
                          const void *xp, const struct cudnnFilterStruct *w, const void *wp,
                          const struct cudnnTensorStruct *y, const void *yp,
                          const struct cudnnConvolutionStruct *c, int algo, void *workspace,
                          size_t bytes, const void *alpha, const void *beta, const char *call) {
  cudnnStatus_t e = CUDNN_STATUS_SUCCESS;
  cudaStream_t stream;
  conv_work *v;
  shim_lock();
  stream = dnn_stream(h, call);
  check(x, w, c, y, call);
  if (algo == 1 && bytes < WORKSPACE) shim_violation("%s: too little workspace", call);
  if (algo == 1) shim_check_device(workspace, bytes, 16, call, "the workspace");
  if (shim_enter(call)) {
    shim_unlock();
    return CUDNN_STATUS_EXECUTION_FAILED;
  }
  v = shim_work_new(sizeof *v, call, run);
  v->work.cost = 0.8;
  v->pass = pass;
  v->x = x->t;
  v->w = w->t;
  v->y = y->t;
  v->x.data = (void *)(uintptr_t)xp;
  v->w.data = (void *)(uintptr_t)wp;
  v->y.data = (void *)(uintptr_t)yp;
  v->window = c->window;
  memcpy(&v->alpha, alpha, 4);
  memcpy(&v->beta, beta, 4);
  v->rounding = c->math == CUDNN_FMA_MATH || x->t.bf16 ? SHIM_EXACT : SHIM_TF32;
  v->workspace = workspace;
  v->bytes = algo == 1 ? (size_t)WORKSPACE : 0;
  shim_check_device(xp, (size_t)shim_extent(&v->x), 4, call, "x");
  shim_check_device(wp, (size_t)shim_extent(&v->w), 4, call, "w");
  shim_check_device(yp, (size_t)shim_extent(&v->y), 4, call, "y");
  shim_submit(stream, &v->work);
  shim_unlock();
  return e;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t h, const void *alpha, cudnnTensorDescriptor_t x,
                                      const void *xp, cudnnFilterDescriptor_t w, const void *wp,
                                      cudnnConvolutionDescriptor_t c,
                                      cudnnConvolutionFwdAlgo_t algo, void *workspace, size_t bytes,
                                      const void *beta, cudnnTensorDescriptor_t y, void *yp) {
  return give(h, SHIM_FORWARD, x, xp, w, wp, y, yp, c, (int)algo, workspace, bytes, alpha, beta,
              __func__);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t h, const void *alpha,
                                           cudnnFilterDescriptor_t w, const void *wp,
                                           cudnnTensorDescriptor_t y, const void *yp,
                                           cudnnConvolutionDescriptor_t c,
                                           cudnnConvolutionBwdDataAlgo_t algo, void *workspace,
                                           size_t bytes, const void *beta,
                                           cudnnTensorDescriptor_t x, void *xp) {
  return give(h, SHIM_BACKWARD_DATA, x, xp, w, wp, y, yp, c, (int)algo, workspace, bytes, alpha,
              beta, __func__);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t h, const void *alpha,
                                             cudnnTensorDescriptor_t x, const void *xp,
                                             cudnnTensorDescriptor_t y, const void *yp,
                                             cudnnConvolutionDescriptor_t c,
                                             cudnnConvolutionBwdFilterAlgo_t algo, void *workspace,
                                             size_t bytes, const void *beta,
                                             cudnnFilterDescriptor_t w, void *wp) {
  return give(h, SHIM_BACKWARD_FILTER, x, xp, w, wp, y, yp, c, (int)algo, workspace, bytes, alpha,
              beta, __func__);
}

/* ---- which algorithms there are: one that fails, one that is not deterministic, one that is ----
 */

#define ALGORITHMS_OF(type, count, result, fast, right)                                       \
  do {                                                                                        \
    const type list[3] = {                                                                    \
        {.algo = fast, .status = CUDNN_STATUS_NOT_SUPPORTED, .time = -1},                     \
        {.algo = fast, .determinism = CUDNN_NON_DETERMINISTIC, .time = 1},                    \
        {.algo = right, .determinism = CUDNN_DETERMINISTIC, .memory = WORKSPACE, .time = 2}}; \
    for (*(count) = 0; *(count) < 3 && *(count) < wanted; ++*(count))                         \
      (result)[*(count)] = list[*(count)];                                                    \
  } while (0)

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t h, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t c, const cudnnTensorDescriptor_t y, const int wanted,
    int *count, cudnnConvolutionFwdAlgoPerf_t *result) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  if (shim_enter(__func__)) return CUDNN_STATUS_NOT_SUPPORTED;
  ALGORITHMS_OF(cudnnConvolutionFwdAlgoPerf_t, count, result,
                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t h, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t c, const cudnnTensorDescriptor_t x, const int wanted,
    int *count, cudnnConvolutionBwdDataAlgoPerf_t *result) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  if (shim_enter(__func__)) return CUDNN_STATUS_NOT_SUPPORTED;
  ALGORITHMS_OF(cudnnConvolutionBwdDataAlgoPerf_t, count, result, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0,
                CUDNN_CONVOLUTION_BWD_DATA_ALGO_1);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t h, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t c, const cudnnFilterDescriptor_t w, const int wanted,
    int *count, cudnnConvolutionBwdFilterAlgoPerf_t *result) {
  dnn_handle(h, __func__);
  check(x, w, c, y, __func__);
  if (shim_enter(__func__)) return CUDNN_STATUS_NOT_SUPPORTED;
  ALGORITHMS_OF(cudnnConvolutionBwdFilterAlgoPerf_t, count, result,
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1);
  return CUDNN_STATUS_SUCCESS;
}
