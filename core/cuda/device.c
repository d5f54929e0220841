/* Opening and closing a GPU: its streams, its library handles, and the texts of failures. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cuda/late.h"
#include "cuda/weights.h"

/* ---- failures ---- */

static vg_status failed(vg_status code, const char *call, const char *why) {
  return vg_fail(code, "cuda: %.*s: %s", (int)strcspn(call, "("), call, why);
}

vg_status vg_cuda_check(cudaError_t e, const char *call) {
  if (e == cudaSuccess) return VG_OK;
  cudaGetLastError(); /* those that do not stick are told once */
  return failed(e == cudaErrorMemoryAllocation ? VG_ENOMEM : VG_EDEVICE, call,
                cudaGetErrorString(e));
}

vg_status vg_cudnn_check(cudnnStatus_t e, const char *call) {
  if (e == CUDNN_STATUS_SUCCESS) return VG_OK;
  return failed(e == CUDNN_STATUS_ALLOC_FAILED ? VG_ENOMEM : VG_EDEVICE, call,
                cudnnGetErrorString(e));
}

vg_status vg_cublas_check(cublasStatus_t e, const char *call) {
  if (e == CUBLAS_STATUS_SUCCESS) return VG_OK;
  return failed(e == CUBLAS_STATUS_ALLOC_FAILED ? VG_ENOMEM : VG_EDEVICE, call,
                cublasLtGetStatusString(e));
}

/* ---- the device ---- */

cudaStream_t vg_cuda_stream(vg_device *d) {
  static _Thread_local int current = -1;
  vg_cuda_priv *p = vg_cuda_state(d);
  if (current != p->ordinal && cudaSetDevice(p->ordinal) == cudaSuccess) current = p->ordinal;
  return p->stream;
}

static int count(void) {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
  cudaGetLastError();
  return 0;
}

static vg_status identify(vg_cuda_priv *p) {
  struct cudaDeviceProp prop;
  vg_status st;
  VG_TRY(VG_CUDA(cudaGetDeviceProperties(&prop, p->ordinal)));
  snprintf(p->gpu, sizeof p->gpu, "%.*s", (int)sizeof p->gpu - 1, prop.name);
  p->sms = prop.multiProcessorCount;
  p->capability = prop.major * 10 + prop.minor;
  if (p->capability < 80)
    return vg_fail(VG_EDEVICE, "cuda: %s has compute capability %d.%d, want 8.0 or newer", p->gpu,
                   prop.major, prop.minor);
done:
  return st;
}

static vg_status streams(vg_cuda_priv *p) {
  vg_status st;
  VG_TRY(VG_CUDA(cudaStreamCreateWithFlags(&p->stream, cudaStreamNonBlocking)));
  VG_TRY(VG_CUDA(cudaStreamCreateWithFlags(&p->side, cudaStreamNonBlocking)));
  VG_TRY(VG_CUDA(cudaEventCreateWithFlags(&p->fork, cudaEventDisableTiming)));
  VG_TRY(VG_CUDA(cudaEventCreateWithFlags(&p->join, cudaEventDisableTiming)));
  VG_TRY(VG_CUDA(cudaMalloc((void **)&p->fault, sizeof *p->fault)));
  VG_TRY(VG_CUDA(cudaMemsetAsync(p->fault, 0, sizeof *p->fault, p->stream)));
  VG_TRY(vg_cuda_staging_open(p));
done:
  return st;
}

/* Also what an open that failed half way leaves. */
static void close_device(vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  if (!p) return;
  vg_cuda_stream(d);
  if (p->stream) cudaStreamSynchronize(p->stream);
  if (p->tuner_close) p->tuner_close(p->tuner);
  if (p->products_close) p->products_close(p->products);
  vg_free(p->updated);
  vg_cuda_free_deferred(p);
  vg_cuda_augment_close(d);
  vg_cuda_staging_close(p);
  if (p->dnn) cudnnDestroy(p->dnn);
  if (p->lt) cublasLtDestroy(p->lt);
  if (p->fault) cudaFree(p->fault);
  if (p->fork) cudaEventDestroy(p->fork);
  if (p->join) cudaEventDestroy(p->join);
  if (p->side) cudaStreamDestroy(p->side);
  if (p->stream) cudaStreamDestroy(p->stream);
  cudaGetLastError();
  vg_free(p);
  d->priv = NULL;
}

static vg_status open_device(vg_device *d) {
  vg_cuda_priv *p = vg_calloc(1, sizeof *p);
  vg_status st;
  if (!p) return VG_ENOMEM;
  d->priv = p;
  p->ordinal = d->index;
  snprintf(d->name, sizeof d->name, "cuda:%d", d->index);
  vg_cuda_stream(d);
  VG_TRY(identify(p));
  VG_TRY(streams(p));
done:
  if (st != VG_OK) close_device(d);
  return st;
}

static vg_status describe(vg_device *d, char *text, size_t n) {
  const vg_cuda_priv *p = vg_cuda_state(d);
  size_t dnn = cudnnGetVersion();
  int runtime = 0;
  vg_status st;
  VG_TRY(VG_CUDA(cudaRuntimeGetVersion(&runtime)));
  snprintf(text, n, "%s %s, sm_%d, CUDA %d.%d, cuDNN %zu.%zu.%zu", d->name, p->gpu, p->capability,
           runtime / 1000, runtime % 1000 / 10, dnn / 10000, dnn % 10000 / 100, dnn % 100);
done:
  return st;
}

vg_status vg_cuda_lt(cublasLtHandle_t *out, vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st = VG_OK;
  vg_cuda_stream(d);
  if (!p->lt) VG_TRY(VG_CUBLAS(cublasLtCreate(&p->lt)));
  *out = p->lt;
done:
  return st;
}

vg_status vg_cuda_dnn(cudnnHandle_t *out, vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st = VG_OK;
  vg_cuda_stream(d);
  if (!p->dnn) {
    VG_TRY(VG_CUDNN(cudnnCreate(&p->dnn)));
    VG_TRY(VG_CUDNN(cudnnSetStream(p->dnn, p->stream)));
  }
  *out = p->dnn;
done:
  return st;
}

vg_status vg_cuda_take_fault(vg_device *d, vg_cuda_fault *out) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st = VG_OK;
  *out = (vg_cuda_fault){0};
  if (vg_cuda_capturing(d)) return VG_OK;
  VG_TRY(d->be->memory->read(d, out, p->fault, sizeof *out));
  if (out->code) VG_TRY(VG_CUDA(cudaMemsetAsync(p->fault, 0, sizeof *p->fault, s)));
done:
  return st;
}

static vg_status synchronise(vg_device *d) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_status st;
  if (vg_cuda_capturing(d)) return vg_fail(VG_ESTATE, "synchronise: not while a step is captured");
  VG_TRY(vg_cuda_late_flush(d));
  st = VG_CUDA(cudaStreamSynchronize(s));
done:
  return st;
}

/* Compute capability 8.0 and newer, all that we open. */
static const char *bf16(const vg_device *d) {
  (void)d;
  return "tensor cores";
}

static void forget(vg_device *d) {
  if (!vg_cuda_capturing(d)) vg_cuda_weights_clear(vg_cuda_state(d));
}

const vg_device_vt vg_cuda_device = {.count = count,
                                     .open = open_device,
                                     .close = close_device,
                                     .describe = describe,
                                     .synchronise = synchronise,
                                     .bf16 = bf16,
                                     .forget = forget};
