/* Copies, and the layout of activations on a GPU: N x H x W x C. A tensor in it is the same as a
   strided one with other strides, so that both directions are copies. */
#include "cuda/walk.h"
#include "tensor/walk.h"

static int64_t elements(const vg_layout *l, int ndim, const int64_t *shape) {
  (void)l;
  return vg_numel(ndim, shape);
}

const vg_layout vg_cuda_nhwc = {.name = "NHWC", .kind = 1, .elements = elements};

void vg_cuda_walk_of(vg_cuda_walk *w, int n, const vg_tensor *const *t) {
  vg_walk plan;
  vg_walk_init(&plan, n, t);
  *w = (vg_cuda_walk){.ndim = plan.ndim, .n = plan.n};
  for (int k = 0; k < n; k++) {
    w->dtype[k] = (int)t[k]->dtype;
    w->base[k] = plan.base[k];
    vg_cuda_touch(t[k]->dev, plan.base[k], k == 0);
  }
  for (int d = 0; d < plan.ndim; d++) {
    w->shape[d] = plan.shape[d];
    for (int k = 0; k < n; k++) w->stride[k][d] = plan.stride[k][d];
  }
}

vg_status vg_cuda_scratch(void **out, vg_buf *b, vg_device *d, size_t bytes) {
  vg_status st;
  VG_TRY(vg_cuda_take(b, d, bytes));
  *out = b->ptr;
done:
  return st;
}

static vg_status copy(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_walk w;
  if (x->n == 0) return VG_OK;
  vg_cuda_walk_of(&w, 2, (const vg_tensor *[]){y, x});
  return VG_CUDA(vg_cuda_copy(&w, s));
}

/* The same memory seen as strided. */
static vg_tensor plain_view(const vg_tensor *t) {
  vg_tensor v = *t;
  int64_t c = t->shape[1], wc = t->shape[3] * c;
  if (!t->layout) return v;
  v.layout = NULL;
  v.stride[0] = t->shape[2] * wc;
  v.stride[1] = 1;
  v.stride[2] = wc;
  v.stride[3] = c;
  return v;
}

static bool is_nhwc(const vg_tensor *t) { return t->layout == &vg_cuda_nhwc; }

static vg_status convert(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  cudaStream_t s = vg_cuda_stream(d);
  int64_t n = x->shape[0], c = x->shape[1], hw = x->shape[2] * x->shape[3];
  bool half = x->dtype == VG_BF16, floats = half || x->dtype == VG_F32;
  vg_tensor to, from;
  if ((y->layout && !is_nhwc(y)) || (x->layout && !is_nhwc(x)) || x->ndim != 4)
    return vg_fail(VG_EINTERNAL, "layout conversion: unknown layout");
  if (x->n == 0) return VG_OK;
  if (floats && is_nhwc(y) && vg_is_contiguous(x))
    return VG_CUDA(vg_cuda_pack_nhwc(vg_cuda_data(y), half, vg_cuda_data(x), half, n, c, c, hw, s));
  if (floats && is_nhwc(x) && vg_is_contiguous(y))
    return VG_CUDA(
        vg_cuda_unpack_nhwc(vg_cuda_data(y), half, vg_cuda_data(x), half, n, c, c, hw, s));
  to = plain_view(y);
  from = plain_view(x);
  return copy(d, &to, &from);
}

const vg_layout_vt vg_cuda_layout = {.copy = copy, .convert = convert};
