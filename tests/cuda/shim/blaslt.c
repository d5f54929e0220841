/* The stand-in of cuBLASLt: layouts, the product with its epilogues, checked and done plainly. */
#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

#include "conv.h"
#include "cpu/clones.h"
#include "shim.h"

struct cublasLtContext {
  shim_object object;
  int device;
};

typedef struct layout {
  shim_object object;
  bool bf16;
  int64_t rows, cols, ld, batch_stride;
  int32_t batch;
} layout;

typedef struct matmul {
  shim_object object;
  int compute, scale;
  int32_t trans_a, trans_b;
  uint32_t epilogue;
  int32_t bias_type; /* -1: as D */
  const void *bias;
  void *aux;
  int64_t aux_ld, bias_stride, aux_stride;
} matmul;

typedef struct preference {
  shim_object object;
  uint64_t workspace;
  uint32_t align[4]; /* A, B, C, D */
} preference;

/* What an algorithm (64 bytes of the caller's) remembers. */
typedef struct algorithm {
  uint64_t magic;
  uint64_t workspace;
  uint32_t align[4];
  int64_t m, n;
  uint32_t epilogue;
} algorithm;

static const uint64_t ALGORITHM = 0x616c676f6c747667u;
enum { WORKSPACE = 70000 };

_Static_assert(sizeof(algorithm) <= sizeof(cublasLtMatmulAlgo_t), "an algorithm fits");

/* ---- handles ---- */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
  cublasStatus_t e = CUBLAS_STATUS_SUCCESS;
  shim_lock();
  shim_not_while_capturing("cublasLtCreate");
  if (shim_enter("cublasLtCreate")) {
    e = CUBLAS_STATUS_ALLOC_FAILED;
  } else {
    struct cublasLtContext *h = shim_object_new(SHIM_LT_HANDLE, sizeof *h, "cublasLtCreate");
    h->device = shim_current_device();
    *out = (cublasLtHandle_t)h;
  }
  shim_unlock();
  return e;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t h) {
  shim_lock();
  shim_object_end(h, SHIM_LT_HANDLE, "cublasLtDestroy");
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

size_t cublasLtGetVersion(void) { return CUBLAS_VER_MAJOR * 10000 + CUBLAS_VER_MINOR * 100; }

const char *cublasLtGetStatusName(cublasStatus_t e) { return cublasLtGetStatusString(e); }

const char *cublasLtGetStatusString(cublasStatus_t e) {
  switch (e) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_ALLOC_FAILED: return "the resource allocation failed";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "the functionality is not supported";
    case CUBLAS_STATUS_INVALID_VALUE: return "an unsupported value or parameter was passed";
    default: return "unknown error";
  }
}

/* ---- layouts ---- */

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  cublasStatus_t e = CUBLAS_STATUS_SUCCESS;
  shim_lock();
  if (type != CUDA_R_32F && type != CUDA_R_16BF)
    shim_violation("cublasLtMatrixLayoutCreate: type %d (f32 and bf16 are known here)", (int)type);
  if (!rows || !cols || ld < (int64_t)rows)
    shim_violation("cublasLtMatrixLayoutCreate: %llu rows, %llu columns, leading dimension %lld",
                   (unsigned long long)rows, (unsigned long long)cols, (long long)ld);
  if (shim_enter("cublasLtMatrixLayoutCreate")) {
    e = CUBLAS_STATUS_ALLOC_FAILED;
  } else {
    layout *l = shim_object_new(SHIM_LT_LAYOUT, sizeof *l, "cublasLtMatrixLayoutCreate");
    l->bf16 = type == CUDA_R_16BF;
    l->rows = (int64_t)rows;
    l->cols = (int64_t)cols;
    l->ld = ld;
    l->batch = 1;
    *out = (cublasLtMatrixLayout_t)(void *)l;
  }
  shim_unlock();
  return e;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  shim_lock();
  shim_object_end(l, SHIM_LT_LAYOUT, "cublasLtMatrixLayoutDestroy");
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

static void take(void *to, size_t size, const void *from, size_t n, const char *call, int name) {
  if (!from || n != size)
    shim_violation("%s: attribute %d has %zu bytes, not %zu", call, name, size, n);
  memcpy(to, from, n);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t name,
                                                const void *value, size_t n) {
  static const char call[] = "cublasLtMatrixLayoutSetAttribute";
  int32_t order;
  layout *l;
  shim_lock();
  l = shim_live(handle, SHIM_LT_LAYOUT, call);
  switch (name) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: take(&l->batch, 4, value, n, call, name); break;
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      take(&l->batch_stride, 8, value, n, call, name);
      break;
    case CUBLASLT_MATRIX_LAYOUT_LD: take(&l->ld, 8, value, n, call, name); break;
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      take(&order, 4, value, n, call, name);
      if (order != CUBLASLT_ORDER_COL) shim_violation("%s: only column order is known here", call);
      break;
    default: shim_violation("%s: attribute %d is not known here", call, (int)name);
  }
  if (l->batch < 1 || l->ld < l->rows) shim_violation("%s: a bad value", call);
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

/* ---- descriptors ---- */

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  cublasStatus_t e = CUBLAS_STATUS_SUCCESS;
  shim_lock();
  if ((compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32) ||
      scale != CUDA_R_32F)
    shim_violation("cublasLtMatmulDescCreate: compute type %d, scale type %d", (int)compute,
                   (int)scale);
  if (shim_enter("cublasLtMatmulDescCreate")) {
    e = CUBLAS_STATUS_ALLOC_FAILED;
  } else {
    matmul *m = shim_object_new(SHIM_LT_MATMUL, sizeof *m, "cublasLtMatmulDescCreate");
    m->compute = (int)compute;
    m->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    m->bias_type = -1;
    *out = (cublasLtMatmulDesc_t)(void *)m;
  }
  shim_unlock();
  return e;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t m) {
  shim_lock();
  shim_object_end(m, SHIM_LT_MATMUL, "cublasLtMatmulDescDestroy");
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t name,
                                              const void *value, size_t n) {
  static const char call[] = "cublasLtMatmulDescSetAttribute";
  matmul *m;
  int32_t mode;
  shim_lock();
  m = shim_live(handle, SHIM_LT_MATMUL, call);
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA: take(&m->trans_a, 4, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_TRANSB: take(&m->trans_b, 4, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE: take(&m->epilogue, 4, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: take(&m->bias, 8, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      take(&m->bias_stride, 8, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: take(&m->bias_type, 4, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: take(&m->aux, 8, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: take(&m->aux_ld, 8, value, n, call, name); break;
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      take(&mode, 4, value, n, call, name);
      if (mode != CUBLASLT_POINTER_MODE_HOST) shim_violation("%s: only host scalars", call);
      break;
    default: shim_violation("%s: attribute %d is not known here", call, (int)name);
  }
  if ((m->trans_a != CUBLAS_OP_N && m->trans_a != CUBLAS_OP_T) ||
      (m->trans_b != CUBLAS_OP_N && m->trans_b != CUBLAS_OP_T))
    shim_violation("%s: neither OP_N nor OP_T", call);
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out) {
  cublasStatus_t e = CUBLAS_STATUS_SUCCESS;
  shim_lock();
  if (shim_enter("cublasLtMatmulPreferenceCreate")) {
    e = CUBLAS_STATUS_ALLOC_FAILED;
  } else {
    preference *p =
        shim_object_new(SHIM_LT_PREFERENCE, sizeof *p, "cublasLtMatmulPreferenceCreate");
    for (int i = 0; i < 4; i++) p->align[i] = 256;
    *out = (cublasLtMatmulPreference_t)(void *)p;
  }
  shim_unlock();
  return e;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  shim_lock();
  shim_object_end(p, SHIM_LT_PREFERENCE, "cublasLtMatmulPreferenceDestroy");
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void *value, size_t n) {
  static const char call[] = "cublasLtMatmulPreferenceSetAttribute";
  preference *p;
  shim_lock();
  p = shim_live(handle, SHIM_LT_PREFERENCE, call);
  switch (name) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      take(&p->workspace, 8, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      take(&p->align[0], 4, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      take(&p->align[1], 4, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      take(&p->align[2], 4, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      take(&p->align[3], 4, value, n, call, name);
      break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: break;
    default: shim_violation("%s: attribute %d is not known here", call, (int)name);
  }
  shim_unlock();
  return CUBLAS_STATUS_SUCCESS;
}

/* ---- the rules of a product ---- */

typedef struct shapes {
  const matmul *m;
  const layout *a, *b, *c, *d;
  int64_t rows, cols, inner;
} shapes;

static bool has_bias(uint32_t e) {
  return (e & CUBLASLT_EPILOGUE_BIAS) || e == CUBLASLT_EPILOGUE_BGRADA ||
         e == CUBLASLT_EPILOGUE_BGRADB || e == CUBLASLT_EPILOGUE_DRELU_BGRAD;
}

static bool has_aux(uint32_t e) { return (e & 128u) != 0; }

static void check_epilogue(const shapes *s, const char *call) {
  const matmul *m = s->m;
  switch (m->epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_RELU_AUX:
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DRELU:
    case CUBLASLT_EPILOGUE_DRELU_BGRAD:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB: break;
    default: shim_violation("%s: epilogue %u is not known here", call, m->epilogue);
  }
  if (has_bias(m->epilogue)) {
    int32_t want = s->d->bf16 ? CUDA_R_16BF : CUDA_R_32F;
    if (!m->bias) shim_violation("%s: the epilogue wants a bias pointer", call);
    if (m->bias_type != -1 && m->bias_type != want)
      shim_violation("%s: bias of type %d, want the type of D, %d", call, m->bias_type, want);
    if (s->d->batch > 1 && m->bias_stride && m->bias_stride < s->rows)
      shim_violation("%s: a batch stride of the bias below its length", call);
  }
  if (has_aux(m->epilogue) && (!m->aux || m->aux_ld % 128 || m->aux_ld < s->rows))
    shim_violation("%s: the mask's leading dimension %lld: a multiple of 128 bits, not below %lld",
                   call, (long long)m->aux_ld, (long long)s->rows);
}

static shapes check(const void *desc, const void *a, const void *b, const void *c, const void *d,
                    const char *call) {
  shapes s = {shim_live(desc, SHIM_LT_MATMUL, call),
              shim_live(a, SHIM_LT_LAYOUT, call),
              shim_live(b, SHIM_LT_LAYOUT, call),
              shim_live(c, SHIM_LT_LAYOUT, call),
              shim_live(d, SHIM_LT_LAYOUT, call),
              0,
              0,
              0};
  bool ta = s.m->trans_a == CUBLAS_OP_T, tb = s.m->trans_b == CUBLAS_OP_T;
  int64_t inner_b = tb ? s.b->cols : s.b->rows;
  s.rows = ta ? s.a->cols : s.a->rows;
  s.inner = ta ? s.a->rows : s.a->cols;
  s.cols = tb ? s.b->rows : s.b->cols;
  if (s.inner != inner_b || s.d->rows != s.rows || s.d->cols != s.cols || s.c->rows != s.rows ||
      s.c->cols != s.cols)
    shim_violation("%s: A %lldx%lld%s, B %lldx%lld%s, D %lldx%lld do not fit", call,
                   (long long)s.a->rows, (long long)s.a->cols, ta ? "T" : "", (long long)s.b->rows,
                   (long long)s.b->cols, tb ? "T" : "", (long long)s.d->rows, (long long)s.d->cols);
  if (s.a->bf16 != s.b->bf16 || s.c->bf16 != s.d->bf16 || (s.d->bf16 && !s.a->bf16))
    shim_violation("%s: this combination of types does not exist", call);
  if (s.a->bf16 && s.m->compute != CUBLAS_COMPUTE_32F)
    shim_violation("%s: compute type %d with bf16", call, s.m->compute);
  if (s.a->batch != s.b->batch || s.a->batch != s.c->batch || s.a->batch != s.d->batch)
    shim_violation("%s: layouts of different batch counts", call);
  if (s.d->batch > 1 && s.d->batch_stride < s.d->ld * (s.cols - 1) + s.rows)
    shim_violation("%s: results of one batch overlap (stride %lld)", call,
                   (long long)s.d->batch_stride);
  check_epilogue(&s, call);
  return s;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t wishes, int wanted,
                                              cublasLtMatmulHeuristicResult_t result[],
                                              int *count) {
  static const char call[] = "cublasLtMatmulAlgoGetHeuristic";
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  preference *p;
  shapes s;
  shim_lock();
  shim_live(handle, SHIM_LT_HANDLE, call);
  p = shim_live(wishes, SHIM_LT_PREFERENCE, call);
  s = check(desc, a, b, c, d, call);
  if (wanted < 1) shim_violation("%s: %d results wanted", call, wanted);
  *count = 0;
  if (shim_enter(call)) {
    status = CUBLAS_STATUS_NOT_SUPPORTED;
  } else {
    algorithm algo = {.magic = ALGORITHM, .m = s.rows, .n = s.cols, .epilogue = s.m->epilogue};
    memcpy(algo.align, p->align, sizeof algo.align);
    algo.workspace = p->workspace >= WORKSPACE ? WORKSPACE : 0;
    memset(&result[0], 0, sizeof result[0]);
    memcpy(&result[0].algo, &algo, sizeof algo);
    result[0].workspaceSize = algo.workspace;
    result[0].state = CUBLAS_STATUS_SUCCESS;
    result[0].wavesCount = 1;
    *count = 1;
  }
  shim_unlock();
  return status;
}

/* ---- the product ---- */

typedef struct product {
  shim_work work;
  shim_tensor a, b, c, d, bias;
  bool trans_a, trans_b;
  uint32_t epilogue;
  shim_rounding rounding;
  float alpha, beta;
  int64_t rows, cols, inner, batch, aux_ld;
  unsigned char *aux;
  void *workspace;
  size_t workspace_bytes;
} product;

static shim_tensor tensor(const layout *l, const void *p) {
  shim_tensor t = {.data = (void *)(uintptr_t)p,
                   .bf16 = l->bf16,
                   .dim = {1, l->batch, l->cols, l->rows},
                   .stride = {0, l->batch_stride, l->ld, 1}};
  return t;
}

static void check_memory(const shim_tensor *t, size_t align, const char *what) {
  shim_check_device(t->data, (size_t)shim_extent(t), align, "cublasLtMatmul", what);
}

/* Element (i, j) of op(t). */
static float element(const shim_tensor *t, bool transposed, int64_t batch, int64_t i, int64_t j) {
  return shim_load(
      t, batch * t->stride[1] + (transposed ? j + i * t->stride[2] : i + j * t->stride[2]));
}

static float finish(const product *p, int64_t i, int64_t j, float v) {
  unsigned char *mask = p->aux ? p->aux + (j * p->aux_ld + i) / 8 : NULL,
                bit = (unsigned char)(1u << (i % 8));
  if (p->epilogue & CUBLASLT_EPILOGUE_BIAS) v += shim_load(&p->bias, i);
  if (p->epilogue == CUBLASLT_EPILOGUE_DRELU || p->epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD)
    return *mask & bit ? v : 0;
  if (!(p->epilogue & CUBLASLT_EPILOGUE_RELU)) return v;
  if (mask) *mask = (unsigned char)((*mask & ~bit) | (v > 0 ? bit : 0));
  return v > 0 || v != v ? v : 0;
}

static void gradient_of_bias(const product *p) {
  int64_t n = p->epilogue == CUBLASLT_EPILOGUE_BGRADB ? p->cols : p->rows;
  for (int64_t i = 0; i < n; i++) {
    float sum = 0;
    if (p->epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD)
      for (int64_t j = 0; j < p->cols; j++) sum += shim_load(&p->d, i + j * p->d.stride[2]);
    else
      for (int64_t k = 0; k < p->inner; k++)
        sum += p->epilogue == CUBLASLT_EPILOGUE_BGRADA ? element(&p->a, p->trans_a, 0, i, k)
                                                       : element(&p->b, p->trans_b, 0, k, i);
    shim_store(&p->bias, i, sum);
  }
}

VG_CPU_CLONES
static void add_scaled(float *y, const float *x, float by, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += x[i] * by;
}

/* left: inner x rows, so that the inmost loop runs over neighbours */
static void multiply(const product *p, int64_t batch, float *left, float *column) {
  for (int64_t k = 0; k < p->inner; k++)
    for (int64_t i = 0; i < p->rows; i++)
      left[k * p->rows + i] = shim_round(element(&p->a, p->trans_a, batch, i, k), p->rounding);
  for (int64_t j = 0; j < p->cols; j++) {
    memset(column, 0, (size_t)p->rows * sizeof *column);
    for (int64_t k = 0; k < p->inner; k++) {
      float b = shim_round(element(&p->b, p->trans_b, batch, k, j), p->rounding);
      add_scaled(column, left + k * p->rows, b, p->rows);
    }
    for (int64_t i = 0; i < p->rows; i++) {
      int64_t at = batch * p->d.stride[1] + j * p->d.stride[2] + i;
      float v = p->alpha * column[i];
      if (p->beta != 0)
        v += p->beta * shim_load(&p->c, batch * p->c.stride[1] + j * p->c.stride[2] + i);
      shim_store(&p->d, at, finish(p, i, j, v));
    }
  }
}

static void run(shim_work *w) {
  product *p = (product *)w;
  float *left = malloc((size_t)(p->inner * p->rows) * sizeof *left),
        *column = malloc((size_t)p->rows * sizeof *column);
  if (!left || !column) abort();
  check_memory(&p->a, 0, "A");
  check_memory(&p->b, 0, "B");
  check_memory(&p->d, 0, "D");
  if (p->workspace_bytes) {
    shim_check_device(p->workspace, p->workspace_bytes, 0, w->what, "workspace");
    memset(p->workspace, 0xff, p->workspace_bytes);
  }
  for (int64_t batch = 0; batch < p->batch; batch++) multiply(p, batch, left, column);
  if (p->epilogue == CUBLASLT_EPILOGUE_BGRADA || p->epilogue == CUBLASLT_EPILOGUE_BGRADB ||
      p->epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD)
    gradient_of_bias(p);
  free(left);
  free(column);
}

static void check_algorithm(const shapes *s, const cublasLtMatmulAlgo_t *given,
                            const void *const at[4], const void *workspace, size_t bytes) {
  algorithm algo;
  if (!given) return; /* then the library asks its heuristics itself */
  memcpy(&algo, given, sizeof algo);
  if (algo.magic != ALGORITHM)
    shim_violation("cublasLtMatmul: an algorithm that no heuristics returned");
  if (algo.m != s->rows || algo.n != s->cols || algo.epilogue != s->m->epilogue)
    shim_violation("cublasLtMatmul: an algorithm for another problem");
  for (int i = 0; i < 4; i++)
    if (algo.align[i] && (uintptr_t)at[i] % algo.align[i])
      shim_violation("cublasLtMatmul: %c = %p, but %u bytes of alignment were promised", "ABCD"[i],
                     at[i], algo.align[i]);
  if (bytes < algo.workspace)
    shim_violation("cublasLtMatmul: %zu bytes of workspace, the algorithm needs %llu", bytes,
                   (unsigned long long)algo.workspace);
  if (algo.workspace)
    shim_check_device(workspace, (size_t)algo.workspace, 256, "cublasLtMatmul", "workspace");
}

static product *prepare(const shapes *s, const void *a, const void *b, const void *c, void *d) {
  product *p = shim_work_new(sizeof *p, "cublasLtMatmul", run);
  p->a = tensor(s->a, a);
  p->b = tensor(s->b, b);
  p->c = tensor(s->c, c);
  p->d = tensor(s->d, d);
  p->trans_a = s->m->trans_a == CUBLAS_OP_T;
  p->trans_b = s->m->trans_b == CUBLAS_OP_T;
  p->epilogue = s->m->epilogue;
  p->rounding = s->m->compute == CUBLAS_COMPUTE_32F_FAST_TF32 ? SHIM_TF32 : SHIM_EXACT;
  p->rows = s->rows;
  p->cols = s->cols;
  p->inner = s->inner;
  p->batch = s->d->batch;
  check_memory(&p->a, s->a->bf16 ? 2 : 4, "A");
  check_memory(&p->b, s->b->bf16 ? 2 : 4, "B");
  check_memory(&p->d, s->d->bf16 ? 2 : 4, "D");
  if (has_bias(p->epilogue)) {
    int64_t n = p->epilogue == CUBLASLT_EPILOGUE_BGRADB ? p->cols : p->rows;
    p->bias = (shim_tensor){(void *)(uintptr_t)s->m->bias, s->d->bf16, {1, 1, 1, n}, {0, 0, 0, 1}};
    check_memory(&p->bias, s->d->bf16 ? 2 : 4, "the bias");
  }
  if (has_aux(p->epilogue)) {
    p->aux = s->m->aux;
    p->aux_ld = s->m->aux_ld;
    shim_check_device(p->aux, (size_t)(p->aux_ld / 8 * p->cols), 16, "cublasLtMatmul", "the mask");
  }
  return p;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t la, const void *b,
                              cublasLtMatrixLayout_t lb, const void *beta, const void *c,
                              cublasLtMatrixLayout_t lc, void *d, cublasLtMatrixLayout_t ld,
                              const cublasLtMatmulAlgo_t *algo, void *workspace, size_t bytes,
                              cudaStream_t stream) {
  const void *const at[4] = {a, b, c, d};
  struct cublasLtContext *h;
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  shapes s;
  shim_lock();
  h = shim_live(handle, SHIM_LT_HANDLE, "cublasLtMatmul");
  if (h->device != shim_current_device()) shim_violation("cublasLtMatmul: another device's handle");
  shim_check_stream(stream, "cublasLtMatmul");
  s = check(desc, la, lb, lc, ld, "cublasLtMatmul");
  check_algorithm(&s, algo, at, workspace, bytes);
  if (shim_enter("cublasLtMatmul")) {
    status = CUBLAS_STATUS_EXECUTION_FAILED;
  } else {
    product *p = prepare(&s, a, b, c, d);
    memcpy(&p->alpha, alpha, sizeof p->alpha);
    memcpy(&p->beta, beta, sizeof p->beta);
    if (p->beta != 0) check_memory(&p->c, 0, "C");
    if (c == d && memcmp(&p->c.stride, &p->d.stride, sizeof p->c.stride) != 0)
      shim_violation("cublasLtMatmul: in place with different layouts of C and D");
    p->workspace = workspace;
    p->workspace_bytes = algo ? bytes : 0;
    shim_submit(stream, &p->work);
  }
  shim_unlock();
  return status;
}
