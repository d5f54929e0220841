/* Records in memory, and the two permutations of them: PyTorch's for the split, Philox's for an
 * epoch. */
#include "data/records.h"

#include "base/alloc.h"
#include "base/rng.h"

vg_status vg_records_new(vg_records **out, int64_t n, int height, int width) {
  vg_records *r = vg_calloc(1, sizeof *r);
  if (!r) return VG_ENOMEM;
  *r = (vg_records){.refs = 1, .height = height, .width = width, .n = n};
  r->stride = 1 + 3 * (size_t)height * (size_t)width;
  r->bytes = (size_t)n * r->stride + 1;
  r->data = vg_pages_alloc(r->bytes);
  if (!r->data) {
    vg_free(r);
    return VG_ENOMEM;
  }
  *out = r;
  return VG_OK;
}

vg_records *vg_records_retain(vg_records *r) {
  r->refs++;
  return r;
}

void vg_records_release(vg_records *r) {
  if (!r || --r->refs) return;
  vg_pages_free(r->data, r->bytes);
  vg_free(r);
}

vg_status vg_data_split(int32_t *train, int32_t *val, int64_t n, int64_t n_val, uint64_t seed) {
  int64_t *perm = vg_alloc((size_t)n * sizeof *perm);
  if (!perm) return VG_ENOMEM;
  vg_torch_randperm(perm, n, seed);
  for (int64_t i = 0; i < n - n_val; i++) train[i] = (int32_t)perm[i];
  for (int64_t i = n - n_val; i < n; i++) val[i - (n - n_val)] = (int32_t)perm[i];
  vg_free(perm);
  return VG_OK;
}

void vg_data_order(int32_t *out, int64_t n, uint64_t seed, uint32_t epoch) {
  vg_stream s = {seed, epoch, VG_RNG_SHUFFLE};
  vg_u32x4 w = {{0}};
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)i;
  for (int64_t i = n - 1, k = 0; i > 0; i--, k++) {
    if (k % 4 == 0) w = vg_stream_block(s, (uint64_t)k / 4);
    int64_t j = (int64_t)((uint64_t)w.v[k % 4] * (uint64_t)(i + 1) >> 32);
    int32_t t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}
