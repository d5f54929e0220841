/* What cudnnBackendFinalize demands of each descriptor. */
#include <stdlib.h>
#include <string.h>

#include "dnn.h"

bool dnn_refused(const char *what) {
  const char *list = getenv("VG_SHIM_REFUSE");
  size_t len = strlen(what);
  for (const char *p = list; p && *p; p += *p == ',') {
    size_t n = strcspn(p, ",");
    if ((n == len && !strncmp(p, what, n)) || (n == 3 && !strncmp(p, "all", 3))) return true;
    p += n;
  }
  return false;
}

static int type_of(const dnn_descriptor *t) { return dnn_enum(t, CUDNN_ATTR_TENSOR_DATA_TYPE); }
static int64_t dim(const dnn_descriptor *t, int i) {
  return dnn_int(t, CUDNN_ATTR_TENSOR_DIMENSIONS, i);
}

static int64_t unique_id(const dnn_descriptor *t) {
  return dnn_int(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
}

static bool is_virtual(const dnn_descriptor *t) {
  const dnn_value *v = dnn_find(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL);
  return v && *(const bool *)v->data;
}

/* ---- tensors ---- */

static void tensor(const dnn_descriptor *d) {
  const dnn_value *dims = dnn_find(d, CUDNN_ATTR_TENSOR_DIMENSIONS),
                  *strides = dnn_find(d, CUDNN_ATTR_TENSOR_STRIDES);
  int type = type_of(d);
  int64_t alignment = dnn_int(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0);
  unique_id(d);
  if (!dims || !strides || dims->count != strides->count || dims->count != 4)
    shim_violation("cudnn tensor: want as many strides as dimensions, 4 here");
  if (type != CUDNN_DATA_FLOAT && type != CUDNN_DATA_BFLOAT16)
    shim_violation("cudnn tensor: data type %d (f32 and bf16 are known here)", type);
  if (alignment <= 0 || alignment % (type == CUDNN_DATA_FLOAT ? 4 : 2))
    shim_violation("cudnn tensor: alignment %lld is no multiple of the element's size",
                   (long long)alignment);
  for (int i = 0; i < 4; i++)
    if (dim(d, i) < 1 || dim(d, i) > 2147483647 || dnn_int(d, CUDNN_ATTR_TENSOR_STRIDES, i) < 1)
      shim_violation("cudnn tensor: dimension %d is %lld with stride %lld", i, (long long)dim(d, i),
                     (long long)dnn_int(d, CUDNN_ATTR_TENSOR_STRIDES, i));
  for (int i = 0; i < 4; i++) /* no element twice: each stride reaches over the smaller ones */
    for (int j = 0; j < 4; j++) {
      int64_t si = dnn_int(d, CUDNN_ATTR_TENSOR_STRIDES, i),
              sj = dnn_int(d, CUDNN_ATTR_TENSOR_STRIDES, j);
      if (i != j && dim(d, i) > 1 && dim(d, j) > 1 && si >= sj && si < sj * dim(d, j))
        shim_violation("cudnn tensor: dimensions %d and %d overlap in memory", i, j);
    }
}

/* ---- operations ---- */

static void convolution(const dnn_descriptor *d) {
  static const cudnnBackendAttributeName_t lists[] = {
      CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
      CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_ATTR_CONVOLUTION_DILATIONS};
  dnn_enum(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE);
  if (dnn_enum(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE) != CUDNN_DATA_FLOAT)
    shim_violation("cudnn convolution: computes in another type than float");
  if (dnn_int(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0) != 2)
    shim_violation("cudnn convolution: not over two dimensions");
  for (int l = 0; l < 4; l++)
    for (int i = 0; i < 2; i++)
      if (dnn_int(d, lists[l], i) < (l < 2 ? 0 : 1))
        shim_violation("cudnn convolution: padding, stride or dilation %lld",
                       (long long)dnn_int(d, lists[l], i));
}

static void pointwise_operation(const dnn_descriptor *d) {
  const dnn_descriptor *pw = dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 0),
                       *x = dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 0),
                       *y = dnn_part(d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 0),
                       *b = dnn_maybe_part(d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  int mode = dnn_enum(pw, CUDNN_ATTR_POINTWISE_MODE);
  bool binary = mode == CUDNN_POINTWISE_ADD || mode == CUDNN_POINTWISE_MUL;
  if (!binary && mode != CUDNN_POINTWISE_RELU_FWD && mode != CUDNN_POINTWISE_IDENTITY)
    shim_violation("cudnn pointwise: mode %d is not known here", mode);
  if (binary != (b != NULL))
    shim_violation("cudnn pointwise: second input where %d wants %d", mode, binary);
  for (int i = 0; i < 4; i++) {
    if (dim(x, i) != dim(y, i))
      shim_violation("cudnn pointwise: x and y differ in dimension %d", i);
    if (b && dim(b, i) != 1 && dim(b, i) != dim(y, i))
      shim_violation("cudnn pointwise: b does not broadcast to y in dimension %d", i);
  }
}

static void genstats_operation(const dnn_descriptor *d) {
  const dnn_descriptor *x = dnn_part(d, CUDNN_ATTR_OPERATION_GENSTATS_XDESC, 0);
  const cudnnBackendAttributeName_t out[] = {CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC,
                                             CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC};
  if (dnn_enum(d, CUDNN_ATTR_OPERATION_GENSTATS_MODE) != CUDNN_GENSTATS_SUM_SQSUM)
    shim_violation("cudnn statistics: mode %d is not known here",
                   dnn_enum(d, CUDNN_ATTR_OPERATION_GENSTATS_MODE));
  if (dnn_enum(d, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC) != CUDNN_DATA_FLOAT)
    shim_violation("cudnn statistics: computes in another type than float");
  if (is_virtual(x)) shim_violation("cudnn statistics: x is virtual");
  if (unique_id(dnn_part(d, out[0], 0)) == unique_id(dnn_part(d, out[1], 0)))
    shim_violation("cudnn statistics: both sums are one tensor");
  for (int o = 0; o < 2; o++) {
    const dnn_descriptor *s = dnn_part(d, out[o], 0);
    for (int i = 0; i < 4; i++)
      if (dim(s, i) != (i == 1 ? dim(x, 1) : 1))
        shim_violation("cudnn statistics: the sum is not 1 x C x 1 x 1");
    if (type_of(s) != CUDNN_DATA_FLOAT) shim_violation("cudnn statistics: sums not in float");
    if (is_virtual(s)) shim_violation("cudnn statistics: a sum is virtual");
    if (dnn_int(s, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0) % 16)
      shim_violation("cudnn statistics: sums of less than 16 bytes' alignment");
  }
}

static void convolution_operation(const dnn_descriptor *d, const dnn_descriptor *v,
                                  const dnn_descriptor *x, const dnn_descriptor *w,
                                  const dnn_descriptor *y) {
  int64_t cg = dim(w, 1), k = dim(w, 0);
  if (dim(x, 1) % cg || k % (dim(x, 1) / cg))
    shim_violation("cudnn convolution: %lld channels, weight %lld x %lld", (long long)dim(x, 1),
                   (long long)k, (long long)cg);
  if (dim(y, 0) != dim(x, 0) || dim(y, 1) != k)
    shim_violation("cudnn convolution: y is %lld x %lld, want %lld x %lld", (long long)dim(y, 0),
                   (long long)dim(y, 1), (long long)dim(x, 0), (long long)k);
  for (int i = 0; i < 2; i++) {
    int64_t span = (dim(w, 2 + i) - 1) * dnn_int(v, CUDNN_ATTR_CONVOLUTION_DILATIONS, i) + 1;
    int64_t size = (dim(x, 2 + i) + dnn_int(v, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, i) +
                    dnn_int(v, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, i) - span) /
                       dnn_int(v, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, i) +
                   1;
    if (size != dim(y, 2 + i))
      shim_violation("cudnn convolution: y has size %lld, want %lld", (long long)dim(y, 2 + i),
                     (long long)size);
  }
  (void)d;
}

/* ---- graphs ---- */

static const cudnnBackendAttributeName_t tensors_of[] = {
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
    CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
    CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
    CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
    CUDNN_ATTR_OPERATION_GENSTATS_XDESC,
    CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC,
    CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC};

static void same_tensor(const dnn_descriptor *a, const dnn_descriptor *b) {
  for (int i = 0; i < 4; i++)
    if (dim(a, i) != dim(b, i) ||
        dnn_int(a, CUDNN_ATTR_TENSOR_STRIDES, i) != dnn_int(b, CUDNN_ATTR_TENSOR_STRIDES, i))
      shim_violation("cudnn graph: two different tensors have id %lld", (long long)unique_id(a));
}

static void check_ids(const dnn_descriptor *g) {
  const dnn_descriptor *seen[DNN_MOST_TENSORS];
  const dnn_value *ops = dnn_find(g, CUDNN_ATTR_OPERATIONGRAPH_OPS);
  int n = 0;
  if (!ops) shim_violation("cudnn graph: no operations");
  for (int64_t o = 0; o < ops->count; o++)
    for (size_t i = 0; i < sizeof tensors_of / sizeof *tensors_of; i++) {
      const dnn_descriptor *t =
          dnn_maybe_part(dnn_part(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, o), tensors_of[i]);
      bool known = false;
      for (int j = 0; t && j < n; j++)
        if (unique_id(t) == unique_id(seen[j])) {
          same_tensor(t, seen[j]);
          known = true;
        }
      if (t && !known && n < DNN_MOST_TENSORS) seen[n++] = t;
    }
}

static bool has_statistics(const dnn_descriptor *g) {
  int64_t n = dnn_find(g, CUDNN_ATTR_OPERATIONGRAPH_OPS)->count;
  for (int64_t i = 0; i < n; i++)
    if (dnn_part(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, i)->type ==
        CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
      return true;
  return false;
}

/* Which of the things that VG_SHIM_REFUSE names the graph has. */
static cudnnStatus_t refusal(const dnn_descriptor *g) {
  const dnn_value *ops = dnn_find(g, CUDNN_ATTR_OPERATIONGRAPH_OPS);
  const dnn_descriptor *op = dnn_part(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, 0);
  const dnn_descriptor *dw = dnn_maybe_part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW),
                       *x = dnn_maybe_part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X);
  bool bf16 = false;
  for (size_t i = 0; i < sizeof tensors_of / sizeof *tensors_of; i++) {
    const dnn_descriptor *t = dnn_maybe_part(op, tensors_of[i]);
    bf16 |= t && type_of(t) == CUDNN_DATA_BFLOAT16;
  }
  if (dnn_refused(bf16 ? "bf16" : "f32")) return CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE;
  if (dw && type_of(dw) != type_of(x) && dnn_refused("f32dw"))
    return CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE;
  if (ops->count > 1 && dnn_refused("fusion")) return CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN;
  if (has_statistics(g) && dnn_refused("stats")) return CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN;
  return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t graph(const dnn_descriptor *d) {
  check_ids(d);
  if (!dnn_find(d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) shim_violation("cudnn graph: no handle");
  return refusal(d);
}

/* ---- plans ---- */

static cudnnStatus_t configuration(const dnn_descriptor *d) {
  const dnn_descriptor *engine = dnn_part(d, CUDNN_ATTR_ENGINECFG_ENGINE, 0);
  const dnn_engine *e = dnn_engine_numbered(dnn_int(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0));
  const dnn_value *knobs = dnn_find(d, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES);
  for (int64_t i = 0; knobs && i < knobs->count; i++) {
    const dnn_descriptor *k = dnn_part(d, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, i);
    int64_t value = dnn_int(k, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 0);
    if (dnn_enum(k, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE) != CUDNN_KNOB_TYPE_TILE_SIZE || value < 0 ||
        value > e->knob_most)
      return CUDNN_STATUS_BAD_PARAM;
  }
  return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t plan(const dnn_descriptor *d) {
  const dnn_descriptor *config = dnn_part(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 0);
  const dnn_descriptor *engine = dnn_part(config, CUDNN_ATTR_ENGINECFG_ENGINE, 0);
  if (!dnn_find(d, CUDNN_ATTR_EXECUTION_PLAN_HANDLE)) shim_violation("cudnn plan: no handle");
  shim_not_while_capturing("cudnnBackendFinalize of a plan");
  if (shim_enter("cudnn plan")) return CUDNN_STATUS_NOT_SUPPORTED;
  return dnn_supports(dnn_engine_numbered(dnn_int(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0)),
                      dnn_part(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 0));
}

static void pack(const dnn_descriptor *d) {
  const dnn_value *ids = dnn_find(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS),
                  *pointers = dnn_find(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (!ids || !pointers || ids->count != pointers->count)
    shim_violation("cudnn variant pack: as many ids as pointers are wanted");
  for (int64_t i = 0; i < ids->count; i++)
    for (int64_t j = 0; j < i; j++)
      if (((const int64_t *)ids->data)[i] == ((const int64_t *)ids->data)[j])
        shim_violation("cudnn variant pack: id %lld twice",
                       (long long)((const int64_t *)ids->data)[i]);
}

cudnnStatus_t dnn_finalize(dnn_descriptor *d) {
  switch (d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR: tensor(d); break;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR: convolution(d); break;
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
      dnn_enum(d, CUDNN_ATTR_POINTWISE_MODE);
      if (dnn_enum(d, CUDNN_ATTR_POINTWISE_MATH_PREC) != CUDNN_DATA_FLOAT)
        shim_violation("cudnn pointwise: computes in another type than float");
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      convolution_operation(d, dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, 0));
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      convolution_operation(d, dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, 0));
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      convolution_operation(d,
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, 0),
                            dnn_part(d, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, 0));
      break;
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: pointwise_operation(d); break;
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR: genstats_operation(d); break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: return graph(d);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      dnn_part(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 0);
      dnn_enum(d, CUDNN_ATTR_ENGINEHEUR_MODE);
      break;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      dnn_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 0);
      if (!dnn_engine_numbered(dnn_int(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0)))
        return CUDNN_STATUS_NOT_SUPPORTED;
      break;
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
      dnn_enum(d, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE);
      dnn_int(d, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 0);
      break;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR: return configuration(d);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: return plan(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR: pack(d); break;
    default:
      shim_violation("cudnnBackendFinalize: descriptor type %d is not known here", (int)d->type);
  }
  return CUDNN_STATUS_SUCCESS;
}
