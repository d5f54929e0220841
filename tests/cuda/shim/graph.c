/* Graphs: recorded work, done again at every launch, in an order as bad as the recorded
   dependencies allow. */
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct CUgraphExec_st {
  shim_object object;
  shim_node *node; /* in the order in which they run */
  int n;
  int device;
};

typedef struct launch_work {
  shim_work work;
  struct CUgraphExec_st *exec;
} launch_work;

struct CUgraph_st *shim_graph_new(const char *call) {
  return shim_object_new(SHIM_GRAPH, sizeof(struct CUgraph_st), call);
}

int shim_graph_add(struct CUgraph_st *g, shim_work *w, const int *after, int nafter) {
  shim_node *v;
  if (g->n == g->room) {
    g->room = g->room ? 2 * g->room : 64;
    g->node = realloc(g->node, (size_t)g->room * sizeof *g->node);
    if (!g->node) abort();
  }
  v = &g->node[g->n];
  *v =
      (shim_node){.work = w, .after = malloc((size_t)(nafter + 1) * sizeof(int)), .nafter = nafter};
  if (!v->after) abort();
  if (nafter) memcpy(v->after, after, (size_t)nafter * sizeof(int));
  return g->n++;
}

/* Of the nodes that may run, always the one recorded last. */
static void order(struct CUgraphExec_st *x, const struct CUgraph_st *g) {
  bool *done = calloc((size_t)g->n + 1, sizeof *done);
  while (x->n < g->n)
    for (int i = g->n - 1; i >= 0; i--) {
      bool free_to_go = !done[i];
      for (int j = 0; free_to_go && j < g->node[i].nafter; j++)
        free_to_go = done[g->node[i].after[j]];
      if (!free_to_go) continue;
      done[i] = true;
      x->node[x->n] = (shim_node){.work = g->node[i].work};
      x->node[x->n++].work->references++;
      break;
    }
  free(done);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                 unsigned long long flags) {
  struct CUgraph_st *g;
  cudaError_t e = cudaSuccess;
  shim_lock();
  if (flags & ~15ull) shim_violation("cudaGraphInstantiate: unknown flags %#llx", flags);
  g = shim_live(graph, SHIM_GRAPH, "cudaGraphInstantiate");
  shim_not_while_capturing("cudaGraphInstantiate");
  if (shim_enter("cudaGraphInstantiate")) {
    e = cudaErrorMemoryAllocation;
  } else {
    struct CUgraphExec_st *x = shim_object_new(SHIM_GRAPH_EXEC, sizeof *x, "cudaGraphInstantiate");
    x->node = calloc((size_t)g->n + 1, sizeof *x->node);
    if (!x->node) abort();
    x->device = shim_current_device();
    order(x, g);
    for (int i = 0; i < x->n; i++) shim_count("node", x->node[i].work->what);
    *out = x;
  }
  shim_unlock();
  return shim_error(e);
}

static void run_graph(shim_work *w) {
  struct CUgraphExec_st *x = ((launch_work *)w)->exec;
  shim_live(x, SHIM_GRAPH_EXEC, "a graph that is still to run");
  for (int i = 0; i < x->n; i++) x->node[i].work->run(x->node[i].work);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  struct CUgraphExec_st *x;
  cudaError_t e = cudaSuccess;
  shim_lock();
  x = shim_live(exec, SHIM_GRAPH_EXEC, "cudaGraphLaunch");
  shim_check_stream(stream, "cudaGraphLaunch");
  if (shim_capturing(stream)) shim_violation("cudaGraphLaunch: into a stream that is captured");
  if (x->device != shim_current_device())
    shim_violation("cudaGraphLaunch: a graph of device %d", x->device);
  if (shim_enter("cudaGraphLaunch")) {
    e = cudaErrorLaunchFailure;
  } else {
    launch_work *w = shim_work_new(sizeof *w, "cudaGraphLaunch", run_graph);
    w->exec = x;
    shim_submit(stream, &w->work);
  }
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  shim_lock();
  shim_live(exec, SHIM_GRAPH_EXEC, "cudaGraphUpload");
  shim_check_stream(stream, "cudaGraphUpload");
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
  struct CUgraph_st *g;
  shim_lock();
  g = shim_live(graph, SHIM_GRAPH, "cudaGraphGetNodes");
  if (nodes) shim_violation("cudaGraphGetNodes: only the count is known here");
  *count = (size_t)g->n;
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  struct CUgraph_st *g;
  shim_lock();
  g = shim_live(graph, SHIM_GRAPH, "cudaGraphDestroy");
  for (int i = 0; i < g->n; i++) {
    shim_work_release(g->node[i].work);
    free(g->node[i].after);
  }
  free(g->node);
  shim_object_end(g, SHIM_GRAPH, "cudaGraphDestroy");
  shim_unlock();
  return cudaSuccess;
}

/* A launch that still runs keeps what it needs, says the manual: it is done first. */
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  struct CUgraphExec_st *x;
  shim_lock();
  x = shim_live(exec, SHIM_GRAPH_EXEC, "cudaGraphExecDestroy");
  shim_drain_all();
  for (int i = 0; i < x->n; i++) shim_work_release(x->node[i].work);
  free(x->node);
  shim_object_end(x, SHIM_GRAPH_EXEC, "cudaGraphExecDestroy");
  shim_unlock();
  return cudaSuccess;
}
