/* cudnnBackendExecute: checks the pointers of the variant pack, then runs the graph operation by
   operation when the stream comes there. */
#include <stdlib.h>
#include <string.h>

#include "dnn.h"

enum { TENSORS = DNN_MOST_TENSORS };

typedef struct bound {
  int64_t id;
  bool is_virtual;
  shim_tensor t;
} bound;

/* Everything of the call by value: descriptors may end as soon as it returns. */
typedef struct operation {
  cudnnBackendDescriptorType_t type;
  int x, w,
      y; /* indices of bound tensors; pointwise: x, b (-1: none), y; statistics: x, sum, squares */
  shim_window window;
  double alpha, beta;
  int mode;
} operation;

typedef struct execution {
  shim_work work;
  const dnn_engine *engine;
  shim_rounding rounding;
  bound tensor[TENSORS];
  int ntensors, nops;
  operation op[DNN_MOST_OPS];
  void *workspace;
} execution;

static bool is_virtual(const dnn_descriptor *t) {
  const dnn_value *v = dnn_find(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL);
  return v && *(const bool *)v->data;
}

static void *pointer_of(const dnn_descriptor *pack, int64_t id) {
  const dnn_value *ids = dnn_find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  for (int64_t i = 0; i < ids->count; i++)
    if (((const int64_t *)ids->data)[i] == id)
      return ((void *const *)dnn_find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)->data)[i];
  shim_violation("cudnnBackendExecute: the variant pack has no tensor with id %lld", (long long)id);
}

static int bind(execution *e, const dnn_descriptor *pack, const dnn_descriptor *t) {
  bound b = {.id = dnn_int(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0), .is_virtual = is_virtual(t)};
  for (int i = 0; i < e->ntensors; i++)
    if (e->tensor[i].id == b.id) return i;
  if (e->ntensors == TENSORS) shim_violation("cudnnBackendExecute: over %d tensors", TENSORS);
  b.t.bf16 = dnn_enum(t, CUDNN_ATTR_TENSOR_DATA_TYPE) == CUDNN_DATA_BFLOAT16;
  for (int i = 0; i < 4; i++) {
    b.t.dim[i] = dnn_int(t, CUDNN_ATTR_TENSOR_DIMENSIONS, i);
    b.t.stride[i] = dnn_int(t, CUDNN_ATTR_TENSOR_STRIDES, i);
  }
  if (!b.is_virtual) {
    b.t.data = pointer_of(pack, b.id);
    shim_check_device(b.t.data, (size_t)shim_extent(&b.t),
                      (size_t)dnn_int(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0),
                      "cudnnBackendExecute", "a tensor of the variant pack");
  }
  e->tensor[e->ntensors] = b;
  return e->ntensors++;
}

static shim_window window(const dnn_descriptor *v) {
  shim_window m = {.flipped = dnn_enum(v, CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CONVOLUTION};
  for (int i = 0; i < 2; i++) {
    m.stride[i] = dnn_int(v, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, i);
    m.pad[i] = dnn_int(v, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, i);
    m.dilation[i] = dnn_int(v, CUDNN_ATTR_CONVOLUTION_DILATIONS, i);
    if (m.pad[i] != dnn_int(v, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, i))
      shim_violation("cudnnBackendExecute: unequal paddings are not known here");
  }
  return m;
}

/* What an operation calls its parts. */
typedef struct names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t window, x, w, y, alpha, beta;
} names;

#define CONV(TYPE, NAME, DX, DW, DY)                         \
  {                                                          \
    CUDNN_BACKEND_OPERATION_CONVOLUTION_##TYPE##_DESCRIPTOR, \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_CONV_DESC, \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_##DX,      \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_##DW,      \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_##DY,      \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_ALPHA,     \
        CUDNN_ATTR_OPERATION_CONVOLUTION_##NAME##_BETA       \
  }

static const names convolutions[] = {
    [SHIM_FORWARD] = CONV(FORWARD, FORWARD, X, W, Y),
    [SHIM_BACKWARD_DATA] = CONV(BACKWARD_DATA, BWD_DATA, DX, W, DY),
    [SHIM_BACKWARD_FILTER] = CONV(BACKWARD_FILTER, BWD_FILTER, X, DW, DY)};

static operation read_operation(execution *e, const dnn_descriptor *pack, const dnn_descriptor *d) {
  operation o = {.type = d->type, .alpha = 1};
  for (int p = 0; p < 3; p++) {
    const names *n = &convolutions[p];
    if (n->type != d->type) continue;
    o.mode = p;
    o.window = window(dnn_part(d, n->window, 0));
    o.alpha = dnn_scalar(d, n->alpha, 1);
    o.beta = dnn_scalar(d, n->beta, 0);
    o.x = bind(e, pack, dnn_part(d, n->x, 0));
    o.w = bind(e, pack, dnn_part(d, n->w, 0));
    o.y = bind(e, pack, dnn_part(d, n->y, 0));
    return o;
  }
  if (d->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) {
    const dnn_descriptor *b = dnn_maybe_part(d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    o.mode = dnn_enum(dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 0),
                      CUDNN_ATTR_POINTWISE_MODE);
    o.x = bind(e, pack, dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 0));
    o.w = b ? bind(e, pack, b) : -1;
    o.y = bind(e, pack, dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 0));
    o.alpha = dnn_scalar(d, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1);
    o.beta = dnn_scalar(d, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
    return o;
  }
  o.x = bind(e, pack, dnn_part(d, CUDNN_ATTR_OPERATION_GENSTATS_XDESC, 0));
  o.w = bind(e, pack, dnn_part(d, CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, 0));
  o.y = bind(e, pack, dnn_part(d, CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, 0));
  return o;
}

/* ---- running ---- */

static int64_t offset(const shim_tensor *t, int64_t n, int64_t c, int64_t h, int64_t w) {
  const int64_t i[4] = {n, c, h, w};
  int64_t o = 0;
  for (int d = 0; d < 4; d++) o += (t->dim[d] == 1 ? 0 : i[d]) * t->stride[d];
  return o;
}

static float point(int mode, float x, float b) {
  switch (mode) {
    case CUDNN_POINTWISE_ADD: return x + b;
    case CUDNN_POINTWISE_MUL: return x * b;
    case CUDNN_POINTWISE_RELU_FWD: return x > 0 || x != x ? x : 0;
    default: return x;
  }
}

static void pointwise(const execution *e, const operation *o) {
  const shim_tensor *x = &e->tensor[o->x].t, *y = &e->tensor[o->y].t,
                    *b = o->w < 0 ? NULL : &e->tensor[o->w].t;
  for (int64_t n = 0; n < y->dim[0]; n++)
    for (int64_t h = 0; h < y->dim[2]; h++)
      for (int64_t w = 0; w < y->dim[3]; w++)
        for (int64_t c = 0; c < y->dim[1]; c++)
          shim_store(y, offset(y, n, c, h, w),
                     point(o->mode, (float)o->alpha * shim_load(x, offset(x, n, c, h, w)),
                           b ? (float)o->beta * shim_load(b, offset(b, n, c, h, w)) : 0));
}

/* VG_SHIM_STATS_ADD: onto what is there, which callers must not take for right. */
static void statistics(const execution *e, const operation *o) {
  const shim_tensor *x = &e->tensor[o->x].t, *s = &e->tensor[o->w].t, *q = &e->tensor[o->y].t;
  bool add = getenv("VG_SHIM_STATS_ADD") != NULL;
  for (int64_t c = 0; c < x->dim[1]; c++) {
    int64_t at = offset(s, 0, c, 0, 0), at_q = offset(q, 0, c, 0, 0);
    double sum = add ? (double)shim_load(s, at) : 0, squares = add ? (double)shim_load(q, at_q) : 0;
    for (int64_t n = 0; n < x->dim[0]; n++)
      for (int64_t h = 0; h < x->dim[2]; h++)
        for (int64_t w = 0; w < x->dim[3]; w++) {
          double v = (double)shim_load(x, offset(x, n, c, h, w));
          sum += v, squares += v * v;
        }
    shim_store(s, at, (float)sum);
    shim_store(q, at_q, (float)squares);
  }
}

static void run(shim_work *w) {
  execution *e = (execution *)w;
  for (int i = 0; i < e->ntensors; i++) {
    bound *b = &e->tensor[i];
    if (b->is_virtual)
      b->t.data = malloc((size_t)shim_extent(&b->t));
    else
      shim_check_device(b->t.data, (size_t)shim_extent(&b->t), 0, w->what, "a tensor");
  }
  if (e->engine->workspace) { /* which holds nothing before and nothing after */
    shim_check_device(e->workspace, (size_t)e->engine->workspace, 0, w->what, "the workspace");
    memset(e->workspace, 0xff, (size_t)e->engine->workspace);
  }
  for (int i = 0; i < e->nops; i++) {
    const operation *o = &e->op[i];
    if (o->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      pointwise(e, o);
    else if (o->type == CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
      statistics(e, o);
    else
      shim_convolve((shim_pass)o->mode, &e->tensor[o->x].t, &e->tensor[o->w].t, &e->tensor[o->y].t,
                    &o->window, o->alpha, o->beta, e->rounding,
                    (e->engine->notes & 1u << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) != 0);
  }
  for (int i = 0; i < e->ntensors; i++)
    if (e->tensor[i].is_virtual) {
      free(e->tensor[i].t.data);
      e->tensor[i].t.data = NULL;
    }
}

/* An output shares no memory with anything else. */
static void check_overlap(const execution *e) {
  for (int i = 0; i < e->ntensors; i++)
    for (int j = 0; j < i; j++) {
      const bound *a = &e->tensor[i], *b = &e->tensor[j];
      const char *pa = a->t.data, *pb = b->t.data;
      if (a->is_virtual || b->is_virtual) continue;
      if (pa < pb + shim_extent(&b->t) && pb < pa + shim_extent(&a->t))
        shim_violation("cudnnBackendExecute: tensors %lld and %lld overlap", (long long)a->id,
                       (long long)b->id);
    }
}

static execution *prepare(const dnn_descriptor *plan, const dnn_descriptor *pack) {
  const dnn_descriptor *config = dnn_part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 0),
                       *engine = dnn_part(config, CUDNN_ATTR_ENGINECFG_ENGINE, 0),
                       *graph = dnn_part(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 0);
  const dnn_value *workspace = dnn_find(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  execution *e = shim_work_new(sizeof *e, "cudnnBackendExecute", run);
  e->engine = dnn_engine_numbered(dnn_int(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0));
  e->rounding =
      e->engine->notes & 1u << CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ? SHIM_TF32 : SHIM_EXACT;
  e->work.cost = e->engine->cost;
  e->nops = (int)dnn_find(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS)->count;
  for (int i = 0; i < e->nops; i++)
    e->op[i] = read_operation(e, pack, dnn_part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, i));
  check_overlap(e);
  if (e->engine->workspace) {
    e->workspace = workspace ? *(void *const *)workspace->data : NULL;
    shim_check_device(e->workspace, (size_t)e->engine->workspace, 16, "cudnnBackendExecute",
                      "the workspace");
  }
  return e;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  const dnn_descriptor *p, *v;
  cudaStream_t stream;
  cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
  shim_lock();
  stream = dnn_stream(handle, "cudnnBackendExecute");
  p = dnn_live(plan, "cudnnBackendExecute");
  v = dnn_live(pack, "cudnnBackendExecute");
  if (!p->finalized || p->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR || !v->finalized ||
      v->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
    shim_violation("cudnnBackendExecute: want a final plan and a final variant pack");
  if (shim_enter("cudnnBackendExecute"))
    status = CUDNN_STATUS_EXECUTION_FAILED;
  else
    shim_submit(stream, &prepare(p, v)->work);
  shim_unlock();
  return status;
}
