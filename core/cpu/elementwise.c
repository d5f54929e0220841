/* Fill, unary, binary and where: walks the operands and hands contiguous blocks of f32 or i64 to
   the rows of cpu/rows.h, converting and gathering into small buffers where an operand is of
   another type or not contiguous. */
#include <string.h>

#include "cpu/convert.h"
#include "cpu/hwnc.h"
#include "cpu/rows.h"
#include "cpu/walk.h"

enum { BLOCK = 512 };

typedef union block {
  float f[BLOCK];
  int64_t i[BLOCK];
  char bytes[1];
} block;

typedef struct job {
  const vg_cpu_rows *rows;
  vg_cpu_row fn;
  vg_scalars s;
  bool whole;           /* computed as i64, else as f32 */
  int nin;              /* operands after the output */
  int arg[VG_WALK_OPS]; /* operand k is argument arg[k] of fn: 0 a, 1 b, 2 c */
  vg_dtype dtype[VG_WALK_OPS];
} job;

/* n elements of an operand as the compute type: in place when they already are. */
static const void *load(const job *j, int k, const char *p, int64_t s, int64_t n, block *b) {
  vg_dtype want = j->whole ? VG_I64 : VG_F32, have = j->dtype[k];
  if (s == 1 && have == want) return p;
  if (s == 0) { /* one element for all: broadcast */
    vg_cpu_convert_row(want, b->bytes, 1, have, p, 1, 1);
    if (j->whole)
      for (int64_t i = 1; i < n; i++) b->i[i] = b->i[0];
    else
      for (int64_t i = 1; i < n; i++) b->f[i] = b->f[0];
  } else if (s == 1 && have == VG_BF16 && !j->whole)
    j->rows->from_bf16(n, b->f, (const uint16_t *)(const void *)p);
  else
    vg_cpu_convert_row(want, b->bytes, 1, have, p, s, n);
  return b->bytes;
}

static void store(const job *j, char *p, int64_t s, int64_t n, const block *b) {
  vg_dtype have = j->whole ? VG_I64 : VG_F32, want = j->dtype[0];
  if (s == 1 && want == VG_BF16 && !j->whole)
    j->rows->to_bf16(n, (uint16_t *)(void *)p, b->f);
  else
    vg_cpu_convert_row(want, p, s, have, b->bytes, 1, n);
}

static void run_row(int64_t n, char *const *p, const int64_t *s, const void *arg) {
  const job *j = arg;
  block in[VG_WALK_OPS], out;
  bool direct = s[0] == 1 && j->dtype[0] == (j->whole ? VG_I64 : VG_F32), all = direct;
  int64_t step = n;
  for (int k = 1; k <= j->nin; k++) all = all && s[k] == 1 && j->dtype[k] == j->dtype[0];
  if (!all && step > BLOCK) step = BLOCK;
  for (int64_t i = 0; i < n; i += step) {
    const void *a[3] = {NULL, NULL, NULL};
    int64_t m = n - i < step ? n - i : step;
    char *y = p[0] + i * s[0] * (int64_t)vg_dtype_size(j->dtype[0]);
    for (int k = 1; k <= j->nin; k++)
      a[j->arg[k]] =
          load(j, k, p[k] + i * s[k] * (int64_t)vg_dtype_size(j->dtype[k]), s[k], m, &in[k]);
    j->fn(m, direct ? y : out.bytes, a[0], a[1], a[2], j->s);
    if (!direct) store(j, y, s[0], m, &out);
  }
}

static bool is_whole(vg_dtype d) { return d == VG_I64 || d == VG_U8; }

static vg_status run(vg_device *d, job *j, const char *op, vg_tensor *out, const vg_tensor *a,
                     const vg_tensor *b) {
  const vg_tensor *t[3] = {out, a, b};
  vg_walk w;
  if (!j->fn) return vg_fail(VG_EDTYPE, "%s: not defined for %s", op, vg_dtype_name(t[1]->dtype));
  for (int k = 0; k <= j->nin; k++) j->dtype[k] = t[k]->dtype;
  vg_walk_init(&w, j->nin + 1, t);
  vg_cpu_walk_run(d, &w, run_row, j);
  vg_hwnc_clean(d, out);
  return VG_OK;
}

static vg_status unary(vg_device *d, vg_unary op, vg_scalars s, vg_tensor *y, const vg_tensor *x) {
  job j = {.rows = vg_cpu_rows_get(), .s = s, .nin = 1, .whole = is_whole(x->dtype)};
  if (op == VG_POW_SCALAR && s.a == 2)
    op = VG_SQUARE; /* exact, and pow is slow */
  else if (op == VG_POW_SCALAR && s.a == 0.5 && !j.whole)
    op = VG_SQRT;
  j.fn = j.whole ? vg_cpu_unary_i64[op] : j.rows->unary[op];
  return run(d, &j, "unary operation", y, x, NULL);
}

static vg_status unary_bwd(vg_device *d, vg_unary op, vg_scalars s, vg_tensor *gx,
                           const vg_tensor *gy, const vg_tensor *x, const vg_tensor *y) {
  job j = {.rows = vg_cpu_rows_get(), .s = s, .nin = x || y ? 2 : 1};
  j.arg[2] = x ? 1 : 2;
  if (op == VG_POW_SCALAR && s.a == 2) op = VG_SQUARE;
  j.fn = j.rows->unary_bwd[op];
  return run(d, &j, "unary backward", gx, gy, x ? x : y);
}

static vg_status binary(vg_device *d, vg_binary op, vg_tensor *y, const vg_tensor *a,
                        const vg_tensor *b) {
  job j = {.rows = vg_cpu_rows_get(), .nin = 2, .whole = is_whole(a->dtype) && is_whole(b->dtype)};
  j.arg[2] = 1;
  j.fn = j.whole ? vg_cpu_binary_i64[op] : j.rows->binary[op];
  return run(d, &j, "binary operation", y, a, b);
}

/* ---- fill ---- */

typedef struct fill_job {
  vg_dtype dtype;
  _Alignas(8) char value[8];
} fill_job;

#define FILL(T)                                      \
  do {                                               \
    T v, *y = (T *)(void *)p[0];                     \
    memcpy(&v, j->value, sizeof v);                  \
    for (int64_t i = 0; i < n; i++) y[i * s[0]] = v; \
  } while (0)

static void fill_row(int64_t n, char *const *p, const int64_t *s, const void *arg) {
  const fill_job *j = arg;
  switch (j->dtype) {
    case VG_F32: FILL(float); break;
    case VG_BF16: FILL(uint16_t); break;
    case VG_I64: FILL(int64_t); break;
    default: FILL(uint8_t); break;
  }
}

static vg_status fill(vg_device *d, vg_tensor *y, double value) {
  fill_job j = {.dtype = y->dtype};
  vg_walk w;
  float f = (float)value;
  int64_t whole = (int64_t)value;
  if (y->dtype == VG_I64 || y->dtype == VG_U8)
    vg_cpu_convert_row(y->dtype, j.value, 1, VG_I64, &whole, 1, 1);
  else
    vg_cpu_convert_row(y->dtype, j.value, 1, VG_F32, &f, 1, 1);
  vg_walk_init(&w, 1, (const vg_tensor *[]){y});
  vg_cpu_walk_run(d, &w, fill_row, &j);
  vg_hwnc_clean(d, y);
  return VG_OK;
}

/* ---- where ---- */

#define WHERE(T)                                                                           \
  do {                                                                                     \
    const T *a = (const T *)(void *)p[2], *b = (const T *)(void *)p[3];                    \
    T *y = (T *)(void *)p[0];                                                              \
    for (int64_t i = 0; i < n; i++) y[i * s[0]] = m[i * s[1]] ? a[i * s[2]] : b[i * s[3]]; \
  } while (0)

static void where_row(int64_t n, char *const *p, const int64_t *s, const void *arg) {
  const uint8_t *m = (const uint8_t *)p[1];
  switch (*(const vg_dtype *)arg) {
    case VG_F32: WHERE(float); break;
    case VG_BF16: WHERE(uint16_t); break;
    case VG_I64: WHERE(int64_t); break;
    default: WHERE(uint8_t); break;
  }
}

static vg_status where(vg_device *d, vg_tensor *y, const vg_tensor *mask, const vg_tensor *a,
                       const vg_tensor *b) {
  vg_walk w;
  vg_walk_init(&w, 4, (const vg_tensor *[]){y, mask, a, b});
  vg_cpu_walk_run(d, &w, where_row, &y->dtype);
  vg_hwnc_clean(d, y);
  return VG_OK;
}

const vg_elementwise_vt vg_cpu_elementwise = {
    .fill = fill, .unary = unary, .unary_bwd = unary_bwd, .binary = binary, .where = where};
