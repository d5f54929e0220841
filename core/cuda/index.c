/* Gather, scatter-add, select, select-add, the k largest. Indices are checked on the device before
   anything is changed, and the first wrong one is named. While a step is captured nothing can be
   read: kernels then leave out what is out of range. */
#include "cuda/walk.h"

static vg_status check_range(vg_device *d, const char *op, const vg_tensor *index, int64_t n) {
  cudaStream_t s = vg_cuda_stream(d);
  const int64_t *at = vg_cuda_data(index);
  vg_cuda_fault fault;
  int64_t first, value;
  vg_status st;
  VG_TRY(VG_CUDA(vg_cuda_check_index(at, index->n, n, vg_cuda_state(d)->fault, s)));
  VG_TRY(vg_cuda_take_fault(d, &fault));
  if (!fault.code) return VG_OK;
  first = (int64_t)~fault.position;
  VG_TRY(d->be->memory->read(d, &value, at + first, sizeof value));
  return vg_fail(VG_EINVAL, "%s: index %lld at position %lld, want 0 to %lld", op, (long long)value,
                 (long long)first + 1, (long long)n - 1);
done:
  return st;
}

/* `index` and what has its shape are contiguous; `other` has any strides. */
static vg_cuda_gather_plan plan(const vg_tensor *index, const vg_tensor *other, int dim) {
  vg_cuda_gather_plan p = {.count = index->shape[dim],
                           .limit = other->shape[dim],
                           .stride = other->stride[dim],
                           .index_stride = 1,
                           .lanes.n = 1};
  int64_t step = 1;
  for (int k = index->ndim - 1; k >= 0; k--) {
    if (k == dim) p.index_stride = step;
    step *= index->shape[k];
  }
  step = p.index_stride * p.count;
  for (int k = 0; k < index->ndim; k++) {
    int64_t stride = 1;
    if (k == dim) continue;
    for (int j = k + 1; j < index->ndim; j++) stride *= index->shape[j];
    p.lanes.shape[p.lanes.ndim] = index->shape[k];
    p.lanes.stride[0][p.lanes.ndim] = stride;
    p.lanes.stride[1][p.lanes.ndim++] = other->stride[k];
    p.lanes.n *= index->shape[k];
  }
  if (p.lanes.ndim == 0) p.lanes.shape[p.lanes.ndim++] = 1;
  return p;
}

static vg_status gather(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                        int dim) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_gather_plan p = plan(index, x, dim);
  vg_status st;
  VG_TRY(check_range(d, "gather", index, x->shape[dim]));
  VG_TRY(VG_CUDA(
      vg_cuda_gather(vg_cuda_data(y), vg_cuda_data(x), vg_cuda_data(index), (int)x->dtype, &p, s)));
done:
  return st;
}

static vg_status scatter_add(vg_device *d, vg_tensor *y, const vg_tensor *index,
                             const vg_tensor *src, int dim) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_gather_plan p = plan(index, y, dim);
  vg_status st;
  VG_TRY(check_range(d, "scatter_add", index, y->shape[dim]));
  VG_TRY(VG_CUDA(vg_cuda_scatter_add(vg_cuda_data(y), vg_cuda_data(index), vg_cuda_data(src),
                                     (int)y->dtype, &p, s)));
done:
  return st;
}

static vg_cuda_lanes around(const vg_tensor *t, int dim, int64_t count) {
  vg_cuda_lanes l = {.outer = 1, .n = t->shape[dim], .inner = 1, .count = count};
  for (int k = 0; k < dim; k++) l.outer *= t->shape[k];
  for (int k = dim + 1; k < t->ndim; k++) l.inner *= t->shape[k];
  return l;
}

static vg_status select_rows(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                             int dim) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_status st;
  VG_TRY(check_range(d, "index_select", index, x->shape[dim]));
  VG_TRY(VG_CUDA(vg_cuda_select(vg_cuda_data(y), vg_cuda_data(x), vg_cuda_data(index),
                                (int)x->dtype, around(x, dim, index->n), s)));
done:
  return st;
}

static vg_status select_add(vg_device *d, vg_tensor *y, const vg_tensor *index,
                            const vg_tensor *src, int dim) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_status st;
  VG_TRY(check_range(d, "index_select", index, y->shape[dim]));
  VG_TRY(VG_CUDA(vg_cuda_select_add(vg_cuda_data(y), vg_cuda_data(index), vg_cuda_data(src),
                                    (int)y->dtype, around(y, dim, index->n), s)));
done:
  return st;
}

static vg_status topk(vg_device *d, vg_tensor *values, vg_tensor *indices, const vg_tensor *x,
                      int dim, bool largest) {
  cudaStream_t s = vg_cuda_stream(d);
  return VG_CUDA(vg_cuda_topk(vg_cuda_data(values), vg_cuda_data(indices), vg_cuda_data(x),
                              (int)x->dtype, around(x, dim, values->shape[dim]), largest, s));
}

const vg_index_vt vg_cuda_index = {.gather = gather,
                                   .scatter_add = scatter_add,
                                   .select = select_rows,
                                   .select_add = select_add,
                                   .topk = topk};
