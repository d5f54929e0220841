/* Element types, sizes, sums and conversions of the safetensors format. */
#include <string.h>

#include "io/crc32.h"
#include "io/safetensors_impl.h"

static const struct {
  const char *name;
  size_t size;
} types[VG_ST_DTYPES] = {
    [VG_ST_F64] = {"F64", 8},   [VG_ST_I64] = {"I64", 8},         [VG_ST_U64] = {"U64", 8},
    [VG_ST_F32] = {"F32", 4},   [VG_ST_I32] = {"I32", 4},         [VG_ST_U32] = {"U32", 4},
    [VG_ST_F16] = {"F16", 2},   [VG_ST_BF16] = {"BF16", 2},       [VG_ST_I16] = {"I16", 2},
    [VG_ST_U16] = {"U16", 2},   [VG_ST_I8] = {"I8", 1},           [VG_ST_U8] = {"U8", 1},
    [VG_ST_BOOL] = {"BOOL", 1}, [VG_ST_F8_E4M3] = {"F8_E4M3", 1}, [VG_ST_F8_E5M2] = {"F8_E5M2", 1},
};

const char *vg_st_dtype_name(vg_st_dtype t) { return t < VG_ST_DTYPES ? types[t].name : "?"; }

size_t vg_st_dtype_size(vg_st_dtype t) { return t < VG_ST_DTYPES ? types[t].size : 0; }

static uint32_t crc_text(uint32_t crc, const char *s) { return vg_crc32(crc, s, strlen(s) + 1); }

uint32_t vg_st_header_crc(const vg_st_tensor *const *t, size_t n, const vg_st_meta *meta,
                          size_t n_meta) {
  uint32_t crc = 0;
  for (size_t i = 0; i < n; i++) {
    crc = crc_text(crc, t[i]->name);
    crc = crc_text(crc, vg_st_dtype_name(t[i]->dtype));
    crc = vg_crc32(crc, t[i]->shape, (size_t)t[i]->ndim * sizeof *t[i]->shape);
    crc = vg_crc32(crc, &t[i]->crc, sizeof t[i]->crc);
  }
  for (size_t i = 0; i < n_meta; i++) {
    if (strcmp(meta[i].key, VG_ST_CRC_KEY) == 0 || strcmp(meta[i].key, VG_ST_HEADER_CRC_KEY) == 0)
      continue;
    crc = crc_text(crc, meta[i].key);
    crc = crc_text(crc, meta[i].value);
  }
  return crc;
}

bool vg_st_bytes(const vg_st_tensor *t, size_t *out) {
  size_t n = vg_st_dtype_size(t->dtype);
  for (int i = 0; i < t->ndim; i++)
    if (t->shape[i] < 0 || __builtin_mul_overflow(n, (size_t)t->shape[i], &n)) return false;
  *out = n;
  return n <= SIZE_MAX / 2;
}

vg_st_dtype vg_st_loaded_as(vg_st_dtype t) {
  switch (t) {
    case VG_ST_F64:
    case VG_ST_F32:
    case VG_ST_F16: return VG_ST_F32;
    case VG_ST_BF16: return VG_ST_BF16;
    case VG_ST_I64:
    case VG_ST_I32:
    case VG_ST_U32:
    case VG_ST_I16:
    case VG_ST_U16:
    case VG_ST_I8: return VG_ST_I64;
    case VG_ST_U8:
    case VG_ST_BOOL: return VG_ST_U8;
    default: return VG_ST_DTYPES;
  }
}

static float from_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023, u;
  float f;
  if (e == 0) {
    f = (float)m * (1.0f / 16777216.0f); /* zero and subnormals: m * 2^-24 */
    return sign ? -f : f;
  }
  u = sign | (e == 31 ? 255u << 23 : (e + 112) << 23) | m << 13;
  memcpy(&f, &u, sizeof f);
  return f;
}

/* Halves below the smallest normal are multiples of 2^-24: adding 0.5 rounds to one. */
static uint16_t to_half(float f) {
  uint32_t u, sign, m;
  float magic;
  memcpy(&u, &f, sizeof u);
  sign = u >> 16 & 0x8000;
  m = u & 0x7fffffff;
  if (m > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (m >> 13 & 0x3ff));
  if (m >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  if (m < 0x38800000) {
    memcpy(&magic, &m, sizeof magic);
    magic += 0.5f;
    memcpy(&m, &magic, sizeof m);
    return (uint16_t)(sign | (m - 0x3f000000));
  }
  m += 0xfff + (m >> 13 & 1);
  return (uint16_t)(sign | (m - 0x38000000) >> 13);
}

static uint16_t to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void vg_st_store(void *to, vg_st_dtype type, const float *from, size_t n) {
  uint16_t *h = to;
  double *d = to;
  switch (type) {
    case VG_ST_F16:
      for (size_t i = 0; i < n; i++) h[i] = to_half(from[i]);
      break;
    case VG_ST_BF16:
      for (size_t i = 0; i < n; i++) h[i] = to_bf16(from[i]);
      break;
    case VG_ST_F64:
      for (size_t i = 0; i < n; i++) d[i] = (double)from[i];
      break;
    default: memcpy(to, from, n * sizeof *from);
  }
}

#define COPY(from_type, to_type, convert)              \
  do {                                                 \
    for (size_t i = 0; i < n; i++) {                   \
      from_type v;                                     \
      to_type r;                                       \
      memcpy(&v, from + i * sizeof v, sizeof v);       \
      r = convert(v);                                  \
      memcpy((char *)to + i * sizeof r, &r, sizeof r); \
    }                                                  \
  } while (0)

void vg_st_load(void *to, const vg_st_tensor *t) {
  const char *from = t->data;
  size_t n = t->bytes / vg_st_dtype_size(t->dtype);
  switch (t->dtype) {
    case VG_ST_F64: COPY(double, float, (float)); break;
    case VG_ST_F16: COPY(uint16_t, float, from_half); break;
    case VG_ST_I32: COPY(int32_t, int64_t, (int64_t)); break;
    case VG_ST_U32: COPY(uint32_t, int64_t, (int64_t)); break;
    case VG_ST_I16: COPY(int16_t, int64_t, (int64_t)); break;
    case VG_ST_U16: COPY(uint16_t, int64_t, (int64_t)); break;
    case VG_ST_I8: COPY(int8_t, int64_t, (int64_t)); break;
    case VG_ST_BOOL: COPY(uint8_t, uint8_t, (uint8_t) !!); break;
    default:
      if (t->bytes) memcpy(to, from, t->bytes);
  }
}

void vg_st_gather(void *to, const vg_st_tensor *t) {
  const size_t item = vg_st_dtype_size(t->dtype);
  int64_t at[VG_ST_MAX_DIM] = {0}, from = 0;
  int last = t->ndim - 1;
  char *y = to;
  if (t->bytes == 0) return;
  if (!t->stride) {
    memcpy(to, t->data, t->bytes);
    return;
  }
  for (;;) {
    int d = last;
    memcpy(y, (const char *)t->data + (size_t)from * item, item);
    y += item;
    while (d >= 0 && ++at[d] == t->shape[d]) {
      from -= (t->shape[d] - 1) * t->stride[d];
      at[d--] = 0;
    }
    if (d < 0) return;
    from += t->stride[d];
  }
}
