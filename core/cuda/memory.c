/* Raw device memory, and copies to and from the host through pinned staging memory, so that they
   run in the order of the device's stream and pageable memory never makes them wait twice. */
#include <string.h>

#include "base/alloc.h"
#include "cuda/stream.h"

/* ---- raw memory ---- */

/* Freeing waits for the device, which a capture does not allow: kept in a list until then. */
typedef struct deferred {
  struct deferred *next;
  void *ptr;
} deferred;

static void *alloc(vg_device *d, size_t bytes) {
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  void *p = NULL;
  cudaError_t e;
  vg_cuda_stream(d);
  cudaThreadExchangeStreamCaptureMode(&mode); /* allocating is harmless to a capture */
  e = cudaMalloc(&p, bytes);
  cudaThreadExchangeStreamCaptureMode(&mode);
  if (e == cudaSuccess) return p;
  cudaGetLastError();
  return NULL;
}

static void release(vg_device *d, void *ptr, size_t bytes) {
  vg_cuda_priv *p = vg_cuda_state(d);
  deferred *later;
  (void)bytes;
  vg_cuda_stream(d);
  if (!vg_cuda_capturing(d)) {
    cudaFree(ptr);
    return;
  }
  later = vg_alloc(sizeof *later);
  if (!later) return; /* better lost than freed under a capture */
  *later = (deferred){.next = p->deferred, .ptr = ptr};
  p->deferred = later;
}

void vg_cuda_free_deferred(vg_cuda_priv *p) {
  deferred *next, *l = p->deferred;
  for (; l; l = next) {
    next = l->next;
    cudaFree(l->ptr);
    vg_free(l);
  }
  p->deferred = NULL;
}

/* ---- staging ---- */

vg_status vg_cuda_staging_open(vg_cuda_priv *p) {
  vg_status st = VG_OK;
  for (int i = 0; i < VG_CUDA_SLOTS; i++) {
    vg_cuda_slot *s = &p->slot[i];
    VG_TRY(VG_CUDA(cudaHostAlloc((void **)&s->host, VG_CUDA_SLOT_BYTES, cudaHostAllocDefault)));
    VG_TRY(VG_CUDA(cudaEventCreateWithFlags(&s->done, cudaEventDisableTiming)));
  }
done:
  return st;
}

void vg_cuda_staging_close(vg_cuda_priv *p) {
  for (int i = 0; i < VG_CUDA_SLOTS; i++) {
    if (p->slot[i].done) cudaEventDestroy(p->slot[i].done);
    if (p->slot[i].host) cudaFreeHost(p->slot[i].host);
    p->slot[i] = (vg_cuda_slot){0};
  }
}

/* The next slot, free for use. */
static vg_status take_slot(vg_cuda_slot **out, vg_cuda_priv *p) {
  vg_cuda_slot *s = &p->slot[p->next_slot];
  vg_status st = VG_OK;
  if (s->busy) VG_TRY(VG_CUDA(cudaEventSynchronize(s->done)));
  s->busy = false;
  p->next_slot = (p->next_slot + 1) % VG_CUDA_SLOTS;
  *out = s;
done:
  return st;
}

static vg_status refuse_while_capturing(const vg_device *d, const char *what) {
  if (!vg_cuda_capturing(d)) return VG_OK;
  return vg_fail(VG_ESTATE, "%s: not while a step is captured", what);
}

/* Returns when `host` may be changed again; the copy itself may still run. */
static vg_status copy_in(vg_device *d, void *dst, const void *host, size_t bytes) {
  vg_cuda_priv *p = vg_cuda_state(d);
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_slot *s;
  vg_status st;
  VG_TRY(refuse_while_capturing(d, "write"));
  vg_cuda_touch(d, dst, true);
  for (size_t at = 0; at < bytes; at += VG_CUDA_SLOT_BYTES) {
    size_t n = bytes - at < VG_CUDA_SLOT_BYTES ? bytes - at : VG_CUDA_SLOT_BYTES;
    VG_TRY(take_slot(&s, p));
    memcpy(s->host, (const char *)host + at, n);
    VG_TRY(VG_CUDA(cudaMemcpyAsync((char *)dst + at, s->host, n, cudaMemcpyHostToDevice, stream)));
    VG_TRY(VG_CUDA(cudaEventRecord(s->done, stream)));
    s->busy = true;
  }
done:
  return st;
}

/* Two slots in turn: the next piece travels while this one is copied out. */
static vg_status copy_out(vg_device *d, void *host, const void *src, size_t bytes) {
  vg_cuda_priv *p = vg_cuda_state(d);
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_slot *pending = NULL, *s = NULL;
  size_t copied = 0, pending_bytes = 0;
  vg_status st;
  VG_TRY(refuse_while_capturing(d, "read"));
  vg_cuda_touch(d, src, false);
  VG_TRY(vg_cuda_touch_status(d));
  for (size_t at = 0; copied < bytes;) {
    size_t n = bytes - at < VG_CUDA_SLOT_BYTES ? bytes - at : VG_CUDA_SLOT_BYTES;
    if (n) {
      VG_TRY(take_slot(&s, p));
      VG_TRY(VG_CUDA(
          cudaMemcpyAsync(s->host, (const char *)src + at, n, cudaMemcpyDeviceToHost, stream)));
      VG_TRY(VG_CUDA(cudaEventRecord(s->done, stream)));
      s->busy = true;
    }
    if (pending) {
      VG_TRY(VG_CUDA(cudaEventSynchronize(pending->done)));
      pending->busy = false;
      memcpy((char *)host + copied, pending->host, pending_bytes);
      copied += pending_bytes;
    }
    pending = n ? s : NULL;
    pending_bytes = n;
    at += n;
  }
done:
  return st;
}

static vg_status fill(vg_device *d, void *dst, int byte, size_t bytes) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_touch(d, dst, true);
  return bytes ? VG_CUDA(cudaMemsetAsync(dst, byte, bytes, stream)) : VG_OK;
}

const vg_memory_vt vg_cuda_memory = {
    .alloc = alloc, .free = release, .write = copy_in, .read = copy_out, .fill = fill};
