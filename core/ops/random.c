/* Random fills in place. Every call takes the next stream of its purpose, so that a run is fixed by
   the seed and the order of calls. */
#include "base/alloc.h"
#include "ops/ops.h"

static vg_status check(const char *op, const vg_tensor *x, bool whole) {
  bool is_float = x->dtype == VG_F32 || x->dtype == VG_BF16;
  if (!x->dev->be->random) return vg_unsupported(x->dev, op);
  if (vg_wants_grad(x))
    return vg_fail(VG_ESTATE, "%s: changing a tensor that requires a gradient; use no_grad", op);
  if (!is_float && !whole)
    return vg_fail(VG_EDTYPE, "%s: want a float tensor, got %s", op, vg_dtype_name(x->dtype));
  return VG_OK;
}

/* What to fill: x itself, or a contiguous tensor that `finish` copies into x. */
static vg_status begin(vg_tensor **y, vg_tensor *x) {
  if (vg_is_contiguous(x)) {
    *y = vg_retain(x);
    return VG_OK;
  }
  return vg_new(y, x->dev, x->dtype, x->ndim, x->shape);
}

static vg_status finish(vg_tensor *y, vg_tensor *x) {
  if (y != x) return vg_copy_into(x, y);
  vg_bump(x);
  return VG_OK;
}

vg_status vg_uniform_(vg_tensor *x, vg_purpose purpose, double lo, double hi) {
  vg_tensor *y = NULL;
  vg_status st;
  if (!(lo <= hi)) return vg_fail(VG_EINVAL, "uniform_: want low <= high, got %g and %g", lo, hi);
  VG_TRY(check("uniform_", x, false));
  VG_TRY(begin(&y, x));
  VG_TRY(x->dev->be->random->uniform(x->dev, y, vg_next_stream(x->dev->ctx, purpose), lo, hi));
  VG_TRY(finish(y, x));
done:
  vg_release(y);
  return st;
}

vg_status vg_normal_(vg_tensor *x, vg_purpose purpose, double mean, double std) {
  vg_tensor *y = NULL;
  vg_status st;
  if (!(std >= 0)) return vg_fail(VG_EINVAL, "normal_: want std >= 0, got %g", std);
  VG_TRY(check("normal_", x, false));
  VG_TRY(begin(&y, x));
  VG_TRY(x->dev->be->random->normal(x->dev, y, vg_next_stream(x->dev->ctx, purpose), mean, std));
  VG_TRY(finish(y, x));
done:
  vg_release(y);
  return st;
}

vg_status vg_bernoulli_(vg_tensor *x, vg_purpose purpose, double p) {
  vg_tensor *y = NULL;
  vg_status st;
  if (!(p >= 0 && p <= 1))
    return vg_fail(VG_EINVAL, "bernoulli_: probability %g is outside 0..1", p);
  VG_TRY(check("bernoulli_", x, x->dtype == VG_U8));
  VG_TRY(begin(&y, x));
  VG_TRY(x->dev->be->random->bernoulli(x->dev, y, vg_next_stream(x->dev->ctx, purpose), p));
  VG_TRY(finish(y, x));
done:
  vg_release(y);
  return st;
}

/* ---- whole numbers, on the host ---- */

static uint32_t word(vg_stream s, int64_t i) {
  return vg_stream_block(s, (uint64_t)i / 4).v[i % 4];
}

vg_status vg_randint_(vg_tensor *x, vg_purpose purpose, int64_t lo, int64_t hi) {
  vg_stream s;
  int64_t *v = NULL;
  vg_status st;
  if (lo >= hi || (uint64_t)hi - (uint64_t)lo > (uint64_t)1 << 32)
    return vg_fail(VG_EINVAL, "randint: want low < high, at most 2^32 apart, got %lld and %lld",
                   (long long)lo, (long long)hi);
  if (x->dtype != VG_I64)
    return vg_fail(VG_EDTYPE, "randint: want int64, got %s", vg_dtype_name(x->dtype));
  v = vg_alloc((size_t)x->n * sizeof *v);
  if (!v) return VG_ENOMEM;
  s = vg_next_stream(x->dev->ctx, purpose);
  for (int64_t i = 0; i < x->n; i++)
    v[i] = lo + (int64_t)((uint64_t)word(s, i) * (uint64_t)(hi - lo) >> 32);
  st = vg_write(x, v);
  vg_free(v);
  return st;
}

vg_status vg_randperm_(vg_tensor *x, vg_purpose purpose) {
  vg_stream s;
  int64_t *v = NULL;
  vg_status st;
  if (x->dtype != VG_I64 || x->ndim != 1 || x->n >= (int64_t)1 << 32)
    return vg_fail(VG_EINVAL, "randperm: want an int64 vector, got %s %s", vg_dtype_name(x->dtype),
                   vg_shape_str(x));
  v = vg_alloc((size_t)x->n * sizeof *v);
  if (!v) return VG_ENOMEM;
  s = vg_next_stream(x->dev->ctx, purpose);
  for (int64_t i = 0; i < x->n; i++) v[i] = i;
  for (int64_t i = x->n - 1; i > 0; i--) {
    int64_t j = (int64_t)((uint64_t)word(s, i) * (uint64_t)(i + 1) >> 32), t = v[i];
    v[i] = v[j];
    v[j] = t;
  }
  st = vg_write(x, v);
  vg_free(v);
  return st;
}
