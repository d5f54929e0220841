/* Pooling. Forward: a thread an output (NHWC: a line of channels); backward: a thread an input,
   which adds up the windows that hold it in the order of the outputs. A window of -inf gives its
   first element. */
#include "cuda/places.h"

#include <math.h>

namespace {

const int THREADS = 256;

/* Where an index of a walk over (image, row, column, channel) or (plane, row, column) lies. */
struct spot {
  int64_t outer, row, column, lane; /* image and line of channels, or plane */
};

template <bool NHWC, int V, typename I>
__device__ inline spot split(I i, I rows, I columns, I channels) {
  spot s;
  s.lane = 0;
  if (NHWC) {
    I lines = channels / V;
    s.lane = i % lines * V;
    i /= lines;
  }
  s.column = i % columns;
  i /= columns;
  s.row = i % rows;
  s.outer = i / rows;
  return s;
}

template <bool NHWC, int V>
__device__ inline spot find(const vg_cuda_pooling &p, int64_t i, int64_t rows, int64_t columns) {
  if (p.small) /* divisions of 32 bits are far cheaper */
    return split<NHWC, V, uint32_t>((uint32_t)i, (uint32_t)rows, (uint32_t)columns,
                                    (uint32_t)p.channels);
  return split<NHWC, V, int64_t>(i, rows, columns, p.channels);
}

/* Offset of pixel (row, column) of an image of rows x columns. */
template <bool NHWC>
__device__ inline int64_t pixel(const vg_cuda_pooling &p, const spot &s, int64_t row,
                                int64_t column, int64_t rows, int64_t columns) {
  int64_t at = (s.outer * rows + row) * columns + column;
  return NHWC ? at * p.channels + s.lane : at;
}

/* arg: places in the window, (row - from) * width + column - from; NULL: no backward follows. */
template <typename T, typename A, bool NHWC, int V>
__global__ void __launch_bounds__(THREADS) max_fwd(vg_cuda_pooling p, T *y, A *arg, const T *x) {
  VG_FOR(i, p.outputs / V) {
    spot s = find<NHWC, V>(p, i, p.p, p.q);
    vg_window h = vg_window_at(s.row, p.h, p.p, p.rule[0]),
              w = vg_window_at(s.column, p.w, p.q, p.rule[1]);
    float best[V];
    int32_t at[V];
#pragma unroll
    for (int v = 0; v < V; v++) best[v] = -INFINITY, at[v] = 0;
    for (int64_t r = h.from; r < h.to; r++)
      for (int64_t c = w.from; c < w.to; c++) {
        int32_t here = (int32_t)((r - h.from) * p.width + c - w.from);
        float u[V];
        vg_load<V>(u, x + pixel<NHWC>(p, s, r, c, p.h, p.w));
#pragma unroll
        for (int v = 0; v < V; v++)
          if (vg_wins(u[v], best[v])) best[v] = u[v], at[v] = here;
      }
    vg_store<V>(y + i * V, best);
    if (arg) vg_put_places<V>(arg + i * V, at);
  }
}

/* Every window is 2 x 2 at (2i, 2j). */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    max_fwd_2x2(vg_cuda_pooling p, T *y, uint8_t *arg, const T *x) {
  int64_t step[4] = {0, p.channels, p.w * p.channels, (p.w + 1) * p.channels};
  VG_FOR(i, p.outputs / V) {
    spot s = find<true, V>(p, i, p.p, p.q);
    const T *from = x + pixel<true>(p, s, 2 * s.row, 2 * s.column, p.h, p.w);
    float u[4][V], best[V];
    int32_t at[V];
#pragma unroll
    for (int k = 0; k < 4; k++) vg_load<V>(u[k], from + step[k]);
    vg_max_of_four<V>(best, at, u);
    vg_store<V>(y + i * V, best);
    if (arg) vg_put_places<V>(arg + i * V, at);
  }
}

/* Outputs first..last whose windows may hold input i. */
struct span {
  int64_t first, last;
};
__device__ inline span windows_of(int64_t i, int64_t in, int64_t out, const vg_window_rule &r) {
  span s;
  if (r.adaptive) {
    s.first = i * out / in;
    s.last = ((i + 1) * out + in - 1) / in - 1;
  } else {
    int64_t low = i + r.pad - r.kernel + 1;
    s.first = low > 0 ? (low + r.stride - 1) / r.stride : 0;
    s.last = (i + r.pad) / r.stride;
  }
  if (s.last > out - 1) s.last = out - 1;
  return s;
}

template <typename T, typename A, bool NHWC, int V>
__global__ void __launch_bounds__(THREADS)
    max_bwd(vg_cuda_pooling p, T *gx, const T *gy, const A *arg) {
  VG_FOR(i, p.inputs / V) {
    spot s = find<NHWC, V>(p, i, p.h, p.w);
    span rows = windows_of(s.row, p.h, p.p, p.rule[0]),
         columns = windows_of(s.column, p.w, p.q, p.rule[1]);
    float sum[V];
#pragma unroll
    for (int v = 0; v < V; v++) sum[v] = 0;
    for (int64_t r = rows.first; r <= rows.last; r++) {
      vg_window h = vg_window_at(r, p.h, p.p, p.rule[0]);
      if (s.row < h.from || s.row >= h.to) continue;
      for (int64_t c = columns.first; c <= columns.last; c++) {
        vg_window w = vg_window_at(c, p.w, p.q, p.rule[1]);
        if (s.column < w.from || s.column >= w.to) continue;
        int32_t here = (int32_t)((s.row - h.from) * p.width + s.column - w.from), at[V];
        int64_t o = pixel<NHWC>(p, s, r, c, p.p, p.q);
        float g[V];
        vg_load<V>(g, gy + o);
        vg_get_places<V>(at, arg + o);
#pragma unroll
        for (int v = 0; v < V; v++) sum[v] += at[v] == here ? g[v] : 0.0f;
      }
    }
    vg_store<V>(gx + i * V, sum);
  }
}

/* Every window is 2 x 2 at (2i, 2j): a thread an output, which writes its four inputs and, at the
   last ones, the zeros of an odd edge. */
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    max_bwd_2x2(vg_cuda_pooling p, T *gx, const T *gy, const uint8_t *arg) {
  VG_FOR(i, p.outputs / V) {
    spot s = find<true, V>(p, i, p.p, p.q);
    float g[V], part[4][V], none[V];
    int32_t at[V];
    vg_load<V>(g, gy + i * V);
    vg_get_places<V>(at, arg + i * V);
#pragma unroll
    for (int v = 0; v < V; v++) {
      none[v] = 0;
#pragma unroll
      for (int k = 0; k < 4; k++) part[k][v] = at[v] == k ? g[v] : 0.0f;
    }
    int64_t row = 2 * s.row, column = 2 * s.column, line = p.w * p.channels;
    T *to = gx + pixel<true>(p, s, row, column, p.h, p.w);
    vg_store<V>(to, part[0]);
    vg_store<V>(to + p.channels, part[1]);
    vg_store<V>(to + line, part[2]);
    vg_store<V>(to + line + p.channels, part[3]);
    bool edge_column = s.column == p.q - 1, edge_row = s.row == p.p - 1;
    for (int64_t c = column + 2; edge_column && c < p.w; c++)
      for (int64_t r = row; r < (edge_row ? p.h : row + 2); r++)
        vg_store<V>(gx + pixel<true>(p, s, r, c, p.h, p.w), none);
    for (int64_t r = row + 2; edge_row && r < p.h; r++)
      for (int64_t c = column; c < column + 2; c++)
        vg_store<V>(gx + pixel<true>(p, s, r, c, p.h, p.w), none);
  }
}

template <typename T, bool NHWC, int V>
__global__ void __launch_bounds__(THREADS) avg_fwd(vg_cuda_pooling p, T *y, const T *x) {
  VG_FOR(i, p.outputs / V) {
    spot s = find<NHWC, V>(p, i, p.p, p.q);
    vg_window h = vg_window_at(s.row, p.h, p.p, p.rule[0]),
              w = vg_window_at(s.column, p.w, p.q, p.rule[1]);
    float sum[V], divisor = (float)h.size * (float)w.size;
#pragma unroll
    for (int v = 0; v < V; v++) sum[v] = 0;
    for (int64_t r = h.from; r < h.to; r++)
      for (int64_t c = w.from; c < w.to; c++) {
        float u[V];
        vg_load<V>(u, x + pixel<NHWC>(p, s, r, c, p.h, p.w));
#pragma unroll
        for (int v = 0; v < V; v++) sum[v] += u[v];
      }
#pragma unroll
    for (int v = 0; v < V; v++) sum[v] = sum[v] / divisor;
    vg_store<V>(y + i * V, sum);
  }
}

template <typename T, bool NHWC, int V>
__global__ void __launch_bounds__(THREADS) avg_bwd(vg_cuda_pooling p, T *gx, const T *gy) {
  VG_FOR(i, p.inputs / V) {
    spot s = find<NHWC, V>(p, i, p.h, p.w);
    span rows = windows_of(s.row, p.h, p.p, p.rule[0]),
         columns = windows_of(s.column, p.w, p.q, p.rule[1]);
    float sum[V];
#pragma unroll
    for (int v = 0; v < V; v++) sum[v] = 0;
    for (int64_t r = rows.first; r <= rows.last; r++) {
      vg_window h = vg_window_at(r, p.h, p.p, p.rule[0]);
      if (s.row < h.from || s.row >= h.to) continue;
      for (int64_t c = columns.first; c <= columns.last; c++) {
        vg_window w = vg_window_at(c, p.w, p.q, p.rule[1]);
        float g[V], divisor = (float)h.size * (float)w.size;
        if (s.column < w.from || s.column >= w.to) continue;
        vg_load<V>(g, gy + pixel<NHWC>(p, s, r, c, p.p, p.q));
#pragma unroll
        for (int v = 0; v < V; v++) sum[v] += g[v] / divisor;
      }
    }
    vg_store<V>(gx + i * V, sum);
  }
}

/* ---- launching ---- */

template <typename T, typename A, bool NHWC, int V>
void launch_max(const vg_cuda_pooling *p, void *to, const void *from, void *arg, bool back,
                cudaStream_t s) {
  unsigned outputs = vg_blocks(p->outputs / V, THREADS);
  if constexpr (NHWC && sizeof(A) == 1) {
    if (p->square2) {
      if (back)
        VG_LAUNCH((max_bwd_2x2<T, V>), outputs, THREADS, 0, s, *p, (T *)to, (const T *)from,
                  (const uint8_t *)arg);
      else
        VG_LAUNCH((max_fwd_2x2<T, V>), outputs, THREADS, 0, s, *p, (T *)to, (uint8_t *)arg,
                  (const T *)from);
      return;
    }
  }
  if (!back) {
    VG_LAUNCH((max_fwd<T, A, NHWC, V>), outputs, THREADS, 0, s, *p, (T *)to, (A *)arg,
              (const T *)from);
    return;
  }
  VG_LAUNCH((max_bwd<T, A, NHWC, V>), vg_blocks(p->inputs / V, THREADS), THREADS, 0, s, *p, (T *)to,
            (const T *)from, (const A *)arg);
}

template <typename T, bool NHWC, int V>
cudaError_t launch(const vg_cuda_pooling *p, void *to, const void *from, void *arg, bool max,
                   bool back, cudaStream_t s) {
  if (max && p->wide)
    launch_max<T, int32_t, NHWC, V>(p, to, from, arg, back, s);
  else if (max)
    launch_max<T, uint8_t, NHWC, V>(p, to, from, arg, back, s);
  else if (back)
    VG_LAUNCH((avg_bwd<T, NHWC, V>), vg_blocks(p->inputs / V, THREADS), THREADS, 0, s, *p, (T *)to,
              (const T *)from);
  else
    VG_LAUNCH((avg_fwd<T, NHWC, V>), vg_blocks(p->outputs / V, THREADS), THREADS, 0, s, *p, (T *)to,
              (const T *)from);
  return cudaGetLastError();
}

template <typename T>
cudaError_t choose(const vg_cuda_pooling *p, void *to, const void *from, void *arg, bool max,
                   bool back, cudaStream_t s) {
  if (!p->nhwc) return launch<T, false, 1>(p, to, from, arg, max, back, s);
  if (!p->line) return launch<T, true, 1>(p, to, from, arg, max, back, s);
  return launch<T, true, vg_line<T>::size>(p, to, from, arg, max, back, s);
}

cudaError_t run(const vg_cuda_pooling *p, void *to, const void *from, void *arg, bool max,
                bool back, cudaStream_t s) {
  if (p->inputs == 0 || p->outputs == 0) return cudaSuccess;
  return p->half ? choose<vg_bf16>(p, to, from, arg, max, back, s)
                 : choose<float>(p, to, from, arg, max, back, s);
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_max_pool(const vg_cuda_pooling *p, void *y, void *arg, const void *x,
                             cudaStream_t stream) {
  return run(p, y, x, arg, true, false, stream);
}

cudaError_t vg_cuda_max_pool_bwd(const vg_cuda_pooling *p, void *gx, const void *gy,
                                 const void *arg, cudaStream_t stream) {
  return run(p, gx, gy, (void *)arg, true, true, stream);
}

cudaError_t vg_cuda_avg_pool(const vg_cuda_pooling *p, void *y, const void *x,
                             cudaStream_t stream) {
  return run(p, y, x, NULL, false, false, stream);
}

cudaError_t vg_cuda_avg_pool_bwd(const vg_cuda_pooling *p, void *gx, const void *gy,
                                 cudaStream_t stream) {
  return run(p, gx, gy, NULL, false, true, stream);
}

}  // extern "C"
