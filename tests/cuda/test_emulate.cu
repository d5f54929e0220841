/* Little kernels, each for one thing that the emulation offers; compiled by g++ for the tests and
   by nvcc where one likes to compare. Exit 0 and a count when all agree. */
#include <stdlib.h>

#include "cuda/launch.h"

static int failures, checks;

static void expect(const char *what, double want, double got) {
  checks++;
  if (want == got || (isnan(want) && isnan(got))) return;
  failures++;
  fprintf(stderr, "%s: want %.9g, got %.9g\n", what, want, got);
}

/* ---- plain loops ---- */

__global__ void iota(int *y, int n) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = i;
}

__global__ void where_am_i(unsigned *y) {
  unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  y[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

/* ---- barriers ---- */

template <int threads>
__global__ void __launch_bounds__(threads) block_sum(float *y, const float *__restrict__ x, int n) {
  __shared__ float part[threads];
  float s = 0;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += threads) s += x[i];
  part[threadIdx.x] = s;
  __syncthreads();
  for (unsigned k = threads / 2; k > 0; k /= 2) {
    if (threadIdx.x < k) part[threadIdx.x] += part[threadIdx.x + k];
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = part[0];
}

__global__ void reversed(int *y, int n) {
  VG_DYNAMIC_SHARED(int, tile);
  int i = static_cast<int>(threadIdx.x);
  tile[i] = i;
  __syncthreads();
  if (i < n) y[i] = tile[n - 1 - i];
}

__global__ void votes(int *y) {
  int i = static_cast<int>(threadIdx.x);
  int any = __syncthreads_or(i == 77), all = __syncthreads_and(i != 3);
  int count = __syncthreads_count(i % 3 == 0);
  if (i == 100) y[0] = any, y[1] = all, y[2] = count;
}

/* ---- warps ---- */

__global__ void warp_sums(float *y, const float *x, int n) {
  __shared__ float part[32];
  int i = static_cast<int>(threadIdx.x), lane = i % 32, warp = i / 32;
  float v = i < n ? x[i] : 0.0f;
  for (int k = 16; k > 0; k /= 2) v += __shfl_down_sync(0xffffffffu, v, static_cast<unsigned>(k));
  if (lane == 0) part[warp] = v;
  __syncthreads();
  if (warp == 0) {
    v = lane < static_cast<int>(blockDim.x) / 32 ? part[lane] : 0.0f;
    for (int k = 16; k > 0; k /= 2) v += __shfl_xor_sync(0xffffffffu, v, k);
    if (lane == 0) y[0] = v;
  }
}

__global__ void warp_words(unsigned *y) {
  int lane = static_cast<int>(threadIdx.x);
  unsigned ballot = __ballot_sync(0xffffffffu, lane % 2);
  int third = __shfl_sync(0xffffffffu, lane * 10, 3);
  int before = __shfl_up_sync(0xffffffffu, lane, 1);
  double wide = __shfl_sync(0xffffffffu, lane + 0.5, 31);
  int segment = __shfl_sync(0xffffffffu, lane, 2, 8);
  unsigned most = __reduce_max_sync(0xffffffffu, static_cast<unsigned>(lane));
  unsigned half = 0;
  if (lane < 16) half = __reduce_add_sync(0x0000ffffu, 1u); /* the other half stays away */
  __syncwarp();
  if (lane == 9) {
    y[0] = ballot, y[1] = static_cast<unsigned>(third), y[2] = static_cast<unsigned>(before);
    y[3] = static_cast<unsigned>(wide * 2), y[4] = static_cast<unsigned>(segment);
    y[5] = most, y[6] = half;
    y[7] = static_cast<unsigned>(__any_sync(0x200u, 1) + 2 * __all_sync(0x200u, 0));
  }
}

__global__ void counting(unsigned long long *hist, unsigned *ticket, int *last) {
  __shared__ bool mine;
  atomicAdd(&hist[threadIdx.x % 4], 1ull);
  __threadfence();
  if (threadIdx.x == 0) mine = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
  __syncthreads();
  if (mine && threadIdx.x == 0) atomicMax(last, static_cast<int>(hist[0]));
}

/* ---- arguments, constants, vectors ---- */

struct scale_args {
  float by;
  int n;
};
__constant__ float offsets[4] = {1, 2, 3, 4};

__global__ void scaled(float4 *y, const float4 *x, scale_args a) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= a.n) return;
  float4 v = __ldg(x + i);
  y[i] = make_float4(fmaf(v.x, a.by, offsets[0]), v.y * a.by + offsets[1], v.z * a.by + offsets[2],
                     v.w * a.by + offsets[3]);
}

template <class T>
static T *device(size_t n) {
  void *p = nullptr;
  if (cudaMalloc(&p, n * sizeof(T)) != cudaSuccess) abort();
  cudaMemset(p, 0, n * sizeof(T));
  cudaDeviceSynchronize(); /* the default stream and ours do not wait for each other */
  return static_cast<T *>(p);
}
template <class T>
static T at(const T *p, size_t i) {
  T v;
  cudaDeviceSynchronize();
  cudaMemcpy(&v, p + i, sizeof v, cudaMemcpyDeviceToHost);
  return v;
}

static void plain(cudaStream_t s) {
  int *y = device<int>(1000);
  VG_LAUNCH(iota, 4, 256, 0, s, y, 1000);
  expect("iota", 999, at(y, 999));
  unsigned *u = device<unsigned>(24 * 24);
  VG_LAUNCH(where_am_i, dim3(2, 3, 4), dim3(4, 3, 2), 0, s, u);
  for (unsigned i = 0; i < 24 * 24; i++) expect("indices", i / 24 * 1000 + i % 24, at(u, i));
  cudaFree(y);
  cudaFree(u);
}

static void barriers(cudaStream_t s) {
  float *x = device<float>(1000), *y = device<float>(2);
  float host[1000];
  for (int i = 0; i < 1000; i++) host[i] = static_cast<float>(i);
  cudaMemcpy(x, host, sizeof host, cudaMemcpyHostToDevice);
  VG_LAUNCH((block_sum<128>), 2, 128, 0, s, y, x, 1000);
  expect("block_sum", 499500, at(y, 1));
  VG_LAUNCH(warp_sums, 1, 1024, 0, s, y, x, 1000);
  expect("warp_sums", 499500, at(y, 0));
  int *z = device<int>(100);
  VG_LAUNCH(reversed, 1, 100, 100 * sizeof(int), s, z, 100);
  for (int i = 0; i < 100; i++) expect("reversed", 99 - i, at(z, static_cast<size_t>(i)));
  VG_LAUNCH(votes, 1, 128, 0, s, z);
  expect("or", 1, at(z, 0));
  expect("and", 0, at(z, 1));
  expect("count", 43, at(z, 2));
  cudaFree(x);
  cudaFree(y);
  cudaFree(z);
}

static void warps(cudaStream_t s) {
  unsigned *y = device<unsigned>(8);
  const unsigned want[8] = {0xaaaaaaaau, 30, 8, 63, 10, 31, 16, 1};
  VG_LAUNCH(warp_words, 1, 32, 0, s, y);
  for (size_t i = 0; i < 8; i++) expect("warp words", want[i], at(y, i));
  unsigned long long *hist = device<unsigned long long>(4);
  int *last = device<int>(1);
  unsigned *ticket = device<unsigned>(1);
  VG_LAUNCH(counting, 5, 100, 0, s, hist, ticket, last);
  expect("the last block saw all", 125, at(last, 0));
  cudaFree(ticket);
  cudaFree(y);
  cudaFree(hist);
  cudaFree(last);
}

static void values(cudaStream_t s) {
  float4 *x = device<float4>(10), *y = device<float4>(10);
  VG_LAUNCH(scaled, 1, 32, 0, s, y, x, (scale_args{2.0f, 10}));
  expect("constants", 4, at(y, 9).w);
  cudaFree(x);
  cudaFree(y);
}

int main() {
  cudaStream_t s;
  if (cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) != cudaSuccess) return 1;
  plain(s);
  barriers(s);
  warps(s);
  values(s);
  cudaStreamDestroy(s);
  printf("%d checks, %d failures\n", checks, failures);
  return failures != 0;
}
