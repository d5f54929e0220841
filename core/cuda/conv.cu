/* Between our tensors (NCHW or NHWC, any number of channels) and cuDNN's (NHWC, channels a multiple
   of 8): tiles of 32 x 32 turned in shared memory, so that both sides are read and written in runs.
 */
#include "cuda/bf16.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace {

const int TILE = 32, ROWS = 8;

__device__ inline float load(const float *p) { return *p; }
__device__ inline float load(const vg_bf16 *p) { return vg_bf16_load(*p); }
__device__ inline void store(float *p, float v) { *p = v; }
__device__ inline void store(vg_bf16 *p, float v) { *p = vg_bf16_store(v); }

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
            col0 + i / width < x_rows ? load(from + col0 * x_cols + i) : 0.0f;
    } else {
      for (int i = threadIdx.y; i < TILE; i += ROWS) {
        int64_t r = col0 + i, c = row0 + threadIdx.x; /* of x */
        tile[i][threadIdx.x] = r < x_rows && c < x_cols ? load(from + r * x_cols + c) : 0.0f;
      }
    }
    __syncthreads();
    if (y_cols < TILE) {
      int width = (int)y_cols;
      for (int i = thread; i < TILE * width; i += TILE * ROWS)
        if (row0 + i / width < y_rows) store(to + row0 * y_cols + i, tile[i % width][i / width]);
    } else {
      for (int i = threadIdx.y; i < TILE; i += ROWS) {
        int64_t r = row0 + i, c = col0 + threadIdx.x; /* of y */
        if (r < y_rows && c < y_cols) store(to + r * y_cols + c, tile[threadIdx.x][i]);
      }
    }
    __syncthreads();
  }
}

template <typename Y, typename X>
__global__ void cast(Y *y, const X *x, int64_t n) {
  int64_t step = (int64_t)gridDim.x * blockDim.x;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    store(y + i, load(x + i));
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
    store(y + i, load(y + i) + bias[i % channels]);
}

/* Blocks cover columns in x, parts of the rows in y; the 8 lanes of a column are added in order. */
template <typename X>
__global__ void sum_part(double *partial, const X *x, int64_t rows, int64_t channels,
                         int64_t part_rows) {
  __shared__ double lane[ROWS][TILE];
  int64_t c = (int64_t)blockIdx.x * TILE + threadIdx.x, from = (int64_t)blockIdx.y * part_rows,
          to = from + part_rows < rows ? from + part_rows : rows;
  double sum = 0;
  if (c < channels)
    for (int64_t r = from + threadIdx.y; r < to; r += ROWS)
      sum += (double)load(x + r * channels + c);
  lane[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && c < channels) {
    for (int i = 1; i < ROWS; i++) sum += lane[i][threadIdx.x];
    partial[blockIdx.y * channels + c] = sum;
  }
}

__global__ void sum_parts(float *y, const double *partial, int64_t parts, int64_t channels) {
  int64_t c = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  double sum = 0;
  if (c >= channels) return;
  for (int64_t i = 0; i < parts; i++) sum += partial[i * channels + c];
  y[c] = (float)sum;
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
  int64_t parts = vg_cuda_sum_parts(rows), part_rows = (rows + parts - 1) / parts;
  dim3 grid((unsigned)((channels + TILE - 1) / TILE), (unsigned)parts), block(TILE, ROWS);
  unsigned blocks = (unsigned)((channels + 255) / 256);
  if (!channels) return cudaSuccess;
  if (x_bf16)
    VG_LAUNCH(sum_part<vg_bf16>, grid, block, 0, stream, partial, (const vg_bf16 *)x, rows,
              channels, part_rows);
  else
    VG_LAUNCH(sum_part<float>, grid, block, 0, stream, partial, (const float *)x, rows, channels,
              part_rows);
  VG_LAUNCH(sum_parts, blocks, 256, 0, stream, y, partial, parts, channels);
  return cudaGetLastError();
}

}  // extern "C"
