/* The engines of the stand-in: one that cannot do what its heuristics propose, one that sums in
   another order from run to run, one that rounds its inputs, one that needs workspace, one that is
   slow and always works. Their costs are fixed, so that a tuner decides the same way every time. */
#include <string.h>

#include "dnn.h"

#define NOTE(n) (1u << CUDNN_NUMERICAL_NOTE_##n)

static const dnn_engine engines[] = {
    {.index = 7, .knob_most = 3, .cost = 0.1, .notes = NOTE(TENSOR_CORE)}, /* never supported */
    {.index = 3,
     .knob_most = -1,
     .cost = 0.2,
     .notes = NOTE(NONDETERMINISTIC),
     .backward_only = true},
    {.index = 12,
     .knob_most = 9,
     .cost = 0.3,
     .workspace = 0,
     .notes = NOTE(TENSOR_CORE) | NOTE(DOWN_CONVERT_INPUTS)},
    {.index = 21, .knob_most = 4, .cost = 0.4, .workspace = 300001},
    {.index = 5, .knob_most = -1, .cost = 0.35, .notes = NOTE(WINOGRAD)},
    {.index = 0, .knob_most = -1, .cost = 1.0, .fallback = true},
};

int dnn_engines(void) { return (int)(sizeof engines / sizeof *engines); }
const dnn_engine *dnn_engine_at(int i) { return &engines[i]; }

const dnn_engine *dnn_engine_numbered(int64_t index) {
  for (int i = 0; i < dnn_engines(); i++)
    if (engines[i].index == index) return &engines[i];
  return NULL;
}

static bool tensor_is_bf16(const dnn_descriptor *op) {
  const cudnnBackendAttributeName_t inputs[] = {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X};
  for (int i = 0; i < 3; i++) {
    const dnn_descriptor *t = dnn_maybe_part(op, inputs[i]);
    if (t) return dnn_enum(t, CUDNN_ATTR_TENSOR_DATA_TYPE) == CUDNN_DATA_BFLOAT16;
  }
  return false;
}

/* bf16 is what that engine is for; float it rounds. */
static unsigned notes_of(const dnn_engine *e, const dnn_descriptor *graph) {
  const dnn_descriptor *op = dnn_part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, 0);
  return tensor_is_bf16(op) ? e->notes & ~NOTE(DOWN_CONVERT_INPUTS) : e->notes;
}

cudnnStatus_t dnn_supports(const dnn_engine *e, const dnn_descriptor *graph) {
  const dnn_descriptor *op = dnn_part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, 0);
  if (e->index == 7) return CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH;
  if (e->backward_only && op->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
    return CUDNN_STATUS_NOT_SUPPORTED;
  return CUDNN_STATUS_SUCCESS;
}

/* Descriptors that the caller made, filled and finalized. */
static dnn_descriptor *fill(void *const *out, int64_t i, cudnnBackendDescriptorType_t type) {
  dnn_descriptor *d = dnn_live(out[i], "cudnnBackendGetAttribute");
  if (d->type != type || d->finalized)
    shim_violation("cudnnBackendGetAttribute: want a fresh %s descriptor to fill",
                   dnn_type_name(type));
  d->finalized = true;
  return d;
}

/* A descriptor of the library's own, never seen by the caller. */
static dnn_descriptor *own(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d;
  if (cudnnBackendCreateDescriptor(type, &d) != CUDNN_STATUS_SUCCESS) return NULL;
  ((dnn_descriptor *)d)->type = type;
  ((dnn_descriptor *)d)->finalized = true;
  return d;
}

static void hand_over(dnn_descriptor *to, cudnnBackendAttributeName_t name, dnn_descriptor *part) {
  void *p = part;
  dnn_put(to, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &p);
  part->object.references++;
  cudnnBackendDestroyDescriptor(part); /* held by `to` alone */
}

static bool configure(dnn_descriptor *config, const dnn_engine *e, dnn_descriptor *graph) {
  dnn_descriptor *engine = own(CUDNN_BACKEND_ENGINE_DESCRIPTOR), *knob;
  void *p = graph;
  int type = CUDNN_KNOB_TYPE_TILE_SIZE;
  if (!engine) return false;
  dnn_put(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &p);
  graph->object.references++;
  dnn_put(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &e->index);
  hand_over(config, CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (e->knob_most < 0) return true;
  knob = own(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  if (!knob) return false;
  dnn_put(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
  dnn_put(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &e->knob_most);
  hand_over(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knob);
  return true;
}

cudnnStatus_t dnn_results(dnn_descriptor *h, int64_t wanted, int64_t *count, void *out) {
  int mode = dnn_enum(h, CUDNN_ATTR_ENGINEHEUR_MODE);
  dnn_descriptor *graph = dnn_part(h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 0);
  int64_t n = 0;
  for (int i = 0; i < dnn_engines(); i++) {
    if (engines[i].fallback != (mode == CUDNN_HEUR_MODE_FALLBACK)) continue;
    if (n < wanted &&
        !configure(fill(out, n, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR), &engines[i], graph))
      return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    n++;
  }
  if (count) *count = wanted && n > wanted ? wanted : n;
  return CUDNN_STATUS_SUCCESS;
}

/* Copies a part into a descriptor of the caller's: everything it was set to. */
static void copy_part(const dnn_descriptor *from, dnn_descriptor *to) {
  for (int i = 0; i < from->nvalues; i++) {
    const dnn_value *v = &from->value[i];
    dnn_put(to, v->name, v->type, v->count, v->data);
    if (v->type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
      for (int64_t j = 0; j < v->count; j++)
        ((dnn_descriptor *const *)v->data)[j]->object.references++;
  }
}

static cudnnStatus_t get_parts(const dnn_descriptor *d, cudnnBackendAttributeName_t name,
                               int64_t wanted, int64_t *count, void *out) {
  const dnn_value *v = dnn_find(d, name);
  int64_t n = v ? v->count : 0;
  for (int64_t i = 0; i < n && i < wanted; i++) {
    const dnn_descriptor *from = ((dnn_descriptor *const *)v->data)[i];
    copy_part(from, fill(out, i, from->type));
  }
  if (count) *count = n;
  return CUDNN_STATUS_SUCCESS;
}

static const dnn_engine *engine_of_plan(const dnn_descriptor *plan) {
  const dnn_descriptor *config = dnn_part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 0);
  return dnn_engine_numbered(
      dnn_int(dnn_part(config, CUDNN_ATTR_ENGINECFG_ENGINE, 0), CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0));
}

static int64_t get_notes(const dnn_descriptor *d, int64_t wanted, int *out) {
  unsigned notes = notes_of(dnn_engine_numbered(dnn_int(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0)),
                            dnn_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 0));
  int64_t n = 0;
  for (int i = 0; i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++)
    if (notes >> i & 1u) {
      if (n < wanted) out[n] = i;
      n++;
    }
  return n;
}

cudnnStatus_t dnn_engine_get(const dnn_descriptor *d, cudnnBackendAttributeName_t name,
                             int64_t wanted, int64_t *count, void *out) {
  int64_t n = 1;
  switch (name) {
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      if (wanted) memcpy(out, &engine_of_plan(d)->workspace, 8);
      break;
    case CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT: {
      int64_t most = 22;
      if (wanted) memcpy(out, &most, 8);
      break;
    }
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: n = get_notes(d, wanted, out); break;
    case CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE:
    case CUDNN_ATTR_ENGINE_KNOB_INFO: n = 0; break;
    default: return get_parts(d, name, wanted, count, out);
  }
  if (count) *count = n;
  return CUDNN_STATUS_SUCCESS;
}
