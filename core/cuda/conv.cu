/* Between our tensors (NCHW or NHWC, any number of channels) and cuDNN's (NHWC, channels a multiple
   of 8): tiles of 32 x 32 turned in shared memory, so that both sides are read and written in runs.
 */
#include "cuda/device.h"

namespace {

const int TILE = 32, ROWS = 8, SUM_THREADS = 256;

/* One image: x is rows x cols with `x_cols` of a row present, y is cols x rows. Blocks cover y's
   tiles in x (rows) and y (cols), images in z. Rows shorter than a tile (3 x 3 weights) go in runs
   over several of them. */
template <typename Y, typename X>
__global__ void transpose(Y *y, const X *x, int64_t y_rows, int64_t y_cols, int64_t x_rows,
                          int64_t x_cols, int64_t images) {
  __shared__ float tile[TILE][TILE + 1];
  int64_t row0 = (int64_t)blockIdx.x * TILE, col0 = (int64_t)blockIdx.y * TILE;
  int thread = (int)(threadIdx.y * TILE + threadIdx.x);
  for (int64_t image = blockIdx.z; image < images; image += gridDim.z) {
    const X *from = x + image * x_rows * x_cols;
    Y *to = y + image * y_rows * y_cols;
    if (x_cols < TILE) { /* the tile's rows lie one after another */
      int width = (int)x_cols;
      for (int i = thread; i < TILE * width; i += TILE * ROWS)
        tile[i / width][i % width] =
            col0 + i / width < x_rows ? vg_get(from[col0 * x_cols + i]) : 0.0f;
    } else {
      for (int i = threadIdx.y; i < TILE; i += ROWS) {
        int64_t r = col0 + i, c = row0 + threadIdx.x; /* of x */
        tile[i][threadIdx.x] = r < x_rows && c < x_cols ? vg_get(from[r * x_cols + c]) : 0.0f;
      }
    }
    __syncthreads();
    if (y_cols < TILE) {
      int width = (int)y_cols;
      for (int i = thread; i < TILE * width; i += TILE * ROWS)
        if (row0 + i / width < y_rows) vg_put(to + row0 * y_cols + i, tile[i % width][i / width]);
    } else {
      for (int i = threadIdx.y; i < TILE; i += ROWS) {
        int64_t r = row0 + i, c = col0 + threadIdx.x; /* of y */
        if (r < y_rows && c < y_cols) vg_put(to + r * y_cols + c, tile[threadIdx.x][i]);
      }
    }
    __syncthreads();
  }
}

template <typename Y, typename X>
__global__ void cast(Y *y, const X *x, int64_t n) {
  int64_t step = (int64_t)gridDim.x * blockDim.x;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    vg_put(y + i, vg_get(x[i]));
}

template <typename Y, typename X>
cudaError_t run(Y *y, const X *x, int64_t y_rows, int64_t y_cols, int64_t x_rows, int64_t x_cols,
                int64_t images, cudaStream_t stream) {
  dim3 grid((unsigned)((y_rows + TILE - 1) / TILE), (unsigned)((y_cols + TILE - 1) / TILE),
            (unsigned)(images < 65535 ? images : 65535));
  dim3 block(TILE, ROWS);
  if (!images || !y_rows || !y_cols) return cudaSuccess;
  if (x_rows == y_cols && x_cols == y_rows && (x_rows == 1 || x_cols == 1)) {
    int64_t n = images * y_rows * y_cols, blocks = (n + 255) / 256;
    VG_LAUNCH((cast<Y, X>), (unsigned)(blocks < 4096 ? blocks : 4096), 256, 0, stream, y, x, n);
    return cudaGetLastError();
  }
  VG_LAUNCH((transpose<Y, X>), grid, block, 0, stream, y, x, y_rows, y_cols, x_rows, x_cols,
            images);
  return cudaGetLastError();
}

cudaError_t turn(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t y_rows, int64_t y_cols,
                 int64_t x_rows, int64_t x_cols, int64_t images, cudaStream_t s) {
  vg_bf16 *yh = (vg_bf16 *)y;
  float *yf = (float *)y;
  const vg_bf16 *xh = (const vg_bf16 *)x;
  const float *xf = (const float *)x;
  if (y_bf16 && x_bf16) return run(yh, xh, y_rows, y_cols, x_rows, x_cols, images, s);
  if (y_bf16) return run(yh, xf, y_rows, y_cols, x_rows, x_cols, images, s);
  if (x_bf16) return run(yf, xh, y_rows, y_cols, x_rows, x_cols, images, s);
  return run(yf, xf, y_rows, y_cols, x_rows, x_cols, images, s);
}

template <typename Y>
__global__ void add_bias(Y *y, const float *bias, int64_t n, int64_t channels) {
  int64_t step = (int64_t)gridDim.x * blockDim.x;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    vg_put(y + i, vg_get(y[i]) + bias[i % channels]);
}

/* Blocks cover columns (lines of V channels) in x, parts of the rows in y; what the rows of threads
   hold is added in order. */
template <typename X, int V>
__global__ void __launch_bounds__(SUM_THREADS)
    sum_part(double *partial, const X *x, int64_t rows, int64_t channels, int64_t part_rows) {
  __shared__ double all[V * SUM_THREADS];
  int64_t c = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) * V,
          from = (int64_t)blockIdx.y * part_rows,
          to = from + part_rows < rows ? from + part_rows : rows;
  int thread = (int)(threadIdx.y * blockDim.x + threadIdx.x);
  double sum[V];
#pragma unroll
  for (int v = 0; v < V; v++) sum[v] = 0;
  if (c < channels) {
#pragma unroll 4
    for (int64_t r = from + threadIdx.y; r < to; r += blockDim.y) {
      float u[V];
      vg_load<V>(u, x + r * channels + c);
#pragma unroll
      for (int v = 0; v < V; v++) sum[v] += (double)u[v];
    }
  }
#pragma unroll
  for (int v = 0; v < V; v++) all[v * SUM_THREADS + thread] = sum[v];
  __syncthreads();
  if (threadIdx.y || c >= channels) return;
#pragma unroll
  for (int v = 0; v < V; v++) {
    for (int i = 1; i < (int)blockDim.y; i++)
      sum[v] += all[v * SUM_THREADS + i * (int)blockDim.x + (int)threadIdx.x];
    partial[blockIdx.y * channels + c + v] = sum[v];
  }
}

__global__ void sum_parts(float *y, const double *partial, int64_t parts, int64_t channels) {
  int64_t c = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  double sum = 0;
  if (c >= channels) return;
#pragma unroll 16
  for (int64_t i = 0; i < parts; i++) sum += partial[i * channels + c];
  y[c] = (float)sum;
}

template <typename X, int V>
void launch_sum_part(double *partial, const X *x, int64_t rows, int64_t channels, int64_t parts,
                     cudaStream_t s) {
  int64_t columns = (channels + V - 1) / V;
  unsigned width = 1;
  while (width < 32 && width < columns) width *= 2;
  dim3 grid((unsigned)((columns + width - 1) / width), (unsigned)parts);
  dim3 block(width, (unsigned)SUM_THREADS / width);
  VG_LAUNCH((sum_part<X, V>), grid, block, 0, s, partial, x, rows, channels,
            (rows + parts - 1) / parts);
}

template <typename X>
void launch_sum_parts(double *partial, const X *x, int64_t rows, int64_t channels, int64_t parts,
                      cudaStream_t s) {
  const int V = vg_line<X>::size;
  if (channels % V == 0 && vg_aligned(x))
    launch_sum_part<X, V>(partial, x, rows, channels, parts, s);
  else
    launch_sum_part<X, 1>(partial, x, rows, channels, parts, s);
}

const int64_t PART_ROWS = 1024;

}  // namespace

extern "C" {

cudaError_t vg_cuda_pack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                              int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream) {
  return turn(y, y_bf16, x, x_bf16, hw, cp, channels, hw, n, stream);
}

cudaError_t vg_cuda_unpack_nhwc(void *y, bool y_bf16, const void *x, bool x_bf16, int64_t n,
                                int64_t channels, int64_t cp, int64_t hw, cudaStream_t stream) {
  return turn(y, y_bf16, x, x_bf16, channels, hw, hw, cp, n, stream);
}

cudaError_t vg_cuda_add_bias(void *y, bool y_bf16, const float *bias, int64_t rows,
                             int64_t channels, cudaStream_t stream) {
  int64_t n = rows * channels, blocks = (n + 255) / 256;
  if (!n) return cudaSuccess;
  if (blocks > 4096) blocks = 4096;
  if (y_bf16)
    VG_LAUNCH(add_bias<vg_bf16>, (unsigned)blocks, 256, 0, stream, (vg_bf16 *)y, bias, n, channels);
  else
    VG_LAUNCH(add_bias<float>, (unsigned)blocks, 256, 0, stream, (float *)y, bias, n, channels);
  return cudaGetLastError();
}

int64_t vg_cuda_sum_parts(int64_t rows) {
  int64_t parts = (rows + PART_ROWS - 1) / PART_ROWS;
  return parts < 1 ? 1 : parts > 256 ? 256 : parts;
}

cudaError_t vg_cuda_sum_rows(float *y, const void *x, bool x_bf16, int64_t rows, int64_t channels,
                             double *partial, cudaStream_t stream) {
  int64_t parts = vg_cuda_sum_parts(rows);
  unsigned blocks = (unsigned)((channels + 255) / 256);
  if (!channels) return cudaSuccess;
  if (x_bf16)
    launch_sum_parts(partial, (const vg_bf16 *)x, rows, channels, parts, stream);
  else
    launch_sum_parts(partial, (const float *)x, rows, channels, parts, stream);
  VG_LAUNCH(sum_parts, blocks, 256, 0, stream, y, partial, parts, channels);
  return cudaGetLastError();
}

}  // extern "C"
