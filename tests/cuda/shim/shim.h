/* Stand-ins for the CUDA libraries, for tests without a GPU. Every call checks its arguments and
   the state of what it is given; a broken rule ends the process (report.h). Work given to a stream
   is queued and done as late as the rules of CUDA allow, so that a missing wait shows; device
   memory cannot be touched by host code.

   Environment:
     VG_SHIM_DEVICES=N     GPUs in this machine (1)
     VG_SHIM_MEMORY=BYTES  memory of each (16 GiB)
     VG_SHIM_FAIL=CALL:N   the N-th call of CALL fails; CALL:N+ from there on; comma between
                           several. `any` counts every call that can fail
     VG_SHIM_REFUSE=WORD   what cuDNN's graphs have no plans for (dnn.h)
     VG_SHIM_STATS_ADD=1   statistics are added to what their memory holds
     VG_SHIM_REPORT=FILE   at exit: one line a call or kernel, "count name" */
#ifndef VG_SHIM_H
#define VG_SHIM_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* ---- the lock, counting and failing calls (fault.c) ---- */

void shim_lock(void);
void shim_unlock(void);
/* Counts the call; true when it is its turn to fail. */
bool shim_enter(const char *call);
void shim_count(const char *name, const char *detail);

/* ---- objects: handles with a life (object.c) ---- */

typedef enum shim_kind {
  SHIM_STREAM,
  SHIM_EVENT,
  SHIM_GRAPH,
  SHIM_GRAPH_EXEC,
  SHIM_LT_HANDLE,
  SHIM_LT_LAYOUT,
  SHIM_LT_MATMUL,
  SHIM_LT_PREFERENCE,
  SHIM_DNN_HANDLE,
  SHIM_DNN_BACKEND,
  SHIM_DNN_TENSOR,
  SHIM_DNN_FILTER,
  SHIM_DNN_CONV,
  SHIM_KINDS
} shim_kind;

typedef struct shim_object {
  uint64_t magic;
  shim_kind kind;
  struct shim_object *next, *previous;
  const char *made_by;
  int references;                           /* by other objects: then its memory stays */
  void (*free_parts)(struct shim_object *); /* when its memory goes */
} shim_object;

/* A zeroed object of `bytes`, which begins with shim_object. */
void *shim_object_new(shim_kind kind, size_t bytes, const char *made_by);
/* Ends its life; its memory stays for long, so that later use is found. */
void shim_object_end(void *object, shim_kind kind, const char *call);
/* `object` if it is a live one of that kind, else the end. */
void *shim_live(const void *object, shim_kind kind, const char *call);
/* The message about everything alive; NULL when nothing is. */
const char *shim_leaks(void);

/* ---- memory (memory.c) ---- */

typedef enum shim_place { SHIM_HOST, SHIM_PINNED, SHIM_DEVICE } shim_place;

shim_place shim_place_of(const void *p);
/* The whole range lies in one live allocation of the device; `align`: of its address. */
void shim_check_device(const void *p, size_t bytes, size_t align, const char *call,
                       const char *what);
/* A kernel's pointer: NULL, or into live device or pinned memory. */
void shim_check_pointer(const void *p, const char *kernel, int argument);
/* A word inside a kernel's argument that is an address of host memory. */
void shim_check_word(uint64_t word, const char *kernel, int argument);
/* Between the two, device memory can be touched. They nest. */
void shim_device_begin(void);
void shim_device_end(void);

/* ---- work of streams (stream.c) ---- */

typedef struct shim_work {
  int references;
  const char *what;
  double cost; /* milliseconds that it takes by the stream's clock; 0: a little */
  void (*run)(struct shim_work *);  /* between shim_device_begin and end */
  void (*drop)(struct shim_work *); /* frees it and what it holds */
} shim_work;

/* bytes >= sizeof(shim_work), zeroed */
void *shim_work_new(size_t bytes, const char *what, void (*run)(shim_work *));
void shim_work_release(shim_work *w);

typedef struct shim_stream shim_stream;
/* The live stream behind a handle; NULL is the legacy one. */
shim_stream *shim_stream_of(cudaStream_t s, const char *call);
/* The end when the stream is the legacy one or another device's: nothing of ours runs there. */
void shim_check_stream(cudaStream_t s, const char *call);
/* Takes the work over: into the stream's queue, or into the graph being captured. */
void shim_submit(cudaStream_t s, shim_work *w);
/* Does everything that was given to any stream of any device. */
void shim_drain_all(void);
/* The end when this thread captures a stream in a mode that forbids `call`. */
void shim_not_while_capturing(const char *call);
bool shim_capturing(cudaStream_t s);

/* ---- graphs (graph.c), used by stream.c ---- */

typedef struct shim_node {
  shim_work *work;
  int *after; /* nodes that come first */
  int nafter;
} shim_node;

struct CUgraph_st {
  shim_object object;
  shim_node *node;
  int n, room;
};

struct CUgraph_st *shim_graph_new(const char *call);
/* The index of the new node. */
int shim_graph_add(struct CUgraph_st *g, shim_work *w, const int *after, int nafter);

/* ---- errors (device.c) ---- */

cudaError_t shim_error(cudaError_t e); /* remembers it for cudaGetLastError */
int shim_current_device(void);
int shim_devices(void);

#endif
