/* The four calls of cuDNN's backend API (create, set, finalize, get) around convolutions. */
#include "cuda/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X_ID = 1, W_ID, Y_ID, BIAS_ID, SUM_ID, TOTAL_ID, SQUARES_ID, IDS };
enum { ALIGNMENT = 16, MOST_KNOBS = 64 };

void vg_cudnn_drop(cudnnBackendDescriptor_t *d) {
  if (*d) cudnnBackendDestroyDescriptor(*d);
  *d = NULL;
}

static vg_status create(cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type) {
  *out = NULL;
  return VG_CUDNN(cudnnBackendCreateDescriptor(type, out));
}

static vg_status set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                     cudnnBackendAttributeType_t type, int64_t n, const void *values) {
  return VG_CUDNN(cudnnBackendSetAttribute(d, name, type, n, values));
}

static vg_status set_ints(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, int64_t n,
                          const int64_t *values) {
  return set(d, name, CUDNN_TYPE_INT64, n, values);
}

static vg_status set_part(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                          const cudnnBackendDescriptor_t *part) {
  return set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, part);
}

static vg_status finalize(cudnnBackendDescriptor_t d) { return VG_CUDNN(cudnnBackendFinalize(d)); }

/* ---- the operation graph ---- */

typedef struct tensor_spec {
  int64_t id, dims[4]; /* N, C, H, W */
  bool bf16, is_virtual;
} tensor_spec;

static vg_status tensor(cudnnBackendDescriptor_t *out, const tensor_spec *t) {
  const int64_t *d = t->dims, alignment = ALIGNMENT;
  int64_t strides[4] = {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]};
  cudnnDataType_t type = t->bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  vg_status st;
  VG_TRY(create(out, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  VG_TRY(set(*out, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
  VG_TRY(set_ints(*out, CUDNN_ATTR_TENSOR_DIMENSIONS, 4, d));
  VG_TRY(set_ints(*out, CUDNN_ATTR_TENSOR_STRIDES, 4, strides));
  VG_TRY(set_ints(*out, CUDNN_ATTR_TENSOR_UNIQUE_ID, 1, &t->id));
  VG_TRY(set_ints(*out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1, &alignment));
  if (t->is_virtual)
    VG_TRY(set(*out, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &t->is_virtual));
  VG_TRY(finalize(*out));
done:
  return st;
}

static vg_status window(cudnnBackendDescriptor_t *out, const vg_cuda_problem *p) {
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  int64_t dims = 2, stride[2] = {p->stride[0], p->stride[1]}, pad[2] = {p->pad[0], p->pad[1]},
          dilation[2] = {p->dilation[0], p->dilation[1]};
  vg_status st;
  VG_TRY(create(out, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR));
  VG_TRY(set(*out, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute));
  VG_TRY(set(*out, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
  VG_TRY(set_ints(*out, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 1, &dims));
  VG_TRY(set_ints(*out, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 2, pad));
  VG_TRY(set_ints(*out, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 2, pad));
  VG_TRY(set_ints(*out, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 2, stride));
  VG_TRY(set_ints(*out, CUDNN_ATTR_CONVOLUTION_DILATIONS, 2, dilation));
  VG_TRY(finalize(*out));
done:
  return st;
}

/* What the three operations call their parts. */
typedef struct names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t window, alpha, beta, x, w, y;
} names;

static const names operation[] = {
    [VG_PASS_FWD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    [VG_PASS_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    [VG_PASS_WEIGHT] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY}};

/* The descriptors a graph is built of; the graph keeps what it needs of them. */
enum { X, W, Y, BIAS, SUM, TOTAL, SQUARES, WINDOW, CONV, ADDER, ADD, STATS, GRAPH_PARTS };

static vg_status convolution(cudnnBackendDescriptor_t part[], const vg_cuda_problem *p) {
  const names *o = &operation[p->pass];
  const float one = 1, zero = 0;
  vg_status st;
  VG_TRY(window(&part[WINDOW], p));
  VG_TRY(create(&part[CONV], o->type));
  VG_TRY(set_part(part[CONV], o->window, &part[WINDOW]));
  VG_TRY(set_part(part[CONV], o->x, &part[X]));
  VG_TRY(set_part(part[CONV], o->w, &part[W]));
  VG_TRY(set_part(part[CONV], o->y, p->bias ? &part[SUM] : &part[Y]));
  VG_TRY(set(part[CONV], o->alpha, CUDNN_TYPE_FLOAT, 1, &one));
  VG_TRY(set(part[CONV], o->beta, CUDNN_TYPE_FLOAT, 1, &zero));
  VG_TRY(finalize(part[CONV]));
done:
  return st;
}

/* y = sum + bias, where `sum` never reaches memory. */
static vg_status bias_add(cudnnBackendDescriptor_t part[]) {
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  vg_status st;
  VG_TRY(create(&part[ADDER], CUDNN_BACKEND_POINTWISE_DESCRIPTOR));
  VG_TRY(set(part[ADDER], CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode));
  VG_TRY(set(part[ADDER], CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute));
  VG_TRY(finalize(part[ADDER]));
  VG_TRY(create(&part[ADD], CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR));
  VG_TRY(set_part(part[ADD], CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, &part[ADDER]));
  VG_TRY(set_part(part[ADD], CUDNN_ATTR_OPERATION_POINTWISE_XDESC, &part[SUM]));
  VG_TRY(set_part(part[ADD], CUDNN_ATTR_OPERATION_POINTWISE_BDESC, &part[BIAS]));
  VG_TRY(set_part(part[ADD], CUDNN_ATTR_OPERATION_POINTWISE_YDESC, &part[Y]));
  VG_TRY(finalize(part[ADD]));
done:
  return st;
}

/* The sums over images and pixels of y and of its squares, which is in memory, too. */
static vg_status statistics(cudnnBackendDescriptor_t part[]) {
  cudnnGenStatsMode_t mode = CUDNN_GENSTATS_SUM_SQSUM;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  vg_status st;
  VG_TRY(create(&part[STATS], CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR));
  VG_TRY(set(part[STATS], CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE, 1, &mode));
  VG_TRY(
      set(part[STATS], CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute));
  VG_TRY(set_part(part[STATS], CUDNN_ATTR_OPERATION_GENSTATS_XDESC, &part[Y]));
  VG_TRY(set_part(part[STATS], CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, &part[TOTAL]));
  VG_TRY(set_part(part[STATS], CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, &part[SQUARES]));
  VG_TRY(finalize(part[STATS]));
done:
  return st;
}

static vg_status tensors(cudnnBackendDescriptor_t part[], const vg_cuda_problem *p) {
  bool h = p->bf16, wh = p->w_bf16;
  const tensor_spec x = {X_ID, {p->n, p->c, p->h, p->w}, h, false},
                    w = {W_ID, {p->k, p->c / p->groups, p->r, p->s}, wh, false},
                    y = {Y_ID, {p->n, p->k, p->p, p->q}, h, false},
                    bias = {BIAS_ID, {1, p->k, 1, 1}, false, false},
                    sum = {SUM_ID, {p->n, p->k, p->p, p->q}, false, true},
                    total = {TOTAL_ID, {1, p->k, 1, 1}, false, false},
                    squares = {SQUARES_ID, {1, p->k, 1, 1}, false, false};
  vg_status st;
  VG_TRY(tensor(&part[X], &x));
  VG_TRY(tensor(&part[W], &w));
  VG_TRY(tensor(&part[Y], &y));
  if (p->bias) VG_TRY(tensor(&part[BIAS], &bias));
  if (p->bias) VG_TRY(tensor(&part[SUM], &sum));
  if (p->stats) VG_TRY(tensor(&part[TOTAL], &total));
  if (p->stats) VG_TRY(tensor(&part[SQUARES], &squares));
done:
  return st;
}

vg_status vg_cudnn_graph(cudnnBackendDescriptor_t *out, cudnnHandle_t handle,
                         const vg_cuda_problem *p) {
  cudnnBackendDescriptor_t part[GRAPH_PARTS] = {NULL}, graph = NULL, ops[3];
  int64_t n = 0;
  vg_status st;
  *out = NULL;
  VG_TRY(tensors(part, p));
  VG_TRY(convolution(part, p));
  if (p->bias) VG_TRY(bias_add(part));
  if (p->stats) VG_TRY(statistics(part));
  ops[n++] = part[CONV];
  if (p->bias) ops[n++] = part[ADD];
  if (p->stats) ops[n++] = part[STATS];
  VG_TRY(create(&graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
  VG_TRY(set(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle));
  VG_TRY(set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, ops));
  VG_TRY(finalize(graph));
  *out = graph;
  graph = NULL;
done:
  vg_cudnn_drop(&graph);
  for (int i = 0; i < GRAPH_PARTS; i++) vg_cudnn_drop(&part[i]);
  return st;
}

/* ---- configurations ---- */

vg_status vg_cudnn_propose(cudnnBackendDescriptor_t *list, int *n, int most,
                           cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode) {
  cudnnBackendDescriptor_t heuristic = NULL;
  int64_t have = 0, got = 0;
  int from = *n, room = most - *n;
  vg_status st;
  if (room <= 0) return VG_OK;
  VG_TRY(create(&heuristic, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
  VG_TRY(set_part(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, &graph));
  VG_TRY(set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
  VG_TRY(finalize(heuristic));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &have, NULL)));
  if (have > room) have = room;
  for (; *n < from + have; ++*n) VG_TRY(create(&list[*n], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
  if (have > 0)
    VG_TRY(
        VG_CUDNN(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, have, &got, &list[from])));
  while (*n > from + got) vg_cudnn_drop(&list[--*n]);
done:
  if (st != VG_OK)
    while (*n > from) vg_cudnn_drop(&list[--*n]);
  vg_cudnn_drop(&heuristic);
  return st;
}

/* The engine a configuration is for, as a new descriptor. */
static vg_status engine_of(cudnnBackendDescriptor_t *out, cudnnBackendDescriptor_t config) {
  int64_t got = 0;
  vg_status st;
  VG_TRY(create(out, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &got, out)));
done:
  if (st != VG_OK) vg_cudnn_drop(out);
  return st;
}

vg_status vg_cudnn_notes(cudnnBackendDescriptor_t config, unsigned *notes) {
  cudnnBackendNumericalNote_t note[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnnBackendDescriptor_t engine = NULL;
  int64_t got = 0;
  vg_status st;
  *notes = 0;
  VG_TRY(engine_of(&engine, config));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                           CUDNN_TYPE_NUMERICAL_NOTE,
                                           CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &got, note)));
  for (int64_t i = 0; i < got && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++) *notes |= 1u << note[i];
done:
  vg_cudnn_drop(&engine);
  return st;
}

static vg_status knob_text(cudnnBackendDescriptor_t choice, char *text, size_t n) {
  cudnnBackendKnobType_t type;
  int64_t value, got;
  vg_status st;
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                           CUDNN_TYPE_KNOB_TYPE, 1, &got, &type)));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE,
                                           CUDNN_TYPE_INT64, 1, &got, &value)));
  snprintf(text, n, "%d=%lld,", (int)type, (long long)value);
done:
  return st;
}

static vg_status knobs_text(cudnnBackendDescriptor_t config, char *text, size_t n) {
  cudnnBackendDescriptor_t choice[MOST_KNOBS] = {NULL};
  int64_t have = 0, got = 0;
  size_t len = 0;
  vg_status st;
  text[0] = 0;
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &have, NULL)));
  if (have > MOST_KNOBS) have = MOST_KNOBS;
  if (have <= 0) return VG_OK;
  for (int64_t i = 0; i < have; i++)
    VG_TRY(create(&choice[i], CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, have, &got, choice)));
  for (int64_t i = 0; i < got; i++) {
    VG_TRY(knob_text(choice[i], text + len, n - len));
    len += strlen(text + len);
    if (n - len < 40)
      return vg_fail(VG_EINTERNAL, "cuda: a configuration with %lld knobs", (long long)got);
  }
done:
  for (int64_t i = 0; i < MOST_KNOBS; i++) vg_cudnn_drop(&choice[i]);
  return st;
}

vg_status vg_cudnn_config_text(cudnnBackendDescriptor_t config, char *text, size_t n) {
  cudnnBackendDescriptor_t engine = NULL;
  int64_t index = 0, got = 0;
  int head;
  vg_status st;
  VG_TRY(engine_of(&engine, config));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64,
                                           1, &got, &index)));
  head = snprintf(text, n, "%lld:", (long long)index);
  VG_TRY(knobs_text(config, text + head, n - (size_t)head));
done:
  vg_cudnn_drop(&engine);
  return st;
}

static vg_status engine_numbered(cudnnBackendDescriptor_t *out, cudnnBackendDescriptor_t graph,
                                 int64_t index) {
  vg_status st;
  VG_TRY(create(out, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  VG_TRY(set_part(*out, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, &graph));
  VG_TRY(set_ints(*out, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1, &index));
  VG_TRY(finalize(*out));
done:
  return st;
}

/* Reads "2=5," at *text into a choice and moves past it. */
static vg_status knob_parse(cudnnBackendDescriptor_t *out, const char **text) {
  char *end;
  cudnnBackendKnobType_t type = (cudnnBackendKnobType_t)strtol(*text, &end, 10);
  int64_t value;
  vg_status st;
  if (end == *text || *end != '=')
    return vg_fail(VG_EDATA, "cuda: no configuration at '%.20s'", *text);
  value = strtoll(end + 1, &end, 10);
  *text = *end == ',' ? end + 1 : end;
  VG_TRY(create(out, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR));
  VG_TRY(set(*out, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type));
  VG_TRY(set_ints(*out, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 1, &value));
  VG_TRY(finalize(*out));
done:
  return st;
}

vg_status vg_cudnn_config_parse(cudnnBackendDescriptor_t *out, cudnnBackendDescriptor_t graph,
                                const char *text) {
  cudnnBackendDescriptor_t engine = NULL, config = NULL, choice[MOST_KNOBS] = {NULL};
  char *end;
  int64_t index = strtoll(text, &end, 10), n = 0;
  vg_status st;
  *out = NULL;
  if (end == text || *end != ':')
    return vg_fail(VG_EDATA, "cuda: no configuration at '%.20s'", text);
  VG_TRY(engine_numbered(&engine, graph, index));
  for (text = end + 1; *text && n < MOST_KNOBS; n++) VG_TRY(knob_parse(&choice[n], &text));
  VG_TRY(create(&config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
  VG_TRY(set_part(config, CUDNN_ATTR_ENGINECFG_ENGINE, &engine));
  if (n)
    VG_TRY(
        set(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, choice));
  VG_TRY(finalize(config));
  *out = config;
  config = NULL;
done:
  vg_cudnn_drop(&config);
  vg_cudnn_drop(&engine);
  for (int i = 0; i < MOST_KNOBS; i++) vg_cudnn_drop(&choice[i]);
  return st;
}

/* ---- plans ---- */

vg_status vg_cudnn_plan(cudnnBackendDescriptor_t *out, int64_t *workspace, cudnnHandle_t handle,
                        cudnnBackendDescriptor_t config) {
  cudnnBackendDescriptor_t plan = NULL;
  int64_t got;
  vg_status st;
  *out = NULL;
  VG_TRY(create(&plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR));
  VG_TRY(set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle));
  VG_TRY(set_part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, &config));
  VG_TRY(finalize(plan));
  VG_TRY(VG_CUDNN(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                           CUDNN_TYPE_INT64, 1, &got, workspace)));
  *out = plan;
  plan = NULL;
done:
  vg_cudnn_drop(&plan);
  return st;
}

vg_status vg_cudnn_execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                           const vg_cuda_problem *p, const vg_cuda_operands *o, void *workspace) {
  cudnnBackendDescriptor_t pack = NULL;
  int64_t ids[IDS] = {X_ID, W_ID, Y_ID}, n = 3;
  void *pointers[IDS] = {o->x, o->w, o->y};
  vg_status st;
  if (p->bias) ids[n] = BIAS_ID, pointers[n++] = o->bias;
  if (p->stats) ids[n] = TOTAL_ID, pointers[n++] = o->sums;
  if (p->stats) ids[n] = SQUARES_ID, pointers[n++] = o->sums + p->k;
  VG_TRY(create(&pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR));
  VG_TRY(set_ints(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, n, ids));
  VG_TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, pointers));
  VG_TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
  VG_TRY(finalize(pack));
  VG_TRY(VG_CUDNN(cudnnBackendExecute(handle, plan, pack)));
done:
  vg_cudnn_drop(&pack);
  return st;
}
