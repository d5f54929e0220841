/* Matrix products by cuBLASLt, which counts columns first: c = a b in rows is c' = b' a' in
   columns, so that b comes first, the bias lies along the rows of the result as its epilogue wants
   it, and nothing is ever transposed. Descriptors and the algorithm are made once a problem. */
#include <string.h>

#include "base/alloc.h"
#include "cuda/beside.h"
#include "cuda/grad_norm.h"
#include "cuda/weights.h"

enum { BUCKETS = 128 };
static const size_t MOST_WORKSPACE = (size_t)32 << 20;

/* An operand in columns: rows x cols with a step from one column to the next. */
typedef struct operand {
  int64_t rows, cols, ld, batch_stride;
  int32_t bf16, transposed, align, unused;
} operand;

/* Compared and hashed as bytes. */
typedef struct problem {
  int64_t batch;
  operand first, second, result; /* b, a, c */
  int32_t bias, tf32;
} problem;

typedef struct product {
  problem p;
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t first, second, result;
  cublasLtMatmulAlgo_t algo;
  size_t workspace;
  struct product *next;
} product;

typedef struct table {
  product *bucket[BUCKETS];
} table;

static void free_product(product *e) {
  if (!e) return;
  if (e->desc) cublasLtMatmulDescDestroy(e->desc);
  if (e->first) cublasLtMatrixLayoutDestroy(e->first);
  if (e->second) cublasLtMatrixLayoutDestroy(e->second);
  if (e->result) cublasLtMatrixLayoutDestroy(e->result);
  vg_free(e);
}

static void close_table(void *t) {
  for (int i = 0; i < BUCKETS; i++)
    for (product *e = ((table *)t)->bucket[i], *next; e; e = next) {
      next = e->next;
      free_product(e);
    }
  vg_free(t);
}

/* ---- describing ---- */

static int32_t alignment(const void *p) {
  uintptr_t bits = (uintptr_t)p;
  int32_t align = 256;
  while (bits % (uintptr_t)align) align /= 2;
  return align;
}

/* The last two dimensions of t; `memory` may be a converted copy of it, element for element. */
static operand describe(const vg_tensor *t, const void *memory, bool bf16) {
  int64_t rows = t->shape[1], cols = t->shape[2], sr = t->stride[1], sc = t->stride[2];
  bool dense_rows = sc == 1 || cols == 1; /* the stride of a dimension of size 1 means nothing */
  int64_t least = dense_rows ? cols : rows, other = dense_rows ? rows : cols,
          step = dense_rows ? sr : sc;
  operand o = {.rows = least,
               .cols = other,
               .ld = other == 1 || step < least ? least : step,
               .batch_stride = t->shape[0] == 1 ? 0 : t->stride[0],
               .bf16 = bf16,
               .transposed = !dense_rows,
               .align = alignment(memory)};
  return o;
}

static vg_status layout(cublasLtMatrixLayout_t *out, const operand *o, int64_t batch) {
  int32_t count = (int32_t)batch;
  vg_status st;
  VG_TRY(VG_CUBLAS(cublasLtMatrixLayoutCreate(out, o->bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                              (uint64_t)o->rows, (uint64_t)o->cols, o->ld)));
  VG_TRY(VG_CUBLAS(cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                    &count, sizeof count)));
  VG_TRY(
      VG_CUBLAS(cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                 &o->batch_stride, sizeof o->batch_stride)));
done:
  return st;
}

static vg_status set(product *e, cublasLtMatmulDescAttributes_t name, const void *v, size_t n) {
  return VG_CUBLAS(cublasLtMatmulDescSetAttribute(e->desc, name, v, n));
}

static vg_status operation(product *e, const void *bias) {
  const problem *p = &e->p;
  cublasComputeType_t compute = p->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasOperation_t first = p->first.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                    second = p->second.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = p->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  cudaDataType_t type = p->result.bf16 ? CUDA_R_16BF : CUDA_R_32F;
  vg_status st;
  VG_TRY(VG_CUBLAS(cublasLtMatmulDescCreate(&e->desc, compute, CUDA_R_32F)));
  VG_TRY(set(e, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
  VG_TRY(set(e, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
  VG_TRY(set(e, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  if (!p->bias) return VG_OK;
  VG_TRY(set(e, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type));
  VG_TRY(set(e, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
done:
  return st;
}

static vg_status prefer(cublasLtMatmulPreference_t f, cublasLtMatmulPreferenceAttributes_t name,
                        int32_t align) {
  uint32_t bytes = (uint32_t)align;
  return VG_CUBLAS(cublasLtMatmulPreferenceSetAttribute(f, name, &bytes, sizeof bytes));
}

static vg_status choose(product *e, cublasLtHandle_t lt) {
  cublasLtMatmulPreference_t f = NULL;
  cublasLtMatmulHeuristicResult_t found;
  int n = 0;
  vg_status st;
  VG_TRY(VG_CUBLAS(cublasLtMatmulPreferenceCreate(&f)));
  VG_TRY(VG_CUBLAS(cublasLtMatmulPreferenceSetAttribute(f, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                        &MOST_WORKSPACE, sizeof MOST_WORKSPACE)));
  VG_TRY(prefer(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, e->p.first.align));
  VG_TRY(prefer(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, e->p.second.align));
  VG_TRY(prefer(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, e->p.result.align));
  VG_TRY(prefer(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, e->p.result.align));
  memset(&found, 0, sizeof found);
  VG_TRY(VG_CUBLAS(cublasLtMatmulAlgoGetHeuristic(lt, e->desc, e->first, e->second, e->result,
                                                  e->result, f, 1, &found, &n)));
  if (n < 1 || found.state != CUBLAS_STATUS_SUCCESS)
    st = vg_fail(VG_EUNSUPPORTED, "matmul: cuBLASLt has no algorithm for this product");
  e->algo = found.algo;
  e->workspace = found.workspaceSize;
done:
  if (f) cublasLtMatmulPreferenceDestroy(f);
  return st;
}

static vg_status make(product **out, const problem *p, vg_device *d, const void *bias) {
  cublasLtHandle_t lt;
  product *e = vg_calloc(1, sizeof *e);
  vg_status st;
  if (!e) return VG_ENOMEM;
  e->p = *p;
  VG_TRY(vg_cuda_lt(&lt, d));
  VG_TRY(operation(e, bias));
  VG_TRY(layout(&e->first, &p->first, p->batch));
  VG_TRY(layout(&e->second, &p->second, p->batch));
  VG_TRY(layout(&e->result, &p->result, p->batch));
  VG_TRY(choose(e, lt));
  *out = e;
  e = NULL;
done:
  free_product(e);
  return st;
}

static vg_status find(product **out, vg_device *d, const problem *p, const void *bias) {
  vg_cuda_priv *priv = vg_cuda_state(d);
  const unsigned char *bytes = (const unsigned char *)p;
  uint32_t h = 2166136261u;
  product **at;
  vg_status st = VG_OK;
  if (!priv->products && !(priv->products = vg_calloc(1, sizeof(table)))) return VG_ENOMEM;
  priv->products_close = close_table;
  for (size_t i = 0; i < sizeof *p; i++) h = (h ^ bytes[i]) * 16777619u;
  at = &((table *)priv->products)->bucket[h % BUCKETS];
  for (*out = *at; *out; *out = (*out)->next)
    if (!memcmp(&(*out)->p, p, sizeof *p)) return VG_OK;
  VG_TRY(make(out, p, d, bias));
  (*out)->next = *at;
  *at = *out;
done:
  return st;
}

/* ---- running ---- */

static vg_status run(vg_device *d, product *e, const void *first, const void *second, void *result,
                     const void *bias, vg_buf *workspace, cudaStream_t s) {
  const float one = 1, zero = 0;
  cublasLtHandle_t lt;
  vg_status st;
  VG_TRY(vg_cuda_lt(&lt, d));
  if (e->p.bias) VG_TRY(set(e, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
  if (e->workspace) VG_TRY(vg_cuda_take(workspace, d, e->workspace));
  VG_TRY(VG_CUBLAS(cublasLtMatmul(lt, e->desc, &one, first, e->first, second, e->second, &zero,
                                  result, e->result, result, e->result, &e->algo, workspace->ptr,
                                  e->workspace, s)));
done:
  return st;
}

/* Memory of t in the type of the product: an f32 weight beside bf16 activations is converted. */
static vg_status operand_in(const void **out, vg_device *d, const vg_tensor *t, bool bf16) {
  vg_cuda_form form = {.bf16 = true};
  *out = vg_cuda_data(t);
  if (!bf16 || t->dtype == VG_BF16) return VG_OK;
  return vg_cuda_weight(out, d, t, form);
}

/* A sum of nothing. */
static vg_status no_inner(vg_device *d, vg_tensor *c, const vg_tensor *bias) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_status st;
  VG_TRY(VG_CUDA(cudaMemsetAsync(vg_cuda_data(c), 0, (size_t)c->n * vg_dtype_size(c->dtype), s)));
  if (bias)
    VG_TRY(VG_CUDA(vg_cuda_add_bias(vg_cuda_data(c), c->dtype == VG_BF16, vg_cuda_data(bias),
                                    c->shape[0] * c->shape[1], c->shape[2], s)));
done:
  return st;
}

/* A gradient that nobody needs before the end of a recorded step. */
static bool is_aside(vg_device *d, const vg_tensor *t) {
  return vg_cuda_capturing(d) && t->storage->buf.lasting;
}

/* What was launched on the branch reads a and b (NULL: not) and writes c. */
static vg_status leave(vg_device *d, vg_buf *workspace, const vg_tensor *c, const vg_tensor *a,
                       const vg_tensor *b) {
  vg_status st;
  VG_TRY(vg_cuda_beside_writes(d, c));
  VG_TRY(vg_cuda_beside_reads(d, a));
  if (b) VG_TRY(vg_cuda_beside_reads(d, b));
  VG_TRY(vg_cuda_beside_keeps(d, workspace));
done:
  return st;
}

static bool is_float(const vg_tensor *t) { return t->dtype == VG_F32 || t->dtype == VG_BF16; }

static vg_status matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                        const vg_tensor *bias) {
  bool bf16 = a->dtype == VG_BF16 || b->dtype == VG_BF16, aside = is_aside(d, c);
  vg_buf workspace = {0};
  const void *am, *bm, *bias_memory = NULL;
  void *cm;
  problem p;
  product *e;
  vg_status st;
  if (!is_float(a) || !is_float(b) || !is_float(c) || (c->dtype == VG_BF16 && !bf16))
    return vg_fail(VG_EUNSUPPORTED, "matmul: cuda has none of %s and %s to %s",
                   vg_dtype_name(a->dtype), vg_dtype_name(b->dtype), vg_dtype_name(c->dtype));
  if (c->n == 0) return VG_OK;
  if (a->shape[2] == 0) return no_inner(d, c, bias);
  VG_TRY(operand_in(&am, d, a, bf16));
  VG_TRY(operand_in(&bm, d, b, bf16));
  if (bias) VG_TRY(operand_in(&bias_memory, d, bias, c->dtype == VG_BF16));
  memset(&p, 0, sizeof p);
  p.batch = c->shape[0];
  p.first = describe(b, bm, bf16);
  p.second = describe(a, am, bf16);
  cm = vg_cuda_data(c);
  p.result = describe(c, cm, c->dtype == VG_BF16);
  p.bias = bias != NULL;
  p.tf32 = !bf16 && d->ctx->tf32;
  VG_TRY(find(&e, d, &p, bias_memory));
  if (aside) VG_TRY(vg_cuda_beside_fork(d));
  VG_TRY(run(d, e, bm, am, cm, bias_memory, &workspace,
             aside ? vg_cuda_state(d)->side : vg_cuda_stream(d)));
  if (aside) VG_TRY(vg_cuda_squares_beside(d, c));
  if (aside) VG_TRY(leave(d, &workspace, c, a, b));
done:
  vg_buf_give(&workspace);
  return st;
}

static vg_status sum_rows(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  vg_buf partial = {0};
  int64_t rows = x->shape[0], cols = x->shape[1];
  bool aside = vg_cuda_capturing(d); /* only gradients are such sums */
  void *to = vg_cuda_data(y);
  const void *from = vg_cuda_data(x);
  vg_status st;
  if (!is_float(x) || y->dtype != VG_F32)
    return vg_fail(VG_EUNSUPPORTED, "sum_rows: cuda has none of %s to %s", vg_dtype_name(x->dtype),
                   vg_dtype_name(y->dtype));
  VG_TRY(vg_cuda_take(&partial, d, (size_t)(vg_cuda_sum_parts(rows) * cols) * sizeof(double)));
  if (aside) VG_TRY(vg_cuda_beside_fork(d));
  VG_TRY(VG_CUDA(vg_cuda_sum_rows(to, from, x->dtype == VG_BF16, rows, cols, partial.ptr,
                                  aside ? vg_cuda_state(d)->side : vg_cuda_stream(d))));
  if (aside) VG_TRY(leave(d, &partial, y, x, NULL));
done:
  vg_buf_give(&partial);
  return st;
}

const vg_matmul_vt vg_cuda_matmul = {.matmul = matmul, .sum_rows = sum_rows};
