/* Batch normalisation: the geometry of a call, from its shape alone. */
#include "cuda/walk.h"

static bool accepts(const vg_layout *l) { return l == &vg_cuda_nhwc; }

static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

static bool aligned(const vg_tensor *t) { return !t || ((uintptr_t)vg_cuda_data(t) & 15) == 0; }

/* NHWC: about 512 blocks, whose threads see eight rows or more. */
static void cut_rows(vg_cuda_bn *b, int64_t line) {
  int64_t columns = b->channels / line, across, down;
  b->width = 1;
  while (b->width < 64 && b->width < columns) b->width *= 2;
  across = parts(columns, b->width);
  down = 256 / b->width;
  b->chunk = at_least(parts(b->rows, at_least(512 / across, 1)), down * 8);
  b->chunks = at_least(parts(b->rows, b->chunk), 1);
}

/* Plain: about 1024 blocks, of 2048 values or more. */
static void cut_images(vg_cuda_bn *b) {
  b->chunk = at_least(parts(b->images, at_least(1024 / b->channels, 1)),
                      parts(2048, at_least(b->pixels, 1)));
  if (b->chunk > b->images) b->chunk = b->images;
  b->chunks = parts(b->images, b->chunk);
  while (b->chunks > 65535) {
    b->chunk *= 2;
    b->chunks = parts(b->images, b->chunk);
  }
}

static const float *values(const vg_tensor *t) { return t ? vg_cuda_data(t) : NULL; }
static float *writable(vg_tensor *t) { return t ? vg_cuda_data(t) : NULL; }

/* `other` and `third`: what is walked together with x. */
static vg_cuda_bn describe(const vg_tensor *x, const vg_tensor *other, const vg_tensor *third,
                           const vg_norm *p) {
  vg_cuda_bn b = {.images = x->shape[0],
                  .channels = x->shape[1],
                  .pixels = x->shape[2] * x->shape[3],
                  .nhwc = x->layout != NULL,
                  .half = x->dtype == VG_BF16,
                  .training = p->training,
                  .relu = p->relu,
                  .eps = p->eps,
                  .momentum = p->momentum};
  int64_t line = b.half ? 8 : 4;
  b.rows = b.images * b.pixels;
  b.line = (b.nhwc ? b.channels : b.pixels) % line == 0 && aligned(x) && aligned(other) &&
           aligned(third);
  if (b.nhwc)
    cut_rows(&b, b.line ? line : 1);
  else
    cut_images(&b);
  return b;
}

static vg_status bn_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                        const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                        vg_tensor *mean, vg_tensor *invstd, const vg_norm *p) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_bn b;
  vg_buf work = {0};
  void *part;
  vg_status st;
  if (x->n == 0) return VG_OK;
  b = describe(x, y, NULL, p);
  b.weight = values(weight);
  b.bias = values(bias);
  b.mean = vg_cuda_data(mean);
  b.invstd = vg_cuda_data(invstd);
  VG_TRY(vg_cuda_scratch(&part, &work, d, (size_t)(b.chunks * b.channels) * 2 * sizeof(double)));
  VG_TRY(VG_CUDA(vg_cuda_bn_fwd(&b, vg_cuda_data(y), vg_cuda_data(x), part, writable(running_mean),
                                writable(running_var), s)));
done:
  vg_buf_give(&work);
  return st;
}

static vg_status zero(vg_device *d, vg_tensor *t) {
  return t ? d->be->memory->fill(d, vg_cuda_data(t), 0, (size_t)t->n * sizeof(float)) : VG_OK;
}

static vg_status bn_bwd(vg_device *d, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                        const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                        const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                        const vg_norm *p) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_bn b;
  vg_buf work = {0};
  void *part;
  size_t sums;
  vg_status st;
  if (x->n == 0) {
    VG_TRY(zero(d, gweight));
    st = zero(d, gbias);
    goto done;
  }
  b = describe(x, gy, gx, p);
  b.weight = values(weight);
  b.bias = values(bias);
  b.mean = (float *)(uintptr_t)vg_cuda_data(mean);
  b.invstd = (float *)(uintptr_t)vg_cuda_data(invstd);
  sums = (size_t)(b.chunks * b.channels) * 2 * sizeof(double);
  VG_TRY(vg_cuda_scratch(&part, &work, d, sums + (size_t)b.channels * 3 * sizeof(float)));
  VG_TRY(VG_CUDA(vg_cuda_bn_bwd(&b, gx ? vg_cuda_data(gx) : NULL, vg_cuda_data(gy), vg_cuda_data(x),
                                part, (float *)(void *)((char *)part + sums), writable(gweight),
                                writable(gbias), s)));
done:
  vg_buf_give(&work);
  return st;
}

const vg_norm_vt vg_cuda_norm = {.accepts = accepts, .bn_fwd = bn_fwd, .bn_bwd = bn_bwd};
