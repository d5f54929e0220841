/* Descriptors of the backend API: which attributes each type has, their types and counts, and the
   order create, set, finalize, get. */
#include <stdlib.h>
#include <string.h>

#include "dnn.h"

typedef struct rule {
  cudnnBackendDescriptorType_t owner;
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  int64_t least, most;               /* elements of a set; most 0: it can only be read */
  cudnnBackendDescriptorType_t part; /* for descriptors: what they must be; -1: an operation */
} rule;

#define ANY_OPERATION ((cudnnBackendDescriptorType_t)-1)
#define VALUE(owner, name, type, least, most) \
  { CUDNN_BACKEND_##owner##_DESCRIPTOR, CUDNN_ATTR_##name, CUDNN_TYPE_##type, least, most, 0 }
#define PART(owner, name, most, part)                                                              \
  {                                                                                                \
    CUDNN_BACKEND_##owner##_DESCRIPTOR, CUDNN_ATTR_##name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, most, \
        part                                                                                       \
  }
#define TENSOR CUDNN_BACKEND_TENSOR_DESCRIPTOR

static const rule rules[] = {
    VALUE(TENSOR, TENSOR_DATA_TYPE, DATA_TYPE, 1, 1),
    VALUE(TENSOR, TENSOR_DIMENSIONS, INT64, 1, CUDNN_DIM_MAX),
    VALUE(TENSOR, TENSOR_STRIDES, INT64, 1, CUDNN_DIM_MAX),
    VALUE(TENSOR, TENSOR_UNIQUE_ID, INT64, 1, 1),
    VALUE(TENSOR, TENSOR_BYTE_ALIGNMENT, INT64, 1, 1),
    VALUE(TENSOR, TENSOR_IS_VIRTUAL, BOOLEAN, 1, 1),
    VALUE(CONVOLUTION, CONVOLUTION_COMP_TYPE, DATA_TYPE, 1, 1),
    VALUE(CONVOLUTION, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, 1, 1),
    VALUE(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, INT64, 1, 1),
    VALUE(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, INT64, 2, 3),
    VALUE(CONVOLUTION, CONVOLUTION_POST_PADDINGS, INT64, 2, 3),
    VALUE(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, INT64, 2, 3),
    VALUE(CONVOLUTION, CONVOLUTION_DILATIONS, INT64, 2, 3),
    VALUE(POINTWISE, POINTWISE_MODE, POINTWISE_MODE, 1, 1),
    VALUE(POINTWISE, POINTWISE_MATH_PREC, DATA_TYPE, 1, 1),
    PART(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 1,
         CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR),
    PART(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_X, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_W, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_Y, 1, TENSOR),
    VALUE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_ALPHA, FLOAT, 1, 1),
    VALUE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_BETA, FLOAT, 1, 1),
    PART(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, 1,
         CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_DX, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_W, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_DY, 1, TENSOR),
    VALUE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_ALPHA, FLOAT, 1, 1),
    VALUE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_BETA, FLOAT, 1, 1),
    PART(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, 1,
         CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_X, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_DW, 1, TENSOR),
    PART(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_DY, 1, TENSOR),
    VALUE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, FLOAT, 1,
          1),
    VALUE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_BETA, FLOAT, 1,
          1),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_PW_DESCRIPTOR, 1,
         CUDNN_BACKEND_POINTWISE_DESCRIPTOR),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_XDESC, 1, TENSOR),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_BDESC, 1, TENSOR),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_YDESC, 1, TENSOR),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_DXDESC, 1, TENSOR),
    PART(OPERATION_POINTWISE, OPERATION_POINTWISE_DYDESC, 1, TENSOR),
    VALUE(OPERATION_POINTWISE, OPERATION_POINTWISE_ALPHA1, FLOAT, 1, 1),
    VALUE(OPERATION_POINTWISE, OPERATION_POINTWISE_ALPHA2, FLOAT, 1, 1),
    VALUE(OPERATION_GEN_STATS, OPERATION_GENSTATS_MODE, GENSTATS_MODE, 1, 1),
    VALUE(OPERATION_GEN_STATS, OPERATION_GENSTATS_MATH_PREC, DATA_TYPE, 1, 1),
    PART(OPERATION_GEN_STATS, OPERATION_GENSTATS_XDESC, 1, TENSOR),
    PART(OPERATION_GEN_STATS, OPERATION_GENSTATS_SUMDESC, 1, TENSOR),
    PART(OPERATION_GEN_STATS, OPERATION_GENSTATS_SQSUMDESC, 1, TENSOR),
    VALUE(OPERATIONGRAPH, OPERATIONGRAPH_HANDLE, HANDLE, 1, 1),
    PART(OPERATIONGRAPH, OPERATIONGRAPH_OPS, DNN_MOST_OPS, ANY_OPERATION),
    VALUE(OPERATIONGRAPH, OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, INT64, 1, 0),
    PART(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH, 1, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR),
    VALUE(ENGINEHEUR, ENGINEHEUR_MODE, HEUR_MODE, 1, 1),
    VALUE(ENGINEHEUR, ENGINEHEUR_SM_COUNT_TARGET, INT32, 1, 1),
    PART(ENGINEHEUR, ENGINEHEUR_RESULTS, 0, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR),
    PART(ENGINE, ENGINE_OPERATION_GRAPH, 1, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR),
    VALUE(ENGINE, ENGINE_GLOBAL_INDEX, INT64, 1, 1),
    VALUE(ENGINE, ENGINE_NUMERICAL_NOTE, NUMERICAL_NOTE, 1, 0),
    VALUE(ENGINE, ENGINE_BEHAVIOR_NOTE, BEHAVIOR_NOTE, 1, 0),
    PART(ENGINE, ENGINE_KNOB_INFO, 0, CUDNN_BACKEND_KNOB_INFO_DESCRIPTOR),
    VALUE(KNOB_CHOICE, KNOB_CHOICE_KNOB_TYPE, KNOB_TYPE, 1, 1),
    VALUE(KNOB_CHOICE, KNOB_CHOICE_KNOB_VALUE, INT64, 1, 1),
    PART(ENGINECFG, ENGINECFG_ENGINE, 1, CUDNN_BACKEND_ENGINE_DESCRIPTOR),
    PART(ENGINECFG, ENGINECFG_KNOB_CHOICES, CUDNN_KNOB_TYPE_COUNTS,
         CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR),
    VALUE(EXECUTION_PLAN, EXECUTION_PLAN_HANDLE, HANDLE, 1, 1),
    PART(EXECUTION_PLAN, EXECUTION_PLAN_ENGINE_CONFIG, 1, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR),
    VALUE(EXECUTION_PLAN, EXECUTION_PLAN_WORKSPACE_SIZE, INT64, 1, 0),
    VALUE(VARIANT_PACK, VARIANT_PACK_UNIQUE_IDS, INT64, 1, DNN_MOST_TENSORS),
    VALUE(VARIANT_PACK, VARIANT_PACK_DATA_POINTERS, VOID_PTR, 1, DNN_MOST_TENSORS),
    VALUE(VARIANT_PACK, VARIANT_PACK_WORKSPACE, VOID_PTR, 1, 1),
};

static const size_t sizes[] = {
    [CUDNN_TYPE_HANDLE] = sizeof(cudnnHandle_t),
    [CUDNN_TYPE_DATA_TYPE] = sizeof(cudnnDataType_t),
    [CUDNN_TYPE_BOOLEAN] = sizeof(bool),
    [CUDNN_TYPE_INT64] = 8,
    [CUDNN_TYPE_FLOAT] = 4,
    [CUDNN_TYPE_DOUBLE] = 8,
    [CUDNN_TYPE_VOID_PTR] = sizeof(void *),
    [CUDNN_TYPE_CONVOLUTION_MODE] = sizeof(cudnnConvolutionMode_t),
    [CUDNN_TYPE_HEUR_MODE] = sizeof(cudnnBackendHeurMode_t),
    [CUDNN_TYPE_KNOB_TYPE] = sizeof(cudnnBackendKnobType_t),
    [CUDNN_TYPE_NUMERICAL_NOTE] = sizeof(cudnnBackendNumericalNote_t),
    [CUDNN_TYPE_POINTWISE_MODE] = sizeof(cudnnPointwiseMode_t),
    [CUDNN_TYPE_BACKEND_DESCRIPTOR] = sizeof(cudnnBackendDescriptor_t),
    [CUDNN_TYPE_GENSTATS_MODE] = sizeof(cudnnGenStatsMode_t),
    [CUDNN_TYPE_BEHAVIOR_NOTE] = sizeof(cudnnBackendBehaviorNote_t),
    [CUDNN_TYPE_INT32] = 4,
};

const char *dnn_type_name(cudnnBackendDescriptorType_t type) {
  switch (type) {
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR: return "pointwise";
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR: return "convolution";
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR: return "engine";
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR: return "engine configuration";
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: return "engine heuristics";
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: return "execution plan";
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR: return "knob choice";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: return "convolution forward";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return "convolution backward filter";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return "convolution backward data";
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: return "pointwise operation";
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR: return "statistics operation";
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: return "operation graph";
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR: return "variant pack";
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR: return "tensor";
    default: return "other";
  }
}

dnn_descriptor *dnn_live(const void *d, const char *call) {
  return shim_live(d, SHIM_DNN_BACKEND, call);
}

static const rule *rule_of(const dnn_descriptor *d, cudnnBackendAttributeName_t name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (rules[i].owner == d->type && rules[i].name == name) return &rules[i];
  shim_violation("a %s descriptor has no attribute %d (as far as the tests know)",
                 dnn_type_name(d->type), (int)name);
}

static bool is_operation(cudnnBackendDescriptorType_t type) {
  return (type >= CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR &&
          type <= CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR);
}

/* ---- values ---- */

const dnn_value *dnn_find(const dnn_descriptor *d, cudnnBackendAttributeName_t name) {
  for (int i = 0; i < d->nvalues; i++)
    if (d->value[i].name == name) return &d->value[i];
  return NULL;
}

static const dnn_value *need(const dnn_descriptor *d, cudnnBackendAttributeName_t name) {
  const dnn_value *v = dnn_find(d, name);
  if (!v) shim_violation("a %s descriptor without attribute %d", dnn_type_name(d->type), (int)name);
  return v;
}

int64_t dnn_int(const dnn_descriptor *d, cudnnBackendAttributeName_t name, int64_t index) {
  const dnn_value *v = need(d, name);
  if (index >= v->count)
    shim_violation("attribute %d of a %s has %lld elements, want more", (int)name,
                   dnn_type_name(d->type), (long long)v->count);
  return ((const int64_t *)v->data)[index];
}

int dnn_enum(const dnn_descriptor *d, cudnnBackendAttributeName_t name) {
  return *(const int *)need(d, name)->data;
}

double dnn_scalar(const dnn_descriptor *d, cudnnBackendAttributeName_t name, double otherwise) {
  const dnn_value *v = dnn_find(d, name);
  return v ? (double)*(const float *)v->data : otherwise;
}

dnn_descriptor *dnn_part(const dnn_descriptor *d, cudnnBackendAttributeName_t name, int64_t index) {
  const dnn_value *v = need(d, name);
  if (index >= v->count) shim_violation("attribute %d: too few elements", (int)name);
  return ((dnn_descriptor *const *)v->data)[index];
}

dnn_descriptor *dnn_maybe_part(const dnn_descriptor *d, cudnnBackendAttributeName_t name) {
  const dnn_value *v = dnn_find(d, name);
  return v ? *(dnn_descriptor *const *)v->data : NULL;
}

void dnn_put(dnn_descriptor *d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
             int64_t count, const void *data) {
  size_t bytes = (size_t)count * sizes[type];
  dnn_value *v = (dnn_value *)(uintptr_t)dnn_find(d, name);
  if (!v) {
    if (d->nvalues == DNN_VALUES)
      shim_violation("a descriptor with over %d attributes", DNN_VALUES);
    v = &d->value[d->nvalues++];
  }
  free(v->data);
  *v = (dnn_value){.name = name, .type = type, .count = count, .data = malloc(bytes + 1)};
  memcpy(v->data, data, bytes);
}

/* The descriptors held by others outlive their destruction by the caller. */
static void hold(const void *values, int64_t count, int by) {
  for (int64_t i = 0; i < count; i++) ((dnn_descriptor *const *)values)[i]->object.references += by;
}

static void check_parts(const rule *r, int64_t count, const void *values) {
  for (int64_t i = 0; i < count; i++) {
    const dnn_descriptor *p =
        dnn_live(((const void *const *)values)[i], "cudnnBackendSetAttribute");
    if (!p->finalized)
      shim_violation("cudnnBackendSetAttribute: a %s that is not finalized",
                     dnn_type_name(p->type));
    if (r->part == ANY_OPERATION ? !is_operation(p->type) : p->type != r->part)
      shim_violation("cudnnBackendSetAttribute: a %s for attribute %d", dnn_type_name(p->type),
                     (int)r->name);
  }
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void *values) {
  dnn_descriptor *d;
  const rule *r;
  shim_lock();
  shim_enter("cudnnBackendSetAttribute");
  d = dnn_live(descriptor, "cudnnBackendSetAttribute");
  if (d->finalized)
    shim_violation("cudnnBackendSetAttribute: the %s is final", dnn_type_name(d->type));
  r = rule_of(d, name);
  if (r->type != type)
    shim_violation("cudnnBackendSetAttribute: attribute %d has type %d, not %d", (int)name,
                   (int)r->type, (int)type);
  if (!values || count < r->least || count > r->most)
    shim_violation("cudnnBackendSetAttribute: attribute %d with %lld elements", (int)name,
                   (long long)count);
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    const dnn_value *old = dnn_find(d, name);
    check_parts(r, count, values);
    if (old) hold(old->data, old->count, -1);
    hold(values, count, 1);
  }
  if (type == CUDNN_TYPE_HANDLE)
    dnn_handle(*(const cudnnHandle_t *)values, "cudnnBackendSetAttribute");
  dnn_put(d, name, type, count, values);
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

/* ---- the life of a descriptor ---- */

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *out) {
  cudnnStatus_t e = CUDNN_STATUS_SUCCESS;
  shim_lock();
  if (shim_enter("cudnnBackendCreateDescriptor")) {
    e = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
  } else {
    dnn_descriptor *d =
        shim_object_new(SHIM_DNN_BACKEND, sizeof *d, "cudnnBackendCreateDescriptor");
    d->type = type;
    *out = d;
  }
  shim_unlock();
  return e;
}

static void end(shim_object *o) {
  dnn_descriptor *d = (dnn_descriptor *)o;
  for (int i = 0; i < d->nvalues; i++) {
    if (d->value[i].type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
      hold(d->value[i].data, d->value[i].count, -1);
    free(d->value[i].data);
  }
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  shim_lock();
  shim_enter("cudnnBackendDestroyDescriptor");
  dnn_live(descriptor, "cudnnBackendDestroyDescriptor")->object.free_parts = end;
  shim_object_end(descriptor, SHIM_DNN_BACKEND, "cudnnBackendDestroyDescriptor");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  dnn_descriptor *d;
  cudnnStatus_t e;
  shim_lock();
  d = dnn_live(descriptor, "cudnnBackendFinalize");
  if (d->finalized)
    shim_violation("cudnnBackendFinalize: the %s is final already", dnn_type_name(d->type));
  e = shim_enter("cudnnBackendFinalize") ? CUDNN_STATUS_NOT_SUPPORTED : dnn_finalize(d);
  d->finalized = e == CUDNN_STATUS_SUCCESS;
  shim_unlock();
  return e;
}

/* What was set, or what the library knows (dnn_engine.c). */
static cudnnStatus_t get(const rule *r, dnn_descriptor *d, int64_t wanted, int64_t *count,
                         void *out) {
  const dnn_value *v;
  if (r->name == CUDNN_ATTR_ENGINEHEUR_RESULTS) return dnn_results(d, wanted, count, out);
  if (r->most == 0 || (r->type == CUDNN_TYPE_BACKEND_DESCRIPTOR))
    return dnn_engine_get(d, r->name, wanted, count, out);
  v = need(d, r->name);
  if (count) *count = v->count;
  if (wanted < v->count) return CUDNN_STATUS_SUCCESS;
  memcpy(out, v->data, (size_t)v->count * sizes[v->type]);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t wanted,
                                       int64_t *count, void *out) {
  dnn_descriptor *d;
  const rule *r;
  cudnnStatus_t e;
  shim_lock();
  d = dnn_live(descriptor, "cudnnBackendGetAttribute");
  if (!d->finalized)
    shim_violation("cudnnBackendGetAttribute: the %s is not final", dnn_type_name(d->type));
  r = rule_of(d, name);
  if (r->type != type)
    shim_violation("cudnnBackendGetAttribute: attribute %d has type %d, not %d", (int)name,
                   (int)r->type, (int)type);
  if (wanted < 0 || (wanted > 0 && !out))
    shim_violation("cudnnBackendGetAttribute: %lld elements into %p", (long long)wanted, out);
  e = shim_enter("cudnnBackendGetAttribute") ? CUDNN_STATUS_NOT_SUPPORTED
                                             : get(r, d, wanted, count, out);
  shim_unlock();
  return e;
}
