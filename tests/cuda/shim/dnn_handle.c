/* Handles, versions and messages of cuDNN. */
#include <stdio.h>
#include <string.h>

#include "dnn.h"

struct cudnnContext *dnn_handle(cudnnHandle_t h, const char *call) {
  struct cudnnContext *p = shim_live(h, SHIM_DNN_HANDLE, call);
  if (p->device != shim_current_device())
    shim_violation("%s: a handle of device %d while device %d is current", call, p->device,
                   shim_current_device());
  return p;
}

cudaStream_t dnn_stream(cudnnHandle_t h, const char *call) {
  struct cudnnContext *p = dnn_handle(h, call);
  if (!p->has_stream) shim_violation("%s: the handle has no stream (cudnnSetStream)", call);
  shim_check_stream(p->stream, call);
  return p->stream;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *out) {
  cudnnStatus_t e = CUDNN_STATUS_SUCCESS;
  shim_lock();
  shim_not_while_capturing("cudnnCreate");
  if (shim_enter("cudnnCreate")) {
    e = CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
  } else {
    struct cudnnContext *p = shim_object_new(SHIM_DNN_HANDLE, sizeof *p, "cudnnCreate");
    p->device = shim_current_device();
    *out = p;
  }
  shim_unlock();
  return e;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  shim_lock();
  shim_enter("cudnnDestroy");
  shim_not_while_capturing("cudnnDestroy");
  shim_object_end(handle, SHIM_DNN_HANDLE, "cudnnDestroy");
  shim_unlock();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  struct cudnnContext *p;
  cudnnStatus_t e = CUDNN_STATUS_SUCCESS;
  shim_lock();
  p = shim_live(handle, SHIM_DNN_HANDLE, "cudnnSetStream");
  shim_check_stream(stream, "cudnnSetStream");
  if (shim_enter("cudnnSetStream")) {
    e = CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH;
  } else {
    p->stream = stream;
    p->has_stream = true;
  }
  shim_unlock();
  return e;
}

cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t *stream) {
  struct cudnnContext *p = shim_live(handle, SHIM_DNN_HANDLE, "cudnnGetStream");
  *stream = p->stream;
  return CUDNN_STATUS_SUCCESS;
}

size_t cudnnGetVersion(void) { return CUDNN_VERSION; }
size_t cudnnGetCudartVersion(void) { return CUDART_VERSION; }

const char *cudnnGetErrorString(cudnnStatus_t e) {
  static _Thread_local char text[48];
  switch (CUDNN_STATUS_CATEGORY((int)e)) {
    case 0: return "CUDNN_STATUS_SUCCESS";
    case 2000: return "CUDNN_STATUS_BAD_PARAM";
    case 3000: return "CUDNN_STATUS_NOT_SUPPORTED";
    case 4000: return "CUDNN_STATUS_INTERNAL_ERROR";
    case 5000: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: snprintf(text, sizeof text, "CUDNN_STATUS %d", (int)e); return text;
  }
}

void cudnnGetLastErrorString(char *message, size_t n) { snprintf(message, n, "%s", ""); }
