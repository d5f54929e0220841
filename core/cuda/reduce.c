/* Reductions: groups of dimensions, and the cut into parts. */
#include "cuda/walk.h"
#include "tensor/walk.h"

static vg_cuda_group group(const vg_group *g) {
  vg_cuda_group out = {.ndim = g->ndim, .n = g->n};
  for (int d = 0; d < g->ndim; d++) {
    out.shape[d] = g->shape[d];
    out.stride[d] = g->stride[d];
  }
  return out;
}

/* The kept dimension is the inner one in memory. */
static bool by_columns(const vg_group *kept, const vg_group *reduced) {
  int64_t inner = kept->stride[kept->ndim - 1], along = reduced->stride[reduced->ndim - 1];
  return kept->shape[kept->ndim - 1] >= 8 && reduced->n > 1 && inner > 0 &&
         (along <= 0 || inner < along);
}

/* Parts enough to fill a GPU, none shorter than is worth a team; from the shape alone. */
static void cut(vg_cuda_reduction *r) {
  int64_t outputs = r->columns ? (r->kept.n + 31) / 32 : r->kept.n,
          shortest = r->columns ? 64 : 4096;
  int64_t most = 1024 / (outputs < 1024 ? outputs : 1024),
          parts = (r->reduced.n + shortest - 1) / shortest;
  if (parts > most) parts = most;
  if (parts < 1) parts = 1;
  r->length = (r->reduced.n + parts - 1) / parts;
  if (r->length < 1) r->length = 1;
  r->parts = (r->reduced.n + r->length - 1) / r->length;
  if (r->parts < 1) r->parts = 1;
}

static bool defined(vg_reduction op, vg_dtype dtype) {
  bool whole = dtype == VG_I64 || dtype == VG_U8;
  return !whole || (op != VG_MEAN && op != VG_VAR && op != VG_NORM2);
}

static vg_status reduce(vg_device *d, vg_reduction op, vg_scalars s, vg_tensor *y,
                        const vg_tensor *x, const vg_reduce_dims *dims) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_group kept = {.n = 1}, reduced = {.n = 1};
  vg_cuda_reduction r = {.x_dtype = (int)x->dtype, .y_dtype = (int)y->dtype, .correction = s.a};
  vg_buf b = {0};
  void *parts = NULL;
  vg_status st = VG_OK;
  if (!defined(op, x->dtype))
    return vg_fail(VG_EDTYPE, "reduction: not defined for %s", vg_dtype_name(x->dtype));
  for (int i = 0; i < x->ndim; i++)
    vg_group_add(dims->reduced[i] ? &reduced : &kept, x->shape[i], x->stride[i]);
  vg_group_close(&kept);
  vg_group_close(&reduced);
  if (kept.n == 0) return VG_OK;
  r.kept = group(&kept);
  r.reduced = group(&reduced);
  r.columns = by_columns(&kept, &reduced);
  r.x = vg_cuda_data(x);
  r.y = vg_cuda_data(y);
  cut(&r);
  if (r.parts > 1)
    VG_TRY(vg_cuda_scratch(&parts, &b, d, (size_t)(r.kept.n * r.parts) * VG_CUDA_PART_BYTES));
  VG_TRY(VG_CUDA(vg_cuda_reduce_run(&r, (int)op, parts, stream)));
done:
  vg_buf_give(&b);
  return st;
}

const vg_reduce_vt vg_cuda_reduce = {.reduce = reduce};
