#include "cuda/clip.h"

typedef cudaError_t (*list_fn)(const vg_cuda_list *list, void *arg, cudaStream_t stream);

/* Hands the tensors' memory to fn in lists of what fits into a launch. */
static vg_status in_lists(vg_device *d, int n, vg_tensor *const *x, list_fn fn, void *arg) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_list list = {.n = 0};
  vg_status st = VG_OK;
  for (int i = 0; i < n; i++) {
    list.data[list.n] = vg_data(x[i]);
    list.size[list.n++] = vg_physical_n(x[i]);
    if (list.n < VG_CUDA_LIST && i < n - 1) continue;
    VG_TRY(VG_CUDA(fn(&list, arg, s)));
    list.n = 0;
  }
done:
  return st;
}

typedef struct sum_arg {
  double *sum, *partial;
  bool first;
} sum_arg;

static cudaError_t add_squares(const vg_cuda_list *list, void *arg_, cudaStream_t s) {
  sum_arg *arg = arg_;
  cudaError_t e = vg_cuda_list_squares(list, arg->sum, arg->partial, arg->first, s);
  arg->first = false;
  return e;
}

vg_status vg_cuda_squares(vg_device *d, int n, vg_tensor *const *x, vg_tensor *sum, bool first) {
  vg_buf partial = {0};
  sum_arg arg = {.sum = vg_data(sum), .first = first};
  vg_status st;
  VG_TRY(vg_buf_take(&partial, d, VG_CUDA_LIST * VG_CUDA_LIST_PARTS * sizeof(double)));
  arg.partial = partial.ptr;
  VG_TRY(in_lists(d, n, x, add_squares, &arg));
done:
  vg_buf_give(&partial);
  return st;
}

vg_status vg_cuda_root(vg_device *d, vg_tensor *norm, const vg_tensor *sum) {
  return VG_CUDA(vg_cuda_root_of(vg_data(norm), vg_data(sum), vg_cuda_stream(d)));
}

typedef struct clip_arg {
  const double *sum;
  double bound;
} clip_arg;

static cudaError_t clip(const vg_cuda_list *list, void *arg_, cudaStream_t s) {
  const clip_arg *arg = arg_;
  return vg_cuda_list_clip(list, arg->sum, arg->bound, s);
}

vg_status vg_cuda_clip_by(vg_device *d, int n, vg_tensor *const *x, const vg_tensor *sum,
                          double bound) {
  clip_arg arg = {vg_data(sum), bound};
  return in_lists(d, n, x, clip, &arg);
}
