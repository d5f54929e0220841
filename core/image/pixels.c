/* Tensors as pictures. */
#include "image/pixels.h"

#include "base/alloc.h"

static uint8_t of_unit(float v) {
  if (!(v > 0)) return 0; /* NaN, too */
  return v >= 1 ? 255 : (uint8_t)(v * 255 + 0.5f);
}

static uint8_t of_level(int64_t v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; }

static uint8_t level(const void *host, vg_dtype dtype, int64_t i) {
  switch (dtype) {
    case VG_F32: return of_unit(((const float *)host)[i]);
    case VG_BF16: return of_unit(vg_bf16_to_f32(((const uint16_t *)host)[i]));
    case VG_I64: return of_level(((const int64_t *)host)[i]);
    default: return ((const uint8_t *)host)[i];
  }
}

vg_status vg_pixels_of(vg_pixels *out, const vg_tensor *x, int channels) {
  const int64_t *shape = x->shape + (x->ndim == 3);
  int64_t have = x->ndim == 3 ? x->shape[0] : 1, n;
  void *host = NULL;
  vg_status st = VG_ENOMEM;
  *out = (vg_pixels){0};
  if (x->ndim < 2 || x->ndim > 3 || (have != 1 && have != 3) || x->n == 0 || x->n > 1 << 26)
    return vg_fail(VG_ESHAPE, "image: want 3 x H x W, 1 x H x W or H x W, got %s", vg_shape_str(x));
  if (channels == 0) channels = (int)have;
  n = shape[0] * shape[1];
  if (!(host = vg_alloc((size_t)x->n * vg_dtype_size(x->dtype)))) goto done;
  if (!(out->data = vg_alloc((size_t)n * (size_t)channels))) goto done;
  VG_TRY(vg_read(x, host));
  for (int c = 0; c < channels; c++) {
    int64_t from = have == 3 ? c * n : 0;
    for (int64_t i = 0; i < n; i++) out->data[i * channels + c] = level(host, x->dtype, from + i);
  }
  out->width = (int)shape[1];
  out->height = (int)shape[0];
  out->channels = channels;
done:
  vg_free(host);
  if (st != VG_OK) {
    vg_free(out->data);
    *out = (vg_pixels){0};
  }
  return st;
}
