/* Streams and events. A queue is worked off when the host waits for it, and then only as far as
   the wait demands: a dependency that nobody declared shows as stale data. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

enum { LONGEST = 512 }; /* queued items; then the oldest are done */

/* The moment an event was recorded at. */
typedef struct token {
  int references;
  bool done;
  double time; /* milliseconds */
  shim_stream *stream;
} token;

typedef struct item {
  struct item *next;
  enum { WORK, RECORD, WAIT } kind;
  shim_work *work;
  token *token;
} item;

struct CUstream_st {
  shim_object object;
  unsigned flags;
  int device;
  item *first, **end;
  int length;
  /* while captured: */
  struct CUgraph_st *capture;
  bool origin; /* the capture began here */
  enum cudaStreamCaptureMode mode;
  pthread_t thread;
  int *after; /* nodes the next one depends on */
  int nafter;
};

struct CUevent_st {
  shim_object object;
  unsigned flags;
  token *token;               /* last recorded; NULL: never */
  struct CUgraph_st *capture; /* recorded in a capture: */
  int *after;
  int nafter;
};

struct shim_stream {
  struct CUstream_st s;
};

static struct CUstream_st *streams[256]; /* live ones, in the order they were made */
static int nstreams;
static struct CUstream_st legacy;
static bool draining;
static double now; /* of a clock that only work moves, so that every run measures the same */
static _Thread_local enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

static struct CUstream_st *stream_of(cudaStream_t s, const char *call) {
  if (!legacy.end) legacy.end = &legacy.first;
  if (s == NULL || s == cudaStreamLegacy) return &legacy;
  if (s == cudaStreamPerThread) shim_violation("%s: the per-thread default stream", call);
  return shim_live(s, SHIM_STREAM, call);
}

/* ---- items ---- */

static void token_release(token *t) {
  if (t && --t->references == 0) free(t);
}

void *shim_work_new(size_t bytes, const char *what, void (*run)(shim_work *)) {
  shim_work *w = calloc(1, bytes);
  if (!w) abort();
  *w = (shim_work){.references = 1, .what = what, .run = run};
  return w;
}

void shim_work_release(shim_work *w) {
  if (--w->references) return;
  if (w->drop) w->drop(w);
  free(w);
}

static void drain(struct CUstream_st *s, const token *until);

static void push(struct CUstream_st *s, int kind, shim_work *w, token *t) {
  item *i = calloc(1, sizeof *i);
  if (!i) abort();
  i->kind = kind;
  i->work = w;
  i->token = t;
  *s->end = i;
  s->end = &i->next;
  if (++s->length > LONGEST && !draining) drain(s, NULL);
}

static void perform(item *i) {
  switch (i->kind) {
    case WORK:
      shim_device_begin();
      i->work->run(i->work);
      now += i->work->cost > 0 ? i->work->cost : 0.002;
      shim_device_end();
      shim_work_release(i->work);
      break;
    case RECORD:
      i->token->done = true;
      i->token->time = now;
      break;
    case WAIT:
      if (!i->token->done) drain(&i->token->stream->s, i->token);
      break;
  }
  token_release(i->token);
}

static void drain(struct CUstream_st *s, const token *until) {
  bool outer = draining;
  draining = true;
  while (s->first && !(until && until->done)) {
    item *i = s->first;
    s->first = i->next;
    if (!s->first) s->end = &s->first;
    s->length--;
    perform(i);
    free(i);
  }
  draining = outer;
}

void shim_drain_all(void) {
  if (legacy.end) drain(&legacy, NULL);
  for (int i = 0; i < nstreams; i++) drain(streams[i], NULL);
}

/* ---- capturing ---- */

static void set_after(int **list, int *n, const int *from, int count) {
  int *copy = count ? malloc((size_t)count * sizeof *copy) : NULL;
  if (count) memcpy(copy, from, (size_t)count * sizeof *copy);
  free(*list);
  *list = copy;
  *n = count;
}

static void join_after(struct CUstream_st *s, const int *from, int count) {
  int *both = malloc((size_t)(s->nafter + count + 1) * sizeof *both), n = 0;
  for (int i = 0; i < s->nafter; i++) both[n++] = s->after[i];
  for (int i = 0; i < count; i++) {
    bool known = false;
    for (int j = 0; j < n; j++) known |= both[j] == from[i];
    if (!known) both[n++] = from[i];
  }
  set_after(&s->after, &s->nafter, both, n);
  free(both);
}

bool shim_capturing(cudaStream_t s) { return stream_of(s, "capture")->capture != NULL; }

void shim_not_while_capturing(const char *call) {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return;
  for (int i = 0; i < nstreams; i++) {
    const struct CUstream_st *s = streams[i];
    if (!s->capture || !s->origin || s->mode == cudaStreamCaptureModeRelaxed) continue;
    if (s->mode == cudaStreamCaptureModeGlobal || pthread_equal(s->thread, pthread_self()))
      shim_violation("%s: not allowed while a stream is captured", call);
  }
}

/* Neither a query nor a wait touches a stream or event that belongs to a capture. */
static void not_captured(const struct CUgraph_st *capture, const char *call) {
  if (capture) shim_violation("%s: of something that is being captured", call);
}

void shim_check_stream(cudaStream_t s, const char *call) {
  struct CUstream_st *p = stream_of(s, call);
  if (p == &legacy) shim_violation("%s: on the default stream, want the device's own", call);
  if (p->device != shim_current_device())
    shim_violation("%s: a stream of device %d while device %d is current", call, p->device,
                   shim_current_device());
}

void shim_submit(cudaStream_t handle, shim_work *w) {
  struct CUstream_st *s = stream_of(handle, w->what);
  if (s == &legacy) shim_not_while_capturing(w->what);
  if (s->capture) {
    int node = shim_graph_add(s->capture, w, s->after, s->nafter);
    set_after(&s->after, &s->nafter, &node, 1);
  } else {
    push(s, WORK, w, NULL);
  }
}

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode) {
  struct CUstream_st *s;
  shim_lock();
  if (shim_enter("cudaStreamBeginCapture")) {
    shim_unlock();
    return shim_error(cudaErrorStreamCaptureUnsupported);
  }
  s = stream_of(handle, "cudaStreamBeginCapture");
  if (s == &legacy) shim_violation("cudaStreamBeginCapture: the default stream has no capture");
  if (s->capture) shim_violation("cudaStreamBeginCapture: the stream is captured already");
  s->capture = shim_graph_new("cudaStreamEndCapture");
  s->origin = true;
  s->mode = mode;
  s->thread = pthread_self();
  set_after(&s->after, &s->nafter, NULL, 0);
  shim_unlock();
  return cudaSuccess;
}

/* Everything recorded must come before what the origin stream would do next. */
static void check_joined(const struct CUstream_st *s) {
  const struct CUgraph_st *g = s->capture;
  bool *reached = calloc((size_t)g->n + 1, sizeof *reached);
  for (int i = 0; i < s->nafter; i++) reached[s->after[i]] = true;
  for (int i = g->n - 1; i >= 0; i--) /* a node comes after smaller ones */
    for (int j = 0; reached[i] && j < g->node[i].nafter; j++) reached[g->node[i].after[j]] = true;
  for (int i = 0; i < g->n; i++)
    if (!reached[i])
      shim_violation("cudaStreamEndCapture: '%s' (node %d) was never joined to the first stream",
                     g->node[i].work->what, i);
  free(reached);
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *out) {
  struct CUstream_st *s;
  shim_lock();
  shim_enter("cudaStreamEndCapture");
  s = stream_of(handle, "cudaStreamEndCapture");
  if (!s->capture || !s->origin)
    shim_violation("cudaStreamEndCapture: no capture began on this stream");
  if (s->mode != cudaStreamCaptureModeRelaxed && !pthread_equal(s->thread, pthread_self()))
    shim_violation("cudaStreamEndCapture: in another thread than the beginning");
  check_joined(s);
  *out = s->capture;
  for (int i = 0; i < nstreams; i++)
    if (streams[i]->capture == *out) {
      streams[i]->capture = NULL;
      streams[i]->origin = false;
      set_after(&streams[i]->after, &streams[i]->nafter, NULL, 0);
    }
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, enum cudaStreamCaptureStatus *out) {
  shim_lock();
  *out = shim_capturing(handle) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
  enum cudaStreamCaptureMode old = thread_mode;
  thread_mode = *mode;
  *mode = old;
  return cudaSuccess;
}

/* ---- streams ---- */

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority) {
  cudaError_t e = cudaSuccess;
  (void)priority;
  shim_lock();
  if (flags & ~1u) shim_violation("cudaStreamCreate: unknown flags %#x", flags);
  if (nstreams == 256) shim_violation("cudaStreamCreate: 256 streams are alive, is one leaking?");
  if (shim_enter("cudaStreamCreate")) {
    e = cudaErrorMemoryAllocation;
  } else {
    struct CUstream_st *s = shim_object_new(SHIM_STREAM, sizeof *s, "cudaStreamCreate");
    s->flags = flags;
    s->device = shim_current_device();
    s->end = &s->first;
    streams[nstreams++] = s;
    *out = s;
  }
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  return cudaStreamCreateWithPriority(out, flags, 0);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  struct CUstream_st *s;
  shim_lock();
  shim_enter("cudaStreamDestroy");
  s = shim_live(handle, SHIM_STREAM, "cudaStreamDestroy");
  not_captured(s->capture, "cudaStreamDestroy");
  drain(s, NULL); /* the work of a destroyed stream is still done */
  for (int i = 0; i < nstreams; i++)
    if (streams[i] == s) {
      memmove(&streams[i], &streams[i + 1], (size_t)(nstreams - i - 1) * sizeof *streams);
      nstreams--;
      break;
    }
  shim_object_end(s, SHIM_STREAM, "cudaStreamDestroy");
  shim_unlock();
  return cudaSuccess;
}

static cudaError_t failing_wait(const char *call) {
  return shim_enter(call) ? cudaErrorUnknown : cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  struct CUstream_st *s;
  cudaError_t e;
  shim_lock();
  e = failing_wait("cudaStreamSynchronize");
  s = stream_of(handle, "cudaStreamSynchronize");
  not_captured(s->capture, "cudaStreamSynchronize");
  drain(s, NULL);
  shim_unlock();
  return shim_error(e);
}

/* Asked, the stream makes progress: a loop of queries ends. */
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  cudaError_t e;
  struct CUstream_st *s;
  shim_lock();
  shim_enter("cudaStreamQuery");
  s = stream_of(handle, "cudaStreamQuery");
  not_captured(s->capture, "cudaStreamQuery");
  shim_not_while_capturing("cudaStreamQuery");
  e = s->first ? cudaErrorNotReady : cudaSuccess;
  drain(s, NULL);
  shim_unlock();
  return e;
}

cudaError_t cudaDeviceSynchronize(void) {
  cudaError_t e;
  shim_lock();
  e = failing_wait("cudaDeviceSynchronize");
  shim_not_while_capturing("cudaDeviceSynchronize");
  shim_drain_all();
  shim_unlock();
  return shim_error(e);
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  cudaError_t e = cudaSuccess;
  shim_lock();
  if (flags & ~7u) shim_violation("cudaEventCreate: unknown flags %#x", flags);
  if (shim_enter("cudaEventCreate")) {
    e = cudaErrorMemoryAllocation;
  } else {
    struct CUevent_st *v = shim_object_new(SHIM_EVENT, sizeof *v, "cudaEventCreate");
    v->flags = flags;
    *out = v;
  }
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaEventCreate(cudaEvent_t *out) { return cudaEventCreateWithFlags(out, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  struct CUevent_st *v;
  shim_lock();
  shim_enter("cudaEventDestroy");
  v = shim_live(handle, SHIM_EVENT, "cudaEventDestroy");
  token_release(v->token);
  v->token = NULL;
  set_after(&v->after, &v->nafter, NULL, 0);
  shim_object_end(v, SHIM_EVENT, "cudaEventDestroy");
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
  struct CUstream_st *s;
  struct CUevent_st *v;
  shim_lock();
  shim_enter("cudaEventRecord");
  s = stream_of(stream, "cudaEventRecord");
  v = shim_live(handle, SHIM_EVENT, "cudaEventRecord");
  token_release(v->token);
  v->token = NULL;
  v->capture = s->capture;
  set_after(&v->after, &v->nafter, s->after, s->capture ? s->nafter : 0);
  if (!s->capture) {
    token *t = calloc(1, sizeof *t);
    if (!t) abort();
    *t = (token){.references = 2, .stream = (shim_stream *)s};
    v->token = t;
    push(s, RECORD, NULL, t);
  }
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned flags) {
  struct CUstream_st *s;
  struct CUevent_st *v;
  shim_lock();
  shim_enter("cudaStreamWaitEvent");
  if (flags) shim_violation("cudaStreamWaitEvent: flags %#x", flags);
  s = stream_of(stream, "cudaStreamWaitEvent");
  v = shim_live(handle, SHIM_EVENT, "cudaStreamWaitEvent");
  if (v->capture) {
    if (s == &legacy) shim_violation("cudaStreamWaitEvent: the default stream waits for a capture");
    if (s->capture && s->capture != v->capture)
      shim_violation("cudaStreamWaitEvent: joins two captures");
    if (!s->capture && s->first) drain(s, NULL);
    s->capture = v->capture;
    join_after(s, v->after, v->nafter);
  } else if (s->capture) {
    if (v->token)
      shim_violation("cudaStreamWaitEvent: a captured stream waits for work outside its capture");
  } else if (v->token) {
    v->token->references++;
    push(s, WAIT, NULL, v->token);
  }
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  struct CUevent_st *v;
  cudaError_t e;
  shim_lock();
  e = failing_wait("cudaEventSynchronize");
  v = shim_live(handle, SHIM_EVENT, "cudaEventSynchronize");
  not_captured(v->capture, "cudaEventSynchronize");
  if (v->token && !v->token->done) drain(&v->token->stream->s, v->token);
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  struct CUevent_st *v;
  cudaError_t e = cudaSuccess;
  shim_lock();
  shim_enter("cudaEventQuery");
  v = shim_live(handle, SHIM_EVENT, "cudaEventQuery");
  not_captured(v->capture, "cudaEventQuery");
  shim_not_while_capturing("cudaEventQuery");
  if (v->token && !v->token->done) {
    e = cudaErrorNotReady;
    drain(&v->token->stream->s, v->token);
  }
  shim_unlock();
  return e;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end) {
  struct CUevent_st *a, *b;
  shim_lock();
  shim_enter("cudaEventElapsedTime");
  a = shim_live(start, SHIM_EVENT, "cudaEventElapsedTime");
  b = shim_live(end, SHIM_EVENT, "cudaEventElapsedTime");
  if ((a->flags | b->flags) & cudaEventDisableTiming)
    shim_violation("cudaEventElapsedTime: an event made without timing");
  if (!a->token || !b->token) shim_violation("cudaEventElapsedTime: an event never recorded");
  if (!a->token->done || !b->token->done)
    shim_violation("cudaEventElapsedTime: an event that nobody waited for");
  *ms = (float)(b->token->time - a->token->time);
  shim_unlock();
  return cudaSuccess;
}
