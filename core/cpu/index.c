/* Gather, scatter-add, select, select-add. Work is shared out by lanes (all positions outside the
   indexed dimension), so one thread owns every sum and its order is that of the index. */
#include <string.h>

#include "cpu/convert.h"
#include "cpu/cpu.h"

/* A contiguous tensor seen as outer x n x inner around one dimension. */
typedef struct view3 {
  int64_t outer, n, inner;
} view3;

static view3 around(const vg_tensor *t, int dim) {
  view3 v = {1, t->shape[dim], 1};
  for (int d = 0; d < dim; d++) v.outer *= t->shape[d];
  for (int d = dim + 1; d < t->ndim; d++) v.inner *= t->shape[d];
  return v;
}

static vg_status check_range(const char *op, const vg_tensor *index, int64_t n) {
  const int64_t *i = vg_data(index);
  for (int64_t k = 0; k < index->n; k++)
    if (i[k] < 0 || i[k] >= n)
      return vg_fail(VG_EINVAL, "%s: index %lld at position %lld, want 0 to %lld", op,
                     (long long)i[k], (long long)k + 1, (long long)n - 1);
  return VG_OK;
}

/* Offset into x of element 0 along `dim` for lane `lane` of `index` (its shape may be smaller). */
static int64_t lane_start(const vg_tensor *x, const vg_tensor *index, int dim, int64_t lane) {
  int64_t offset = 0;
  for (int d = index->ndim - 1; d >= 0; d--) {
    if (d == dim) continue;
    offset += lane % index->shape[d] * x->stride[d];
    lane /= index->shape[d];
  }
  return offset;
}

static int team_for(const vg_device *d, int64_t n) {
  return n >= VG_CPU_GRAIN ? vg_cpu_threads(d) : 1;
}

static void add_one(vg_dtype dtype, void *y, int64_t to, const void *x, int64_t from) {
  switch (dtype) {
    case VG_F32: ((float *)y)[to] += ((const float *)x)[from]; break;
    case VG_BF16: {
      uint16_t *p = (uint16_t *)y + to;
      *p = vg_f32_to_bf16(vg_bf16_to_f32(*p) + vg_bf16_to_f32(((const uint16_t *)x)[from]));
      break;
    }
    case VG_I64: ((uint64_t *)y)[to] += ((const uint64_t *)x)[from]; break;
    default: {
      uint8_t *p = (uint8_t *)y + to;
      *p = (uint8_t)(*p + ((const uint8_t *)x)[from]);
      break;
    }
  }
}

static vg_status gather(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                        int dim) {
  view3 v = around(index, dim);
  const int64_t *at = vg_data(index);
  size_t size = vg_dtype_size(x->dtype);
  char *to = vg_data(y);
  const char *from = vg_data(x);
  vg_status st;
  VG_TRY(check_range("gather", index, x->shape[dim]));
#pragma omp parallel for schedule(static) num_threads(team_for(d, index->n))
  for (int64_t lane = 0; lane < v.outer * v.inner; lane++) {
    int64_t x0 = lane_start(x, index, dim, lane), y0 = lane / v.inner * v.n * v.inner;
    for (int64_t k = 0; k < v.n; k++) {
      int64_t p = y0 + k * v.inner + lane % v.inner;
      memcpy(to + (size_t)p * size, from + (size_t)(x0 + at[p] * x->stride[dim]) * size, size);
    }
  }
done:
  return st;
}

static vg_status scatter_add(vg_device *d, vg_tensor *y, const vg_tensor *index,
                             const vg_tensor *src, int dim) {
  view3 v = around(index, dim);
  const int64_t *at = vg_data(index);
  vg_status st;
  VG_TRY(check_range("scatter_add", index, y->shape[dim]));
#pragma omp parallel for schedule(static) num_threads(team_for(d, index->n))
  for (int64_t lane = 0; lane < v.outer * v.inner; lane++) {
    int64_t y0 = lane_start(y, index, dim, lane), s0 = lane / v.inner * v.n * v.inner;
    for (int64_t k = 0; k < v.n; k++) {
      int64_t p = s0 + k * v.inner + lane % v.inner;
      add_one(y->dtype, vg_data(y), y0 + at[p] * y->stride[dim], vg_data(src), p);
    }
  }
done:
  return st;
}

static vg_status select_rows(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *index,
                             int dim) {
  view3 v = around(x, dim);
  const int64_t *at = vg_data(index);
  size_t row = (size_t)v.inner * vg_dtype_size(x->dtype);
  char *to = vg_data(y);
  const char *from = vg_data(x);
  vg_status st;
  VG_TRY(check_range("index_select", index, x->shape[dim]));
#pragma omp parallel for schedule(static) num_threads(team_for(d, y->n))
  for (int64_t r = 0; r < v.outer * index->n; r++) {
    int64_t o = r / index->n, k = r % index->n;
    memcpy(to + (size_t)r * row, from + (size_t)(o * v.n + at[k]) * row, row);
  }
done:
  return st;
}

static vg_status select_add(vg_device *d, vg_tensor *y, const vg_tensor *index,
                            const vg_tensor *src, int dim) {
  view3 v = around(y, dim);
  const int64_t *at = vg_data(index);
  int64_t strip = (v.inner + 63) / 64; /* 64 neighbouring lanes a turn */
  vg_status st;
  VG_TRY(check_range("index_select", index, y->shape[dim]));
#pragma omp parallel for schedule(static) num_threads(team_for(d, src->n))
  for (int64_t s = 0; s < v.outer * strip; s++) {
    int64_t o = s / strip, lo = s % strip * 64, hi = lo + 64 < v.inner ? lo + 64 : v.inner;
    for (int64_t k = 0; k < index->n; k++)
      for (int64_t i = lo; i < hi; i++)
        add_one(y->dtype, vg_data(y), (o * v.n + at[k]) * v.inner + i, vg_data(src),
                (o * index->n + k) * v.inner + i);
  }
done:
  return st;
}

const vg_index_vt vg_cpu_index = {.gather = gather,
                                  .scatter_add = scatter_add,
                                  .select = select_rows,
                                  .select_add = select_add,
                                  .topk = vg_cpu_topk};
