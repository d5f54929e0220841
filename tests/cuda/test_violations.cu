/* The stand-ins must notice what they are there for: each case breaks one rule in a child process,
   which must end with SHIM_EXIT and say the right thing. The last ones break none. */
#include <cublasLt.h>
#include <cudnn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cuda/launch.h"
#include "shim/report.h"

static cudaStream_t stream;

static void *device(size_t bytes) {
  void *p = nullptr;
  cudaMalloc(&p, bytes);
  return p;
}

/* ---- kernels ---- */

__global__ void write_one(float *p, int at) { p[at] = 1; }
__global__ void read_all(float *p, int n) {
  for (int i = 0; i < n; i++) p[n] += p[i];
}
__global__ void early_leaver(float *p) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  p[0] = 1;
}
__global__ void late_leaver(float *p) {
  if (threadIdx.x < 5) __syncthreads();
  p[0] = 1;
}
__global__ void torn_warp(float *p) {
  unsigned mask = threadIdx.x < 16 ? 0xffffffffu : 0xffff8000u;
  p[0] = __shfl_xor_sync(mask, 1.0f, 1);
}
__global__ void stranger(float *p) { p[0] = __shfl_sync(0x1u, 1.0f, 0); }
__global__ void no_shared(float *p) {
  VG_DYNAMIC_SHARED(float, tile);
  p[0] = tile[0];
}
struct three {
  const float *p;
  long n, more;
};
__global__ void structured(three t) { (void)t; }

static void barrier_after_leaving() {
  VG_LAUNCH(early_leaver, 1, 32, 0, stream, (float *)device(4));
  cudaDeviceSynchronize();
}
static void leaving_after_barrier() {
  VG_LAUNCH(late_leaver, 1, 32, 0, stream, (float *)device(4));
  cudaDeviceSynchronize();
}
static void masks() {
  VG_LAUNCH(torn_warp, 1, 32, 0, stream, (float *)device(4));
  cudaDeviceSynchronize();
}
static void outside_mask() {
  VG_LAUNCH(stranger, 1, 32, 0, stream, (float *)device(4));
  cudaDeviceSynchronize();
}
static void shared_unasked() {
  VG_LAUNCH(no_shared, 1, 1, 0, stream, (float *)device(4));
  cudaDeviceSynchronize();
}
static void host_pointer() {
  float x;
  VG_LAUNCH(write_one, 1, 1, 0, stream, &x, 0);
}
static void host_pointer_inside() {
  float x;
  VG_LAUNCH(structured, 1, 1, 0, stream, (three{&x, 1, 2}));
}
static void freed_pointer() {
  float *p = static_cast<float *>(device(4));
  cudaFree(p);
  VG_LAUNCH(write_one, 1, 1, 0, stream, p, 0);
}
static void beyond_the_end() {
  float *p = static_cast<float *>(device(4096));
  VG_LAUNCH(write_one, 1, 1, 0, stream, p, 1024);
  cudaDeviceSynchronize();
}
static void large_block() { VG_LAUNCH(write_one, 1, 2048, 0, stream, (float *)device(4), 0); }
static void empty_grid() { VG_LAUNCH(write_one, 0, 32, 0, stream, (float *)device(4), 0); }
static void default_stream() { VG_LAUNCH(write_one, 1, 1, 0, nullptr, (float *)device(4), 0); }
static void much_shared() { VG_LAUNCH(no_shared, 1, 1, 64 << 10, stream, (float *)device(4)); }

/* ---- memory ---- */

/* Where the processor has no memory protection keys, nothing is noticed. */
static void host_reads_device() {
  int key = pkey_alloc(0, 0);
  if (key < 0) shim_violation("host code touched: no keys here");
  pkey_free(key);
  volatile char *p = static_cast<char *>(device(64));
  (void)*p;
}
static void wrong_kind() {
  char x[8];
  cudaMemcpy(device(8), x, 8, cudaMemcpyDeviceToHost);
}
static void long_copy() {
  char x[64];
  cudaMemcpyAsync(device(8), x, 64, cudaMemcpyHostToDevice, stream);
}
static void twice_freed() {
  void *p = device(8);
  cudaFree(p);
  cudaFree(p);
}
static void freed_inside() { cudaFree(static_cast<char *>(device(64)) + 8); }
static void leak() {
  device(8);
  exit(0);
}

/* ---- streams and captures ---- */

static void dead_stream() {
  cudaStreamDestroy(stream);
  cudaStreamSynchronize(stream);
}
static void begin() { cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal); }
static void malloc_in_capture() {
  begin();
  device(8);
}
static void wait_in_capture() {
  begin();
  cudaStreamSynchronize(stream);
}
static void pageable_in_capture() {
  char x[8];
  void *p = device(8);
  begin();
  cudaMemcpyAsync(p, x, 8, cudaMemcpyHostToDevice, stream);
}
static void fork(cudaStream_t side) {
  cudaEvent_t e;
  cudaEventCreateWithFlags(&e, cudaEventDisableTiming);
  cudaEventRecord(e, stream);
  cudaStreamWaitEvent(side, e, 0);
}
static void unjoined() {
  float *p = static_cast<float *>(device(4));
  cudaStream_t side;
  cudaGraph_t graph;
  cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking);
  begin();
  fork(side);
  VG_LAUNCH(write_one, 1, 1, 0, side, p, 0);
  cudaStreamEndCapture(stream, &graph);
}
static void untimed() {
  cudaEvent_t e;
  float ms;
  cudaEventCreateWithFlags(&e, cudaEventDisableTiming);
  cudaEventRecord(e, stream);
  cudaEventElapsedTime(&ms, e, e);
}

/* ---- libraries ---- */

static void product(int64_t inner_b, cudaDataType b_type, bool workspace) {
  cublasLtHandle_t h;
  cublasLtMatmulDesc_t m;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulPreference_t p;
  cublasLtMatmulHeuristicResult_t r;
  size_t most = 1 << 20;
  float one = 1, zero = 0;
  int n;
  cublasLtCreate(&h);
  cublasLtMatmulDescCreate(&m, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  cublasLtMatrixLayoutCreate(&a, CUDA_R_32F, 4, 8, 4);
  cublasLtMatrixLayoutCreate(&b, b_type, static_cast<uint64_t>(inner_b), 3, inner_b);
  cublasLtMatrixLayoutCreate(&c, CUDA_R_32F, 4, 3, 4);
  cublasLtMatmulPreferenceCreate(&p);
  cublasLtMatmulPreferenceSetAttribute(p, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most,
                                       sizeof most);
  cublasLtMatmulAlgoGetHeuristic(h, m, a, b, c, c, p, 1, &r, &n);
  void *d = device(48), *w = workspace ? device(r.workspaceSize) : nullptr;
  cublasLtMatmul(h, m, &one, device(128), a, device(96), b, &zero, d, c, d, c, &r.algo, w,
                 workspace ? r.workspaceSize : 0, stream);
}
static void inner_sizes() { product(7, CUDA_R_32F, true); }
static void mixed_types() { product(8, CUDA_R_16BF, true); }
static void no_workspace() { product(8, CUDA_R_32F, false); }
static void short_ld() {
  cublasLtMatrixLayout_t a;
  cublasLtMatrixLayoutCreate(&a, CUDA_R_32F, 4, 8, 3);
}

static cudnnBackendDescriptor_t tensor(int64_t id, int64_t stride, bool reduced = false) {
  cudnnBackendDescriptor_t t;
  int64_t dims[4] = {reduced ? 1 : 2, 8, reduced ? 1 : 4, reduced ? 1 : 4},
          strides[4] = {128, stride, 32, 8}, align = 16;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &t);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
  return t;
}
static void overlapping_strides() { cudnnBackendFinalize(tensor(1, 2)); }
static void set_after_finalize() {
  cudnnBackendDescriptor_t t = tensor(1, 1);
  int64_t id = 2;
  cudnnBackendFinalize(t);
  cudnnBackendSetAttribute(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
}
static void wrong_attribute_type() {
  int32_t id = 2;
  cudnnBackendSetAttribute(tensor(1, 1), CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT32, 1, &id);
}
static void part_not_final() {
  cudnnBackendDescriptor_t op, t = tensor(1, 1);
  cudnnBackendCreateDescriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, &op);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &t);
}
/* Statistics of tensor 1 in tensor 2 and another. */
static void statistics(int64_t squares, bool reduced, cudnnDataType_t compute, bool is_virtual) {
  cudnnBackendDescriptor_t op, x = tensor(1, 1), s = tensor(2, 1, reduced),
                               q = tensor(squares, 1, true);
  cudnnGenStatsMode_t mode = CUDNN_GENSTATS_SUM_SQSUM;
  cudnnBackendSetAttribute(x, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
  for (cudnnBackendDescriptor_t t : {x, s, q}) cudnnBackendFinalize(t);
  cudnnBackendCreateDescriptor(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR, &op);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE, 1,
                           &mode);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1,
                           &compute);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_GENSTATS_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                           1, &x);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                           1, &s);
  cudnnBackendSetAttribute(op, CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC,
                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &q);
  cudnnBackendFinalize(op);
}
static void stats_of_virtual() { statistics(3, true, CUDNN_DATA_FLOAT, true); }
static void stats_in_bf16() { statistics(3, true, CUDNN_DATA_BFLOAT16, false); }
static void stats_twice() { statistics(2, true, CUDNN_DATA_FLOAT, false); }
static void stats_shape() { statistics(3, false, CUDNN_DATA_FLOAT, false); }
static void stats_sound() { statistics(3, true, CUDNN_DATA_FLOAT, false); }
static void twice_in_pack() {
  cudnnBackendDescriptor_t pack;
  int64_t ids[2] = {4, 4};
  void *pointers[2] = {device(8), device(8)};
  cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
  cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 2, ids);
  cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 2,
                           pointers);
  cudnnBackendFinalize(pack);
}
static void streamless_handle() {
  cudnnHandle_t h;
  cudnnCreate(&h);
  cudnnBackendExecute(h, nullptr, nullptr);
}

/* ---- what must show in the numbers ---- */

static float read_after(cudaStream_t s, const float *p) {
  float *pinned, v;
  cudaHostAlloc(reinterpret_cast<void **>(&pinned), 4, cudaHostAllocDefault);
  *pinned = -1;
  cudaMemcpyAsync(pinned, p, 4, cudaMemcpyDeviceToHost, s);
  v = *pinned; /* too early */
  cudaStreamSynchronize(s);
  v = v == -1 ? *pinned : -2;
  cudaFreeHost(pinned);
  return v;
}

/* Copies are late, side streams do not run before somebody waits, a graph does its work each time.
 */
static void sound() {
  float *p = static_cast<float *>(device(8)), v[4];
  cudaStream_t side;
  cudaEvent_t e;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&e, cudaEventDisableTiming);
  cudaMemsetAsync(p, 0, 8, stream);
  cudaStreamSynchronize(stream);
  VG_LAUNCH(write_one, 1, 1, 0, side, p, 0);
  v[0] = read_after(stream, p); /* nobody waited for `side` */
  cudaEventRecord(e, side);
  cudaStreamWaitEvent(stream, e, 0);
  v[1] = read_after(stream, p);
  begin();
  VG_LAUNCH(read_all, 1, 1, 0, stream, p, 1);
  cudaStreamEndCapture(stream, &graph);
  cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  v[2] = read_after(stream, p + 1);
  for (int i = 0; i < 3; i++) cudaGraphLaunch(exec, stream);
  v[3] = read_after(stream, p + 1);
  cudaGraphExecDestroy(exec);
  cudaEventDestroy(e);
  cudaStreamDestroy(side);
  cudaStreamDestroy(stream);
  cudaFree(p);
  if (v[0] != 0 || v[1] != 1 || v[2] != 0 || v[3] != 3) {
    fprintf(stderr, "got %g %g %g %g, want 0 1 0 3\n", v[0], v[1], v[2], v[3]);
    exit(1);
  }
  exit(0);
}

static void failing_malloc() {
  void *p = nullptr;
  setenv("VG_SHIM_FAIL", "cudaMalloc:2,cudaMalloc:4+", 1);
  cudaError_t e[5];
  for (int i = 0; i < 5; i++) e[i] = cudaMalloc(&p, 8);
  _exit(e[0] || !e[1] || e[2] || !e[3] || !e[4] ||
        cudaGetLastError() != cudaErrorMemoryAllocation || cudaGetLastError() != cudaSuccess);
}

struct example {
  const char *name;
  void (*run)();
  int code;
  const char *text;
};

#define WRONG(name, text) \
  { #name, name, SHIM_EXIT, text }
static const example examples[] = {WRONG(barrier_after_leaving, "__syncthreads"),
                                   WRONG(leaving_after_barrier, "left the kernel"),
                                   WRONG(masks, "different operations or masks"),
                                   WRONG(outside_mask, "lacks the calling lane"),
                                   WRONG(shared_unasked, "none was asked for"),
                                   WRONG(host_pointer, "is not device memory"),
                                   WRONG(host_pointer_inside, "an address of the host"),
                                   WRONG(freed_pointer, "was freed"),
                                   WRONG(beyond_the_end, "device code touched"),
                                   WRONG(large_block, "a block of 2048"),
                                   WRONG(empty_grid, "a grid of 0"),
                                   WRONG(default_stream, "on the default stream"),
                                   WRONG(much_shared, "allowed are 49152"),
                                   WRONG(host_reads_device, "host code touched"),
                                   WRONG(wrong_kind, "copies from host to device"),
                                   WRONG(long_copy, "64 bytes, but its allocation of 8"),
                                   WRONG(twice_freed, "was freed before"),
                                   WRONG(freed_inside, "was not returned by cudaMalloc"),
                                   WRONG(leak, "8 bytes in 1 allocations"),
                                   WRONG(dead_stream, "destroyed already"),
                                   WRONG(malloc_in_capture, "while a stream is captured"),
                                   WRONG(wait_in_capture, "being captured"),
                                   WRONG(pageable_in_capture, "pageable memory"),
                                   WRONG(unjoined, "never joined"),
                                   WRONG(untimed, "made without timing"),
                                   WRONG(inner_sizes, "do not fit"),
                                   WRONG(mixed_types, "combination of types"),
                                   WRONG(no_workspace, "bytes of workspace"),
                                   WRONG(short_ld, "leading dimension 3"),
                                   WRONG(overlapping_strides, "overlap in memory"),
                                   WRONG(set_after_finalize, "is final"),
                                   WRONG(wrong_attribute_type, "has type"),
                                   WRONG(part_not_final, "not finalized"),
                                   WRONG(stats_of_virtual, "is virtual"),
                                   WRONG(stats_in_bf16, "in another type than float"),
                                   WRONG(stats_twice, "are one tensor"),
                                   WRONG(stats_shape, "not 1 x C x 1 x 1"),
                                   WRONG(twice_in_pack, "twice"),
                                   WRONG(streamless_handle, "has no stream"),
                                   {"sound", sound, 0, ""},
                                   {"stats_sound", stats_sound, 0, ""},
                                   {"failing_malloc", failing_malloc, 0, ""}};

/* Runs one in a child; whether it ended as it should. */
static bool check(const example &e) {
  char text[4096];
  size_t len = 0;
  ssize_t n;
  int ends[2], status;
  pid_t child;
  if (pipe(ends)) abort();
  fflush(stdout);
  child = ::fork();
  if (child == 0) {
    dup2(ends[1], 2);
    close(ends[0]);
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    e.run();
    _exit(0);
  }
  close(ends[1]);
  while (len + 1 < sizeof text && (n = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
    len += static_cast<size_t>(n);
  close(ends[0]);
  text[len] = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == e.code && strstr(text, e.text)) return true;
  printf("%s: want exit %d and \"%s\", got status %#x and\n%s\n", e.name, e.code, e.text,
         static_cast<unsigned>(status), text);
  return false;
}

int main() {
  int wrong = 0, n = static_cast<int>(sizeof examples / sizeof *examples);
  for (const example &e : examples) wrong += !check(e);
  printf("%d cases, %d wrong\n", n, wrong);
  return wrong != 0;
}
