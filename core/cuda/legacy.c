#include "cuda/legacy.h"

enum { X, W, Y, TENSORS, ALGORITHMS = 10 };
static const size_t MOST_WORKSPACE = (size_t)512 << 20;

typedef struct call {
  cudnnHandle_t handle;
  cudnnTensorDescriptor_t x, y;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t conv;
  vg_buf plain[TENSORS], workspace; /* f32, NCHW or KCRS */
  size_t workspace_bytes;
} call;

static void close_call(call *c) {
  if (c->x) cudnnDestroyTensorDescriptor(c->x);
  if (c->y) cudnnDestroyTensorDescriptor(c->y);
  if (c->w) cudnnDestroyFilterDescriptor(c->w);
  if (c->conv) cudnnDestroyConvolutionDescriptor(c->conv);
  for (int i = 0; i < TENSORS; i++) vg_buf_give(&c->plain[i]);
  vg_buf_give(&c->workspace);
}

static vg_status describe(call *c, const vg_cuda_problem *p) {
  const cudnnDataType_t f = CUDNN_DATA_FLOAT;
  vg_status st;
  VG_TRY(VG_CUDNN(cudnnCreateTensorDescriptor(&c->x)));
  VG_TRY(VG_CUDNN(cudnnCreateTensorDescriptor(&c->y)));
  VG_TRY(VG_CUDNN(cudnnCreateFilterDescriptor(&c->w)));
  VG_TRY(VG_CUDNN(cudnnCreateConvolutionDescriptor(&c->conv)));
  VG_TRY(VG_CUDNN(cudnnSetTensor4dDescriptor(c->x, CUDNN_TENSOR_NCHW, f, p->n, p->c, p->h, p->w)));
  VG_TRY(VG_CUDNN(cudnnSetTensor4dDescriptor(c->y, CUDNN_TENSOR_NCHW, f, p->n, p->k, p->p, p->q)));
  VG_TRY(VG_CUDNN(
      cudnnSetFilter4dDescriptor(c->w, f, CUDNN_TENSOR_NCHW, p->k, p->c / p->groups, p->r, p->s)));
  VG_TRY(VG_CUDNN(cudnnSetConvolution2dDescriptor(c->conv, p->pad[0], p->pad[1], p->stride[0],
                                                  p->stride[1], p->dilation[0], p->dilation[1],
                                                  CUDNN_CROSS_CORRELATION, f)));
  VG_TRY(VG_CUDNN(cudnnSetConvolutionGroupCount(c->conv, p->groups)));
  VG_TRY(VG_CUDNN(
      cudnnSetConvolutionMathType(c->conv, p->exact ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH)));
done:
  return st;
}

/* ---- there and back ---- */

typedef struct side { /* of one operand */
  void *memory;
  bool bf16;
  int64_t images, channels, pixels;
} side;

static side side_of(const vg_cuda_problem *p, const vg_cuda_operands *o, int which) {
  if (which == W) return (side){o->w, p->w_bf16, p->k, p->c / p->groups, (int64_t)p->r * p->s};
  return which == X ? (side){o->x, p->bf16, p->n, p->c, (int64_t)p->h * p->w}
                    : (side){o->y, p->bf16, p->n, p->k, (int64_t)p->p * p->q};
}

static int written(const vg_cuda_problem *p) {
  return p->pass == VG_PASS_FWD ? Y : p->pass == VG_PASS_DATA ? X : W;
}

static vg_status bring(call *c, vg_device *d, const vg_cuda_problem *p, const vg_cuda_operands *o) {
  vg_status st = VG_OK;
  for (int i = 0; i < TENSORS; i++) {
    side s = side_of(p, o, i);
    VG_TRY(vg_cuda_take(&c->plain[i], d, (size_t)(s.images * s.channels * s.pixels) * 4));
    if (i != written(p))
      VG_TRY(VG_CUDA(vg_cuda_unpack_nhwc(c->plain[i].ptr, false, s.memory, s.bf16, s.images,
                                         s.channels, s.channels, s.pixels, vg_cuda_stream(d))));
  }
done:
  return st;
}

static vg_status take_back(call *c, vg_device *d, const vg_cuda_problem *p,
                           const vg_cuda_operands *o) {
  side s = side_of(p, o, written(p));
  return VG_CUDA(vg_cuda_pack_nhwc(s.memory, s.bf16, c->plain[written(p)].ptr, false, s.images,
                                   s.channels, s.channels, s.pixels, vg_cuda_stream(d)));
}

/* ---- the three calls: the first algorithm that promises one result and fits ---- */

#define VG_PICK(perf, n, out)                                                                \
  do {                                                                                       \
    int i_ = 0;                                                                              \
    while (i_ < (n) && !((perf)[i_].status == CUDNN_STATUS_SUCCESS &&                        \
                         (perf)[i_].determinism == CUDNN_DETERMINISTIC &&                    \
                         (perf)[i_].memory <= MOST_WORKSPACE))                               \
      i_++;                                                                                  \
    if (i_ == (n)) return vg_fail(VG_EUNSUPPORTED, "conv2d: cuDNN has no algorithm for it"); \
    *(out) = (perf)[i_].algo;                                                                \
  } while (0)

static vg_status forward(call *c, vg_device *d) {
  cudnnConvolutionFwdAlgoPerf_t perf[ALGORITHMS];
  cudnnConvolutionFwdAlgo_t algo;
  const float one = 1, zero = 0;
  int n = 0;
  vg_status st;
  VG_TRY(VG_CUDNN(cudnnGetConvolutionForwardAlgorithm_v7(c->handle, c->x, c->w, c->conv, c->y,
                                                         ALGORITHMS, &n, perf)));
  VG_PICK(perf, n, &algo);
  VG_TRY(VG_CUDNN(cudnnGetConvolutionForwardWorkspaceSize(c->handle, c->x, c->w, c->conv, c->y,
                                                          algo, &c->workspace_bytes)));
  if (c->workspace_bytes) VG_TRY(vg_cuda_take(&c->workspace, d, c->workspace_bytes));
  VG_TRY(VG_CUDNN(cudnnConvolutionForward(c->handle, &one, c->x, c->plain[X].ptr, c->w,
                                          c->plain[W].ptr, c->conv, algo, c->workspace.ptr,
                                          c->workspace_bytes, &zero, c->y, c->plain[Y].ptr)));
done:
  return st;
}

static vg_status backward_data(call *c, vg_device *d) {
  cudnnConvolutionBwdDataAlgoPerf_t perf[ALGORITHMS];
  cudnnConvolutionBwdDataAlgo_t algo;
  const float one = 1, zero = 0;
  int n = 0;
  vg_status st;
  VG_TRY(VG_CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7(c->handle, c->w, c->y, c->conv, c->x,
                                                              ALGORITHMS, &n, perf)));
  VG_PICK(perf, n, &algo);
  VG_TRY(VG_CUDNN(cudnnGetConvolutionBackwardDataWorkspaceSize(c->handle, c->w, c->y, c->conv, c->x,
                                                               algo, &c->workspace_bytes)));
  if (c->workspace_bytes) VG_TRY(vg_cuda_take(&c->workspace, d, c->workspace_bytes));
  VG_TRY(VG_CUDNN(cudnnConvolutionBackwardData(c->handle, &one, c->w, c->plain[W].ptr, c->y,
                                               c->plain[Y].ptr, c->conv, algo, c->workspace.ptr,
                                               c->workspace_bytes, &zero, c->x, c->plain[X].ptr)));
done:
  return st;
}

static vg_status backward_weight(call *c, vg_device *d) {
  cudnnConvolutionBwdFilterAlgoPerf_t perf[ALGORITHMS];
  cudnnConvolutionBwdFilterAlgo_t algo;
  const float one = 1, zero = 0;
  int n = 0;
  vg_status st;
  VG_TRY(VG_CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7(c->handle, c->x, c->y, c->conv,
                                                                c->w, ALGORITHMS, &n, perf)));
  VG_PICK(perf, n, &algo);
  VG_TRY(VG_CUDNN(cudnnGetConvolutionBackwardFilterWorkspaceSize(c->handle, c->x, c->y, c->conv,
                                                                 c->w, algo, &c->workspace_bytes)));
  if (c->workspace_bytes) VG_TRY(vg_cuda_take(&c->workspace, d, c->workspace_bytes));
  VG_TRY(VG_CUDNN(cudnnConvolutionBackwardFilter(
      c->handle, &one, c->x, c->plain[X].ptr, c->y, c->plain[Y].ptr, c->conv, algo,
      c->workspace.ptr, c->workspace_bytes, &zero, c->w, c->plain[W].ptr)));
done:
  return st;
}

vg_status vg_cuda_conv_legacy(vg_device *d, const vg_cuda_problem *p, const vg_cuda_operands *o) {
  static vg_status (*const pass[])(call *, vg_device *) = {forward, backward_data, backward_weight};
  call c = {0};
  vg_status st;
  VG_TRY(vg_cuda_dnn(&c.handle, d));
  VG_TRY(describe(&c, p));
  VG_TRY(bring(&c, d, p, o));
  VG_TRY(pass[p->pass](&c, d));
  VG_TRY(take_back(&c, d, p, o));
done:
  close_call(&c);
  return st;
}
