/* Batches from the data set where it lies: a block an image, which runs the whole pipeline in
   shared memory. Draws and arithmetic are base/augment.h and base/pixel.h, so that an image is the
   same bytes as on the CPU. */
#include "base/augment.h"
#include "base/pixel.h"
#include "cuda/device.h"

namespace {

const int THREADS = 256;

/* What a block keeps in shared memory. */
struct room {
  alignas(16) uint8_t memory[2][VG_IMAGE_BYTES];
  vg_aug_draw draw[VG_AUG_MAX_OPS];
  uint8_t table[256];
  vg_hue_tables hue;
  float part[256]; /* Pillow's hues; their sectors are in hue.by_value */
  int from[VG_IMAGE_MAX], count[VG_IMAGE_MAX], weight[4 * VG_IMAGE_MAX];
  double scratch[4 * VG_IMAGE_MAX];
};

/* The image of a block: every thread holds a copy. */
struct image {
  uint8_t *px, *spare;
  int h, w;
  __device__ int n() const { return h * w; }
  /* All threads have written the spare buffer. */
  __device__ void swap(int nh, int nw) {
    uint8_t *t = px;
    px = spare;
    spare = t;
    h = nh;
    w = nw;
    __syncthreads();
  }
};

#define EACH(i, n) for (int i = (int)threadIdx.x; i < (n); i += THREADS)

/* ---- geometry ---- */

__device__ void pad(image &m, const vg_aug_op &op) {
  int oh = op.size[0] > m.h ? op.size[0] : m.h, ow = op.size[1] > m.w ? op.size[1] : m.w;
  int top = (oh - m.h) / 2, left = (ow - m.w) / 2;
  if (oh == m.h && ow == m.w) return;
  EACH(i, 3 * oh * ow) {
    int c = i / (oh * ow), y = i / ow % oh - top, x = i % ow - left;
    bool inside = y >= 0 && y < m.h && x >= 0 && x < m.w;
    if (!inside && op.border != VG_BORDER_CONSTANT) {
      y = vg_reflect(y, m.h);
      x = vg_reflect(x, m.w);
      inside = true;
    }
    m.spare[i] = inside ? m.px[(c * m.h + y) * m.w + x] : (uint8_t)op.fill;
  }
  m.swap(oh, ow);
}

__device__ void crop(image &m, const int *b) {
  int top = b[0], left = b[1], h = b[2], w = b[3];
  EACH(i, 3 * h * w)
  m.spare[i] = m.px[(i / (h * w) * m.h + i / w % h + top) * m.w + left + i % w];
  m.swap(h, w);
}

__device__ void flip(image &m, bool down) {
  EACH(i, 3 * m.n()) {
    int c = i / m.n(), y = i / m.w % m.h, x = i % m.w;
    m.spare[i] = m.px[(c * m.h + (down ? m.h - 1 - y : y)) * m.w + (down ? x : m.w - 1 - x)];
  }
  m.swap(m.h, m.w);
}

__device__ void fill(image &m, const vg_aug_draw &d, int value) {
  for (int k = 0; k < d.boxes; k++) {
    int top = d.box[k][0], left = d.box[k][1], h = d.box[k][2], w = d.box[k][3];
    EACH(i, 3 * h * w)
    m.px[(i / (h * w) * m.h + top + i / w % h) * m.w + left + i % w] = (uint8_t)value;
  }
  __syncthreads();
}

__device__ void rotate(image &m, double degrees) {
  vg_turn t = vg_turn_by(degrees, m.h, m.w);
  int n = m.n();
  if (t.none) return;
  EACH(i, n) {
    int y = i / m.w, x = i % m.w;
    int sx = (t.x0 + y * t.dxy + x * t.dxx) >> 16, sy = (t.y0 + y * t.dyy + x * t.dyx) >> 16;
    bool inside = sx >= 0 && sx < m.w && sy >= 0 && sy < m.h;
    for (int c = 0; c < 3; c++)
      m.spare[c * n + i] = inside ? m.px[c * n + sy * m.w + sx] : (uint8_t)0;
  }
  m.swap(m.h, m.w);
}

/* One axis: n_in to n_out positions on `lines` lines in each of three planes. */
__device__ void resize_axis(image &m, room &r, int n_in, int n_out, int lines, bool along_x) {
  int pitch = (n_in > n_out ? 2 * n_in / n_out : 2) + 2;
  EACH(o, n_out)
  r.count[o] = vg_taps_of(&r.from[o], r.weight + o * pitch, r.scratch + o * pitch, o, n_in, n_out);
  __syncthreads();
  EACH(i, 3 * n_out * lines) {
    int c = i / (n_out * lines), rest = i % (n_out * lines);
    int o = along_x ? rest % n_out : rest / lines, l = along_x ? rest / n_out : rest % lines;
    const uint8_t *p = m.px + c * n_in * lines + (along_x ? l * n_in : l);
    int acc = 1 << (VG_TAP_BITS - 1);
    for (int k = 0; k < r.count[o]; k++)
      acc += p[(r.from[o] + k) * (along_x ? 1 : lines)] * r.weight[o * pitch + k];
    m.spare[i] = vg_tap_value(acc);
  }
  m.swap(along_x ? m.h : n_out, along_x ? n_out : m.w);
}

__device__ void resize(image &m, room &r, int h, int w) {
  if (w != m.w) resize_axis(m, r, m.w, w, m.h, true);
  if (h != m.h) resize_axis(m, r, m.h, h, m.w, false);
}

/* ---- colour ---- */

__device__ void apply_table(image &m, const room &r) {
  __syncthreads();
  EACH(i, 3 * m.n()) m.px[i] = r.table[m.px[i]];
  __syncthreads();
}

/* The mean grey; in every thread. */
__device__ double mean_grey(const image &m, bool pil) {
  long long sum = 0;
  int n = m.n();
  EACH(i, n) {
    int a = m.px[i], b = m.px[n + i], c = m.px[2 * n + i];
    sum += pil ? vg_pil_grey(a, b, c) : vg_cv_grey(a, b, c);
  }
  return (double)vg_block_sum(sum) / n;
}

__device__ void cv_colour(image &m, room &r, int which, double factor) {
  int n = m.n();
  float alpha = (float)factor, beta = (float)(1 - factor);
  double mean = which == 1 && factor != 1 ? mean_grey(m, false) : 0;
  if (which == 0) {
    EACH(i, 256) r.table[i] = vg_cv_brightness(i, factor);
    apply_table(m, r);
  } else if (which == 1 && factor != 1) {
    EACH(i, 256) r.table[i] = vg_cv_contrast(i, mean, factor);
    apply_table(m, r);
  } else if (which == 2 && factor != 1) {
    EACH(i, n) {
      uint8_t a = m.px[i], b = m.px[n + i], c = m.px[2 * n + i];
      int y = vg_cv_grey(a, b, c);
      m.px[i] = vg_cv_saturation(a, y, alpha, beta);
      m.px[n + i] = vg_cv_saturation(b, y, alpha, beta);
      m.px[2 * n + i] = vg_cv_saturation(c, y, alpha, beta);
    }
    __syncthreads();
  } else if (which == 3 && factor != 0) {
    EACH(i, 256) vg_hue_entry(&r.hue, i, factor);
    __syncthreads();
    EACH(i, n) vg_cv_turn(m.px + i, m.px + n + i, m.px + 2 * n + i, &r.hue);
    __syncthreads();
  }
}

__device__ void pil_colour(image &m, room &r, int which, double factor) {
  int n = m.n(), shift = (int)(factor * 255);
  int base = which == 1 ? (int)(mean_grey(m, true) + 0.5) : 0;
  if (which < 2) {
    EACH(i, 256) r.table[i] = vg_pil_blend(base, i, (float)factor);
    apply_table(m, r);
    return;
  }
  if (which == 3) EACH(i, 256) vg_pil_hue_entry(&r.hue.by_value[i], &r.part[i], i);
  __syncthreads();
  EACH(i, n) {
    uint8_t *a = m.px + i, *b = a + n, *c = b + n;
    if (which == 2) {
      int y = vg_pil_grey(*a, *b, *c);
      *a = vg_pil_blend(y, *a, (float)factor);
      *b = vg_pil_blend(y, *b, (float)factor);
      *c = vg_pil_blend(y, *c, (float)factor);
    } else {
      int hsv[3];
      vg_pil_to_hsv(*a, *b, *c, hsv);
      hsv[0] = (hsv[0] + shift) & 255;
      vg_pil_to_rgb(hsv, r.part[hsv[0]], r.hue.by_value[hsv[0]], a, b, c);
    }
  }
  __syncthreads();
}

/* ---- the pipeline ---- */

__device__ void apply(image &m, room &r, const vg_aug_op &op, const vg_aug_draw &d) {
  if (!d.on) return;
  switch (op.kind) {
    case VG_AUG_PAD: pad(m, op); break;
    case VG_AUG_CROP: crop(m, d.box[0]); break;
    case VG_AUG_HFLIP: flip(m, false); break;
    case VG_AUG_VFLIP: flip(m, true); break;
    case VG_AUG_JITTER:
      for (int i = 0; i < 4; i++) cv_colour(m, r, d.order[i], d.factor[d.order[i]]);
      break;
    case VG_AUG_PIL_JITTER:
      for (int i = 0; i < 4; i++) pil_colour(m, r, d.order[i], d.factor[d.order[i]]);
      break;
    case VG_AUG_ROTATE: rotate(m, d.factor[0]); break;
    case VG_AUG_RESIZED_CROP:
      crop(m, d.box[0]);
      resize(m, r, op.size[0], op.size[1]);
      break;
    case VG_AUG_RESIZE: resize(m, r, op.size[0], op.size[1]); break;
    default: fill(m, d, op.fill); break;
  }
}

/* Planes, or pixels of `lanes` channels with zeros behind the third. */
template <typename T>
__device__ void put_floats(T *x, const image &m, const vg_pipeline *p, int lanes) {
  int n = m.n();
  if (!lanes) {
    EACH(i, 3 * n) vg_put(x + i, p->table[i / n][m.px[i]]);
    return;
  }
  EACH(i, n)
  for (int c = 0; c < lanes; c++)
    vg_put(x + (int64_t)i * lanes + c, c < 3 ? p->table[c][m.px[c * n + i]] : 0.0f);
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    augment(vg_cuda_batch b, T *x, int64_t *y, vg_cuda_batch_key given,
            const vg_cuda_batch_key *live) {
  __shared__ room r;
  const vg_cuda_batch_key key = live ? *live : given;
  int64_t at = key.first + blockIdx.x;
  if (b.order) at = b.order[at];
  uint32_t sample = (uint32_t)(b.samples ? b.samples[at] : at);
  const uint8_t *record = b.records + at * b.stride;
  image m = {r.memory[0], r.memory[1], b.h, b.w};
  EACH(i, 3 * m.n()) m.px[i] = record[1 + i];
  /* Draws in warps of their own: they branch in different ways. */
  for (int k = (int)threadIdx.x / 32; threadIdx.x % 32 == 0 && k < b.pipeline->ops;
       k += THREADS / 32) {
    vg_aug_key image_key = {key.seed, key.epoch, sample};
    r.draw[k] = vg_aug_draw_op(&b.pipeline->op[k], image_key, k, b.size[k][0], b.size[k][1]);
  }
  __syncthreads();
  for (int k = 0; k < b.pipeline->ops; k++) apply(m, r, b.pipeline->op[k], r.draw[k]);
  put_floats(x + (int64_t)blockIdx.x * m.n() * (b.lanes ? b.lanes : 3), m, b.pipeline, b.lanes);
  if (threadIdx.x == 0 && y) y[blockIdx.x] = record[0];
}

}  // namespace

extern "C" cudaError_t vg_cuda_augment_run(const vg_cuda_batch *b, void *x, bool half, int64_t *y,
                                           int64_t count, const vg_cuda_batch_key *key,
                                           const vg_cuda_batch_key *live, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  if (half)
    VG_LAUNCH(augment<vg_bf16>, (unsigned)count, THREADS, 0, stream, *b, (vg_bf16 *)x, y, *key,
              live);
  else
    VG_LAUNCH(augment<float>, (unsigned)count, THREADS, 0, stream, *b, (float *)x, y, *key, live);
  return cudaGetLastError();
}
