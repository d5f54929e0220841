/* Recording a step as a CUDA graph and replaying it. What the step allocates comes from a pool of
   its own, so that the addresses in the graph stay the graph's. Per launch one block of numbers
   goes to the device and one comes back, each through a ring of pinned memory, so that the host may
   be some steps ahead. */
#include <string.h>

#include "base/alloc.h"
#include "cuda/beside.h"
#include "cuda/grad_norm.h"
#include "cuda/late.h"
#include "cuda/weights.h"

enum { DEPTH = 8, VALUES = 8192, ENTRIES = 64, WATCHED = 16 };

typedef struct vg_cuda_graph {
  bool recording, refilling;
  bool filled; /* the values are those of the next launch */
  bool fresh;  /* recorded, not yet launched: its random numbers are already counted */
  cudaGraphExec_t exec;
  struct vg_pool *pool, *outer_pool;
  struct vg_cuda_kept *outer_weights;
  vg_cuda_pin *pins; /* forms of weights that the launches read */
  struct vg_cuda_late *late;
  /* Values: first the shift of the random position, and whether the last launch left updates. */
  char mirror[VALUES], launched[VALUES];
  size_t used, offset[ENTRIES], bytes[ENTRIES], before[ENTRIES];
  uint64_t what[ENTRIES];
  int entries, cursor, watched;
  char *values;   /* device */
  float *results; /* device */
  char *pinned;   /* DEPTH times VALUES and WATCHED floats */
  cudaEvent_t done[DEPTH];
  uint64_t launches, seed, rng_base, rng_calls;
  struct vg_cuda_graph *next; /* freed while another one was recorded */
} graph;

static char *values_slot(graph *g, uint64_t launch) {
  return g->pinned + launch % DEPTH * (VALUES + WATCHED * sizeof(float));
}
static float *results_slot(graph *g, uint64_t launch) {
  return (float *)(void *)(values_slot(g, launch) + VALUES);
}

/* ---- what operations ask ---- */

bool vg_cuda_capturing(const vg_device *d) {
  const graph *g = vg_cuda_state(d)->graph;
  return g && g->recording;
}

struct vg_cuda_kept *vg_cuda_outer_weights(const vg_device *d) {
  const graph *g = vg_cuda_state(d)->graph;
  return g && g->recording ? g->outer_weights : NULL;
}

void vg_cuda_touched(vg_device *d, const void *memory, bool write) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st = p->beside ? vg_cuda_beside_touched(d, memory, write) : VG_OK;
  if (st == VG_OK && p->late) st = vg_cuda_late_touched(d, memory);
  if (st != VG_OK) p->touch_failed = st;
}

vg_status vg_cuda_touch_status(const vg_device *d) {
  vg_status st = vg_cuda_state(d)->touch_failed;
  return st == VG_OK ? VG_OK : vg_fail(st, "cuda: the update of a parameter was not launched");
}

vg_status vg_cuda_join(vg_device *d) {
  vg_status beside = vg_cuda_beside_join(d), late = vg_cuda_late_join(d);
  if (beside != VG_OK || late != VG_OK) return beside != VG_OK ? beside : late;
  return vg_cuda_touch_status(d);
}

vg_cuda_pin **vg_cuda_pins(const vg_device *d) {
  graph *g = vg_cuda_state(d)->graph;
  return g && g->recording ? &g->pins : NULL;
}

void vg_cuda_stepped(vg_device *d, const vg_tensor *p) {
  vg_cuda_pins_stepped(vg_cuda_state(d)->graph->pins, p);
}

static vg_status refill_value(graph *g, const void *host, size_t bytes, uint64_t what) {
  if (g->cursor >= g->entries || g->bytes[g->cursor] != bytes)
    return vg_fail(VG_ESTATE, "replay: this step does not do what the recorded one did");
  if (g->what[g->cursor] != what)
    return vg_fail(VG_ESTATE,
                   "replay: parameters or optimizer state lie elsewhere than when the "
                   "step was recorded; record it again");
  memcpy(g->mirror + g->offset[g->cursor++], host, bytes);
  return VG_OK;
}

/* Room among the values, or 0. */
static size_t place(graph *g, size_t bytes) {
  size_t at = g->used;
  if (at + bytes > VALUES) return 0;
  g->used += (bytes + 15) / 16 * 16;
  return at;
}

vg_status vg_cuda_dynamic(vg_device *d, const void *host, size_t bytes, uint64_t what,
                          vg_cuda_dynamic_values *out) {
  graph *g = vg_cuda_state(d)->graph;
  size_t at;
  *out = (vg_cuda_dynamic_values){0};
  if (!g) return VG_OK;
  if (g->refilling) {
    out->skip = true;
    return refill_value(g, host, bytes, what);
  }
  if (g->entries == ENTRIES || !(at = place(g, bytes)))
    return vg_fail(VG_ESTATE, "replay: a step with more than %d updates cannot be recorded",
                   ENTRIES);
  memcpy(g->mirror + at, host, bytes);
  g->offset[g->entries] = at;
  g->what[g->entries] = what;
  g->bytes[g->entries++] = bytes;
  out->device = g->values + at;
  return VG_OK;
}

const void *vg_cuda_dynamic_before(vg_device *d, const void *device) {
  graph *g = vg_cuda_state(d)->graph;
  for (int i = 0; i < g->entries; i++) {
    if (g->values + g->offset[i] != device) continue;
    if (!g->before[i]) g->before[i] = place(g, g->bytes[i]);
    return g->before[i] ? g->values + g->before[i] : NULL;
  }
  return NULL;
}

const uint64_t *vg_cuda_rng_shift(vg_device *d) {
  const graph *g = vg_cuda_state(d)->graph;
  return g && g->recording ? (const uint64_t *)(const void *)g->values : NULL;
}

/* ---- recording ---- */

static vg_status reserve(graph *g) {
  vg_status st;
  VG_TRY(VG_CUDA(cudaMalloc((void **)&g->values, VALUES)));
  VG_TRY(VG_CUDA(cudaMalloc((void **)&g->results, WATCHED * sizeof(float))));
  VG_TRY(VG_CUDA(cudaHostAlloc((void **)&g->pinned, DEPTH * (VALUES + WATCHED * sizeof(float)),
                               cudaHostAllocDefault)));
  for (int i = 0; i < DEPTH; i++)
    VG_TRY(VG_CUDA(cudaEventCreateWithFlags(&g->done[i], cudaEventDisableTiming)));
  g->used = 16;
done:
  return st;
}

static void free_graph(vg_device *d, void *graph_);

/* The device is as before the recording again. */
static void leave(vg_device *d, graph *g) {
  vg_cuda_priv *p = vg_cuda_state(d);
  graph *dead;
  g->recording = false;
  p->late = NULL;
  p->touch_failed = VG_OK;
  vg_cuda_squares_forget(p);
  vg_cuda_weights_clear(p);
  p->weights = g->outer_weights;
  d->pool = g->outer_pool;
  p->graph = NULL;
  vg_cuda_free_deferred(p);
  while ((dead = p->dead)) {
    p->dead = dead->next;
    free_graph(d, dead);
  }
}

static void free_graph(vg_device *d, void *graph_) {
  graph *g = graph_;
  cudaStream_t s = vg_cuda_stream(d);
  if (!g) return;
  if (!g->recording && vg_cuda_capturing(d)) { /* freeing waits for the device */
    g->next = vg_cuda_state(d)->dead;
    vg_cuda_state(d)->dead = g;
    return;
  }
  if (g->late && vg_cuda_state(d)->late == g->late && !g->recording) vg_cuda_late_flush(d);
  if (g->recording) {
    cudaGraph_t dead = NULL;
    vg_cuda_join(d);
    cudaStreamEndCapture(s, &dead);
    if (dead) cudaGraphDestroy(dead);
    leave(d, g);
  }
  if (vg_cuda_state(d)->graph == g) vg_cuda_state(d)->graph = NULL;
  cudaStreamSynchronize(s);
  if (g->exec) cudaGraphExecDestroy(g->exec);
  for (int i = 0; i < DEPTH; i++)
    if (g->done[i]) cudaEventDestroy(g->done[i]);
  if (g->values) cudaFree(g->values);
  if (g->results) cudaFree(g->results);
  if (g->pinned) cudaFreeHost(g->pinned);
  vg_cuda_pins_drop(g->pins);
  vg_cuda_late_free(g->late);
  vg_pool_drop_child(g->pool);
  cudaGetLastError();
  vg_free(g);
}

static vg_status begin(vg_device *d, void **out) {
  vg_cuda_priv *p = vg_cuda_state(d);
  cudaStream_t s = vg_cuda_stream(d);
  graph *g = NULL;
  vg_status st;
  *out = NULL;
  if (p->graph) return vg_fail(VG_ESTATE, "replay: a step is being recorded already");
  if (!(g = vg_calloc(1, sizeof *g))) return VG_ENOMEM;
  VG_TRY(vg_cuda_late_flush(d));
  VG_TRY(VG_CUDA(vg_cuda_optim_load()));
  VG_TRY(reserve(g));
  VG_TRY(vg_pool_new_child(&g->pool, d->pool));
  VG_TRY(vg_cuda_late_new(&g->late, d, g->pool));
  VG_TRY(VG_CUDA(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal)));
  g->outer_pool = d->pool;
  d->pool = g->pool;
  g->outer_weights = p->weights;
  p->weights = NULL;
  g->seed = d->ctx->seed;
  g->rng_base = d->ctx->rng_calls;
  g->recording = true;
  p->graph = g;
  VG_TRY(vg_cuda_late_begin(g->late, d, (const uint64_t *)(const void *)g->values + 1));
  *out = g;
  g = NULL;
done:
  free_graph(d, g);
  return st;
}

static vg_status end(vg_device *d, void *graph_) {
  graph *g = graph_;
  cudaStream_t s = vg_cuda_stream(d);
  cudaGraph_t recorded = NULL;
  vg_status st;
  if (!g->recording) return vg_fail(VG_ESTATE, "replay: nothing is being recorded");
  VG_TRY(vg_cuda_pins_refresh(d, g->pins)); /* what the step itself has changed */
  VG_TRY(vg_cuda_join(d));
  st = VG_CUDA(cudaStreamEndCapture(s, &recorded));
  leave(d, g);
  if (st != VG_OK) goto done;
  VG_TRY(VG_CUDA(cudaGraphInstantiate(&g->exec, recorded, 0)));
  VG_TRY(VG_CUDA(cudaGraphUpload(g->exec, s)));
  VG_TRY(vg_cuda_late_end(d, g->late));
  g->rng_calls = d->ctx->rng_calls - g->rng_base;
  g->fresh = g->filled = true;
done:
  if (recorded) cudaGraphDestroy(recorded);
  return st;
}

static vg_status watch(vg_device *d, void *graph_, const vg_tensor *x) {
  graph *g = graph_;
  vg_status st;
  if (!g->recording || g->watched == WATCHED)
    return vg_fail(VG_ESTATE, "replay: %s",
                   g->recording ? "too many watched numbers" : "nothing is being recorded");
  if (x->n != 1 || x->dtype != VG_F32 || x->layout)
    return vg_fail(VG_EINVAL, "replay: want one float32 number to watch, got %s of %s",
                   vg_shape_str(x), vg_dtype_name(x->dtype));
  VG_TRY(VG_CUDA(cudaMemcpyAsync(g->results + g->watched, vg_cuda_data(x), sizeof(float),
                                 cudaMemcpyDeviceToDevice, vg_cuda_stream(d))));
  g->watched++;
done:
  return st;
}

/* ---- replaying ---- */

static vg_status refill(vg_device *d, void *graph_, bool on) {
  vg_cuda_priv *p = vg_cuda_state(d);
  graph *g = graph_;
  vg_status st = VG_OK;
  if (!g->exec || (on ? p->graph != NULL : p->graph != g))
    return vg_fail(VG_ESTATE, "replay: nothing to refill");
  if (on) VG_TRY(vg_cuda_pins_refresh(d, g->pins)); /* before the steps count up versions */
  g->refilling = on;
  p->graph = on ? g : NULL;
  if (on) {
    g->cursor = 0;
    g->filled = false;
    return VG_OK;
  }
  if (g->cursor != g->entries)
    return vg_fail(VG_ESTATE, "replay: this step does less than the recorded one");
  g->filled = true;
done:
  return st;
}

static vg_status check_launch(vg_device *d, const graph *g) {
  if (!g->exec) return vg_fail(VG_ESTATE, "replay: nothing was recorded");
  if (vg_cuda_state(d)->graph) return vg_fail(VG_ESTATE, "replay: a step is being recorded");
  if (g->entries && !g->filled) return vg_fail(VG_ESTATE, "replay: not refilled since the last");
  if (g->rng_calls && g->seed != d->ctx->seed)
    return vg_fail(VG_ESTATE, "replay: the step was recorded with another seed");
  return VG_OK;
}

/* The values of a launch, as they go to the device. */
static void set_values(vg_device *d, graph *g, char *slot, uint64_t shift) {
  uint64_t left = g->late && vg_cuda_state(d)->late == g->late;
  memcpy(g->mirror, &shift, sizeof shift);
  memcpy(g->mirror + sizeof shift, &left, sizeof left);
  for (int i = 0; i < g->entries; i++)
    if (g->before[i]) memcpy(g->mirror + g->before[i], g->launched + g->offset[i], g->bytes[i]);
  memcpy(slot, g->mirror, g->used);
  memcpy(g->launched, g->mirror, g->used);
}

/* The shift of the random position, counting what this launch draws. */
static uint64_t draw(vg_device *d, graph *g) {
  uint64_t shift = g->fresh ? 0 : d->ctx->rng_calls - g->rng_base;
  if (!g->fresh) d->ctx->rng_calls += g->rng_calls;
  g->fresh = false;
  return shift;
}

static vg_status launch(vg_device *d, void *graph_, uint64_t *number) {
  graph *g = graph_;
  cudaStream_t s = vg_cuda_stream(d);
  uint64_t at = g->launches;
  vg_status st;
  VG_TRY(check_launch(d, g));
  VG_TRY(vg_cuda_touch_status(d));
  VG_TRY(vg_cuda_pins_refresh(d, g->pins));
  if (vg_cuda_state(d)->late != g->late) VG_TRY(vg_cuda_late_flush(d));
  if (at >= DEPTH) VG_TRY(VG_CUDA(cudaEventSynchronize(g->done[at % DEPTH])));
  set_values(d, g, values_slot(g, at), draw(d, g));
  VG_TRY(
      VG_CUDA(cudaMemcpyAsync(g->values, values_slot(g, at), g->used, cudaMemcpyHostToDevice, s)));
  VG_TRY(VG_CUDA(cudaGraphLaunch(g->exec, s)));
  vg_cuda_state(d)->late = vg_cuda_late_leaves(g->late) ? g->late : NULL;
  if (g->watched)
    VG_TRY(VG_CUDA(cudaMemcpyAsync(results_slot(g, at), g->results,
                                   (size_t)g->watched * sizeof(float), cudaMemcpyDeviceToHost, s)));
  VG_TRY(VG_CUDA(cudaEventRecord(g->done[at % DEPTH], s)));
  g->filled = false;
  *number = ++g->launches;
done:
  return st;
}

static vg_status read(vg_device *d, void *graph_, uint64_t number, int n, double *out) {
  graph *g = graph_;
  vg_status st;
  vg_cuda_stream(d);
  if (number < 1 || number > g->launches || number + DEPTH <= g->launches || n > g->watched)
    return vg_fail(VG_EINVAL, "replay: no results of launch %llu", (unsigned long long)number);
  VG_TRY(VG_CUDA(cudaEventSynchronize(g->done[(number - 1) % DEPTH])));
  for (int i = 0; i < n; i++) out[i] = (double)results_slot(g, number - 1)[i];
done:
  return st;
}

const vg_replay_vt vg_cuda_replay = {.recording = vg_cuda_capturing,
                                     .begin = begin,
                                     .end = end,
                                     .watch = watch,
                                     .refill = refill,
                                     .launch = launch,
                                     .read = read,
                                     .free = free_graph};
