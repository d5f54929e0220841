/* Copies and fills. A copy from pageable memory takes the data along at once; one from pinned
   memory reads it when the stream comes there; one into pageable memory waits. */
#include <stdlib.h>
#include <string.h>

#include "shim.h"

typedef struct copy_work {
  shim_work work;
  void *to;
  const void *from;
  void *own; /* staged data, freed with the work */
  size_t bytes;
  int byte;
} copy_work;

static void check_side(const void *p, size_t bytes, const char *call, const char *what) {
  if (shim_place_of(p) == SHIM_DEVICE) shim_check_device(p, bytes, 0, call, what);
}

static void run_copy(shim_work *w) {
  copy_work *c = (copy_work *)w;
  check_side(c->to, c->bytes, w->what, "destination");
  check_side(c->from, c->bytes, w->what, "source");
  memmove(c->to, c->from, c->bytes);
}

static void run_fill(shim_work *w) {
  copy_work *c = (copy_work *)w;
  shim_check_device(c->to, c->bytes, 0, w->what, "pointer");
  memset(c->to, c->byte, c->bytes);
}

static void drop(shim_work *w) { free(((copy_work *)w)->own); }

static void check_kind(const void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                       const char *call) {
  bool to_device = shim_place_of(to) == SHIM_DEVICE,
       from_device = shim_place_of(from) == SHIM_DEVICE;
  bool want_to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice,
       want_from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if ((int)kind < 0 || kind > cudaMemcpyDefault) shim_violation("%s: kind %d", call, (int)kind);
  if (kind != cudaMemcpyDefault && (to_device != want_to || from_device != want_from))
    shim_violation("%s: kind %d, but it copies from %s to %s", call, (int)kind,
                   from_device ? "device" : "host", to_device ? "device" : "host");
  check_side(to, bytes, call, "destination");
  check_side(from, bytes, call, "source");
  if (bytes && (const char *)to < (const char *)from + bytes &&
      (const char *)from < (const char *)to + bytes)
    shim_violation("%s: source and destination overlap", call);
}

static copy_work *copy_new(void *to, const void *from, size_t bytes, const char *call) {
  copy_work *c = shim_work_new(sizeof *c, call, run_copy);
  c->work.drop = drop;
  c->to = to;
  c->from = from;
  c->bytes = bytes;
  if (shim_place_of(from) == SHIM_HOST) {
    c->from = c->own = malloc(bytes ? bytes : 1);
    if (!c->own) abort();
    memcpy(c->own, from, bytes);
  }
  return c;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
  cudaError_t e = cudaSuccess;
  shim_lock();
  if (shim_enter("cudaMemcpyAsync")) {
    e = cudaErrorUnknown;
  } else if (bytes) {
    bool pageable_to = shim_place_of(to) == SHIM_HOST,
         pageable_from = shim_place_of(from) == SHIM_HOST;
    check_kind(to, from, bytes, kind, "cudaMemcpyAsync");
    shim_check_stream(stream, "cudaMemcpyAsync");
    if (shim_capturing(stream) && (pageable_to || pageable_from))
      shim_violation("cudaMemcpyAsync: pageable memory in a capture");
    shim_submit(stream, &copy_new(to, from, bytes, "cudaMemcpyAsync")->work);
    if (pageable_to) cudaStreamSynchronize(stream);
  }
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  cudaError_t e = cudaSuccess;
  shim_lock();
  shim_not_while_capturing("cudaMemcpy");
  if (shim_enter("cudaMemcpy")) {
    e = cudaErrorUnknown;
  } else if (bytes) {
    check_kind(to, from, bytes, kind, "cudaMemcpy");
    shim_submit(NULL, &copy_new(to, from, bytes, "cudaMemcpy")->work);
    cudaStreamSynchronize(NULL); /* the default stream only: others are non-blocking */
  }
  shim_unlock();
  return shim_error(e);
}

static cudaError_t fill(void *p, int value, size_t bytes, cudaStream_t stream, const char *call) {
  cudaError_t e = cudaSuccess;
  shim_lock();
  if (shim_enter(call)) {
    e = cudaErrorUnknown;
  } else if (bytes) {
    copy_work *c = shim_work_new(sizeof *c, call, run_fill);
    shim_check_device(p, bytes, 0, call, "pointer");
    c->work.drop = drop;
    c->to = p;
    c->bytes = bytes;
    c->byte = value & 0xff;
    shim_submit(stream, &c->work);
  }
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaMemset(void *p, int value, size_t bytes) {
  return fill(p, value, bytes, NULL, "cudaMemset");
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream) {
  shim_lock();
  shim_check_stream(stream, "cudaMemsetAsync");
  shim_unlock();
  return fill(p, value, bytes, stream, "cudaMemsetAsync");
}

/* Variables in constant memory are variables of the host here. */
cudaError_t cudaMemcpyToSymbolAsync(const void *symbol, const void *from, size_t bytes,
                                    size_t offset, enum cudaMemcpyKind kind, cudaStream_t stream) {
  shim_lock();
  shim_enter("cudaMemcpyToSymbolAsync");
  shim_check_stream(stream, "cudaMemcpyToSymbolAsync");
  if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice)
    shim_violation("cudaMemcpyToSymbolAsync: kind %d", (int)kind);
  if (shim_capturing(stream) && shim_place_of(from) == SHIM_HOST)
    shim_violation("cudaMemcpyToSymbolAsync: pageable memory in a capture");
  shim_submit(
      stream,
      &copy_new((char *)(uintptr_t)symbol + offset, from, bytes, "cudaMemcpyToSymbolAsync")->work);
  shim_unlock();
  return cudaSuccess;
}

/* ---- a function of the host in its turn ---- */

typedef struct host_work {
  shim_work work;
  cudaHostFn_t function;
  void *data;
} host_work;

static void run_host(shim_work *w) {
  host_work *h = (host_work *)w;
  shim_device_end(); /* host code again */
  h->function(h->data);
  shim_device_begin();
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
  host_work *h;
  shim_lock();
  shim_enter("cudaLaunchHostFunc");
  shim_check_stream(stream, "cudaLaunchHostFunc");
  h = shim_work_new(sizeof *h, "cudaLaunchHostFunc", run_host);
  h->function = function;
  h->data = data;
  shim_submit(stream, &h->work);
  shim_unlock();
  return cudaSuccess;
}
