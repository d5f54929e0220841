/* Devices, their properties, versions and errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static _Thread_local int current;
static _Thread_local cudaError_t last;

cudaError_t shim_error(cudaError_t e) {
  if (e != cudaSuccess) last = e;
  return e;
}

int shim_current_device(void) { return current; }

int shim_devices(void) {
  const char *text = getenv("VG_SHIM_DEVICES");
  return text ? atoi(text) : 1;
}

cudaError_t cudaGetDeviceCount(int *n) {
  shim_lock();
  shim_enter("cudaGetDeviceCount");
  *n = shim_devices();
  shim_unlock();
  return shim_error(*n ? cudaSuccess : cudaErrorNoDevice);
}

static void check_device(int device, const char *call) {
  if (device < 0 || device >= shim_devices()) shim_violation("%s: device %d", call, device);
}

cudaError_t cudaSetDevice(int device) {
  cudaError_t e;
  shim_lock();
  check_device(device, "cudaSetDevice");
  e = shim_enter("cudaSetDevice") ? cudaErrorDevicesUnavailable : cudaSuccess;
  if (e == cudaSuccess) current = device;
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaGetDevice(int *device) {
  *device = current;
  return cudaSuccess;
}

/* Few multiprocessors, so that grids which follow their number stay small. */
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device) {
  cudaError_t e;
  size_t available;
  shim_lock();
  check_device(device, "cudaGetDeviceProperties");
  e = shim_enter("cudaGetDeviceProperties") ? cudaErrorUnknown : cudaSuccess;
  memset(p, 0, sizeof *p);
  snprintf(p->name, sizeof p->name, "Emulated GPU");
  cudaMemGetInfo(&available, &p->totalGlobalMem);
  p->major = 9;
  p->multiProcessorCount = 4;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = 2048;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024, p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647, p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerBlockOptin = 227 << 10;
  p->sharedMemPerMultiprocessor = 228 << 10;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->l2CacheSize = 50 << 20;
  p->memoryBusWidth = 5120;
  p->concurrentKernels = p->unifiedAddressing = p->asyncEngineCount = 1;
  shim_unlock();
  return shim_error(e);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
  struct cudaDeviceProp p;
  cudaGetDeviceProperties(&p, device);
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)p.sharedMemPerBlock; break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    case cudaDevAttrClockRate: *value = 1980000; break;
    case cudaDevAttrMemoryClockRate: *value = 2619000; break;
    case cudaDevAttrGlobalMemoryBusWidth: *value = p.memoryBusWidth; break;
    default: shim_violation("cudaDeviceGetAttribute: %d is not known here", (int)attribute);
  }
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaGetLastError(void) {
  cudaError_t e = last;
  last = cudaSuccess;
  return e;
}

cudaError_t cudaPeekAtLastError(void) { return last; }

const char *cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    default: return "cudaErrorUnknown";
  }
}

const char *cudaGetErrorString(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    case cudaErrorLaunchOutOfResources: return "too many resources requested for launch";
    default: return "unknown error";
  }
}
