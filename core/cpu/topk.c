/* The k largest or smallest along a dimension, sorted; NaN counts as the largest, the first of
   equals wins. Each lane keeps a sorted list of k candidates: k is small next to the dimension. */
#include "base/alloc.h"
#include "cpu/convert.h"
#include "cpu/cpu.h"

typedef struct candidate {
  double key; /* every dtype but large i64 is exact in double; those are compared as whole */
  int64_t whole, at;
} candidate;

static bool before(const candidate *a, const candidate *b, bool largest) {
  bool na = a->key != a->key, nb = b->key != b->key;
  if (na || nb) return largest ? na && !nb : nb && !na;
  if (a->key != b->key) return largest ? a->key > b->key : a->key < b->key;
  return largest ? a->whole > b->whole : a->whole < b->whole;
}

static candidate read_one(const vg_tensor *x, int64_t i, int64_t at) {
  candidate c = {0, 0, at};
  const char *p = (const char *)vg_data(x) + (size_t)i * vg_dtype_size(x->dtype);
  if (x->dtype == VG_F32 || x->dtype == VG_BF16) {
    float f;
    vg_cpu_convert_row(VG_F32, &f, 1, x->dtype, p, 1, 1);
    c.key = (double)f;
  } else {
    vg_cpu_convert_row(VG_I64, &c.whole, 1, x->dtype, p, 1, 1);
    c.key = (double)c.whole;
  }
  return c;
}

/* Inserts c into the sorted list of at most k; returns the new length. */
static int64_t insert(candidate *list, int64_t have, int64_t k, candidate c, bool largest) {
  int64_t i;
  if (have == k && !before(&c, &list[k - 1], largest)) return have;
  if (have < k) have++;
  for (i = have - 1; i > 0 && before(&c, &list[i - 1], largest); i--) list[i] = list[i - 1];
  list[i] = c;
  return have;
}

static void one_lane(vg_tensor *values, vg_tensor *indices, const vg_tensor *x, int64_t from,
                     int64_t to, int64_t n, int64_t inner, int64_t k, candidate *list,
                     bool largest) {
  int64_t have = 0, *at = vg_data(indices);
  size_t size = vg_dtype_size(x->dtype);
  for (int64_t i = 0; i < n; i++)
    have = insert(list, have, k, read_one(x, from + i * inner, i), largest);
  for (int64_t i = 0; i < k; i++) {
    at[to + i * inner] = list[i].at;
    vg_cpu_convert_row(x->dtype, (char *)vg_data(values) + (size_t)(to + i * inner) * size, 1,
                       x->dtype,
                       (const char *)vg_data(x) + (size_t)(from + list[i].at * inner) * size, 1, 1);
  }
}

vg_status vg_cpu_topk(vg_device *d, vg_tensor *values, vg_tensor *indices, const vg_tensor *x,
                      int dim, bool largest) {
  int64_t n = x->shape[dim], k = values->shape[dim], inner = 1, outer = 1;
  int team = x->n >= VG_CPU_GRAIN ? vg_cpu_threads(d) : 1;
  candidate *lists = vg_alloc((size_t)(k * team) * sizeof *lists);
  if (!lists) return VG_ENOMEM;
  for (int i = 0; i < dim; i++) outer *= x->shape[i];
  for (int i = dim + 1; i < x->ndim; i++) inner *= x->shape[i];
#pragma omp parallel for schedule(static) num_threads(team) if (team > 1)
  for (int t = 0; t < team; t++)
    for (int64_t lane = outer * inner * t / team; lane < outer * inner * (t + 1) / team; lane++) {
      int64_t o = lane / inner, i = lane % inner;
      one_lane(values, indices, x, o * n * inner + i, o * k * inner + i, n, inner, k, lists + k * t,
               largest);
    }
  vg_free(lists);
  return VG_OK;
}
