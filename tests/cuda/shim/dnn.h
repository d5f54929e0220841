/* The stand-in of cuDNN: what its files share. */
#ifndef VG_SHIM_DNN_H
#define VG_SHIM_DNN_H

#include <cudnn.h>

#include "conv.h"
#include "shim.h"

struct cudnnContext {
  shim_object object;
  cudaStream_t stream;
  bool has_stream;
  int device;
};

enum { DNN_VALUES = 16, DNN_MOST_OPS = 8, DNN_MOST_TENSORS = 24 };

/* One attribute as it was set. */
typedef struct dnn_value {
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  int64_t count;
  void *data;
} dnn_value;

typedef struct dnn_descriptor {
  shim_object object;
  cudnnBackendDescriptorType_t type;
  bool finalized;
  int nvalues;
  dnn_value value[DNN_VALUES];
} dnn_descriptor;

/* ---- dnn_attribute.c ---- */
dnn_descriptor *dnn_live(const void *d, const char *call);
const char *dnn_type_name(cudnnBackendDescriptorType_t type);
const dnn_value *dnn_find(const dnn_descriptor *d, cudnnBackendAttributeName_t name);
/* The values of an attribute that must have been set. */
int64_t dnn_int(const dnn_descriptor *d, cudnnBackendAttributeName_t name, int64_t index);
int dnn_enum(const dnn_descriptor *d, cudnnBackendAttributeName_t name);
double dnn_scalar(const dnn_descriptor *d, cudnnBackendAttributeName_t name, double otherwise);
dnn_descriptor *dnn_part(const dnn_descriptor *d, cudnnBackendAttributeName_t name, int64_t index);
/* NULL when not set */
dnn_descriptor *dnn_maybe_part(const dnn_descriptor *d, cudnnBackendAttributeName_t name);
/* Stores a value from inside the library. */
void dnn_put(dnn_descriptor *d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
             int64_t count, const void *data);

/* ---- dnn_rules.c: what finalizing demands ---- */
cudnnStatus_t dnn_finalize(dnn_descriptor *d);
/* Set in VG_SHIM_REFUSE (comma between several): bf16, f32, f32dw, fusion, stats, all. */
bool dnn_refused(const char *what);

/* ---- dnn_engine.c ---- */
typedef struct dnn_engine {
  int64_t index;
  unsigned notes;    /* bits 1 << cudnnBackendNumericalNote_t */
  bool fallback;     /* proposed by that mode of the heuristics, not by A */
  int64_t knob_most; /* of its one knob, TILE_SIZE; -1: none */
  int64_t workspace;
  double cost; /* of one run, in milliseconds of the stream's clock */
  bool backward_only;
} dnn_engine;

int dnn_engines(void);
const dnn_engine *dnn_engine_at(int i);
const dnn_engine *dnn_engine_numbered(int64_t index);
/* Whether the plan of that engine can be made for the graph. */
cudnnStatus_t dnn_supports(const dnn_engine *e, const dnn_descriptor *graph);
cudnnStatus_t dnn_results(dnn_descriptor *heuristic, int64_t wanted, int64_t *count, void *out);
cudnnStatus_t dnn_engine_get(const dnn_descriptor *d, cudnnBackendAttributeName_t name,
                             int64_t wanted, int64_t *count, void *out);

/* ---- handles (dnn_handle.c) ---- */
struct cudnnContext *dnn_handle(cudnnHandle_t h, const char *call);
/* The handle's stream, which must be the device's own. */
cudaStream_t dnn_stream(cudnnHandle_t h, const char *call);

#endif
