/* Batch normalisation: the geometry of a call, from its shape alone. */
#include "cuda/stats.h"
#include "cuda/walk.h"

static bool accepts(const vg_layout *l) { return l == &vg_cuda_nhwc; }

static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

/* Elements of 16 bytes. */
static int64_t line_of(const vg_tensor *t) { return t->dtype == VG_BF16 ? 8 : 4; }

static bool aligned(const vg_tensor *t) { return !t || ((uintptr_t)vg_cuda_data(t) & 15) == 0; }

/* NHWC: about 512 blocks, whose threads see as many rows as `deep` or more. */
static void cut_rows(vg_cuda_bn *b, int64_t line, int64_t deep) {
  int64_t columns = b->channels / line, across, down;
  b->width = 1;
  while (b->width < 64 && b->width < columns) b->width *= 2;
  across = parts(columns, b->width);
  down = 256 / b->width;
  b->chunk = at_least(parts(b->rows, at_least(512 / across, 1)), down * deep);
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

typedef struct vectors {
  const float *weight, *bias;
  float *mean, *invstd;
} vectors;

/* Of a forward, which writes mean and invstd; of a backward, which reads them. */
static vectors made(const vg_tensor *weight, const vg_tensor *bias, vg_tensor *mean,
                    vg_tensor *invstd) {
  return (vectors){values(weight), values(bias), vg_cuda_data(mean), vg_cuda_data(invstd)};
}
static vectors given(const vg_tensor *weight, const vg_tensor *bias, const vg_tensor *mean,
                     const vg_tensor *invstd) {
  return (vectors){values(weight), values(bias), (float *)(uintptr_t)vg_cuda_data(mean),
                   (float *)(uintptr_t)vg_cuda_data(invstd)};
}

/* `other` and `third`: what is walked together with x. */
static vg_cuda_bn describe(const vg_tensor *x, const vg_tensor *other, const vg_tensor *third,
                           vectors t, const vg_norm *p) {
  vg_cuda_bn b = {.images = x->shape[0],
                  .channels = x->shape[1],
                  .pixels = x->shape[2] * x->shape[3],
                  .nhwc = x->layout != NULL,
                  .half = x->dtype == VG_BF16,
                  .training = p->training,
                  .relu = p->relu,
                  .eps = p->eps,
                  .momentum = p->momentum,
                  .weight = t.weight,
                  .bias = t.bias,
                  .mean = t.mean,
                  .invstd = t.invstd};
  int64_t line = line_of(x);
  b.rows = b.images * b.pixels;
  b.line = (b.nhwc ? b.channels : b.pixels) % line == 0 && aligned(x) && aligned(other) &&
           aligned(third);
  if (b.nhwc)
    cut_rows(&b, b.line ? line : 1, 8);
  else
    cut_images(&b);
  return b;
}

/* With the sums of the convolution that made x, if it left them. */
static vg_cuda_bn describe_forward(vg_device *d, const vg_tensor *x, const vg_tensor *y, vectors t,
                                   vg_tensor *running_mean, vg_tensor *running_var,
                                   const vg_norm *p) {
  vg_cuda_bn b = describe(x, y, NULL, t, p);
  b.running_mean = writable(running_mean);
  b.running_var = writable(running_var);
  if (p->training) b.sums = vg_cuda_stats_use(d, x);
  if (p->training && p->batches) b.batches = vg_cuda_data(p->batches);
  return b;
}

/* Bytes of two sums for every chunk. */
static size_t sums_size(const vg_cuda_bn *b) {
  return (size_t)(b->chunks * b->channels) * 2 * sizeof(double);
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
  b = describe_forward(d, x, y, made(weight, bias, mean, invstd), running_mean, running_var, p);
  VG_TRY(vg_cuda_scratch(&part, &work, d, sums_size(&b)));
  VG_TRY(VG_CUDA(vg_cuda_bn_fwd(&b, vg_cuda_data(y), vg_cuda_data(x), part, s)));
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
  b = describe(x, gy, gx, given(weight, bias, mean, invstd), p);
  sums = sums_size(&b);
  VG_TRY(vg_cuda_scratch(&part, &work, d, sums + (size_t)b.channels * 3 * sizeof(float)));
  VG_TRY(VG_CUDA(vg_cuda_bn_bwd(&b, gx ? vg_cuda_data(gx) : NULL, vg_cuda_data(gy), vg_cuda_data(x),
                                part, (float *)(void *)((char *)part + sums), writable(gweight),
                                writable(gbias), s)));
done:
  vg_buf_give(&work);
  return st;
}

/* ---- with the maximum of windows of 2 x 2 ---- */

/* Nothing in a layout is a view, so that y, gy and gx are aligned as well. */
static bool bn_pools(const vg_tensor *x, const vg_pool2d *o) {
  if (x->layout != &vg_cuda_nhwc || x->n == 0 || x->shape[1] % line_of(x) || !aligned(x))
    return false;
  return vg_cuda_halves(o) && !(o->ceil_mode && (x->shape[2] % 2 || x->shape[3] % 2));
}

/* The walk over squares, of which a thread sees two or more. */
static vg_cuda_bn_windows describe_max(const vg_cuda_bn *b, const vg_tensor *x) {
  vg_cuda_bn_windows m = {
      .b = *b, .h = x->shape[2], .w = x->shape[3], .small = x->n < (int64_t)1 << 31};
  VG_ASSERT(b->line);
  m.b.rows = b->images * ((m.h + 1) / 2) * ((m.w + 1) / 2);
  cut_rows(&m.b, line_of(x), 2);
  return m;
}

static vg_status bn_max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *weight,
                            const vg_tensor *bias, vg_tensor *running_mean, vg_tensor *running_var,
                            vg_tensor *mean, vg_tensor *invstd, vg_buf *ws, const vg_norm *p,
                            const vg_pool2d *pool) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_bn b =
      describe_forward(d, x, y, made(weight, bias, mean, invstd), running_mean, running_var, p);
  vg_cuda_bn_windows m = describe_max(&b, x);
  vg_buf work = {0};
  void *part;
  vg_status st;
  (void)pool;
  if (ws) VG_TRY(vg_cuda_take(ws, d, (size_t)y->n + 1));
  VG_TRY(vg_cuda_scratch(&part, &work, d, sums_size(&b)));
  VG_TRY(VG_CUDA(vg_cuda_bn_stats(&b, vg_cuda_data(x), part, s)));
  VG_TRY(VG_CUDA(vg_cuda_bn_max_fwd(&m, vg_cuda_data(y), ws ? ws->ptr : NULL, vg_cuda_data(x), s)));
done:
  vg_buf_give(&work);
  return st;
}

static vg_status bn_max_bwd(vg_device *d, vg_tensor *gx, vg_tensor *gweight, vg_tensor *gbias,
                            const vg_tensor *gy, const vg_tensor *x, const vg_tensor *weight,
                            const vg_tensor *bias, const vg_tensor *mean, const vg_tensor *invstd,
                            const vg_buf *ws, const vg_norm *p, const vg_pool2d *pool) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_bn b = describe(x, gy, gx, given(weight, bias, mean, invstd), p);
  vg_cuda_bn_windows m = describe_max(&b, x);
  bool wanted = p->training || gweight || gbias;
  size_t sums = sums_size(&m.b);
  float *coefficients;
  vg_buf work = {0};
  void *part;
  vg_status st;
  (void)pool;
  VG_TRY(vg_cuda_scratch(&part, &work, d, sums + (size_t)b.channels * 3 * sizeof(float)));
  coefficients = (float *)(void *)((char *)part + sums);
  if (wanted)
    VG_TRY(VG_CUDA(vg_cuda_bn_max_sums(&m, vg_cuda_data(gy), ws->ptr, vg_cuda_data(x), part, s)));
  VG_TRY(VG_CUDA(vg_cuda_bn_finish(&m.b, wanted ? part : NULL, coefficients, writable(gweight),
                                   writable(gbias), s)));
  if (gx)
    VG_TRY(VG_CUDA(vg_cuda_bn_max_bwd(&m, vg_cuda_data(gx), vg_cuda_data(gy), ws->ptr,
                                      vg_cuda_data(x), coefficients, s)));
done:
  vg_buf_give(&work);
  return st;
}

const vg_norm_vt vg_cuda_norm = {.accepts = accepts,
                                 .counts = true,
                                 .bn_fwd = bn_fwd,
                                 .bn_bwd = bn_bwd,
                                 .bn_pools = bn_pools,
                                 .bn_max_fwd = bn_max_fwd,
                                 .bn_max_bwd = bn_max_bwd};
