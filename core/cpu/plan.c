/* The device "plan": the CPU backend without memory and without arithmetic. Shapes, layouts, work
   buffers and the order of allocations are those of the CPU, so that the pool's peak after a dry
   training step is the peak a real one will have. Reads give zeros. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "cpu/cpu.h"
#include "cpu/dnn.h"
#include "cpu/hwnc.h"
#include "cpu/through_f32.h"

static int count(void) { return 1; }

static vg_status open_device(vg_device *d) {
  if (d->index != 0) return vg_fail(VG_EDEVICE, "device: plan has no number %d", d->index);
  d->priv = vg_calloc(1, sizeof(vg_cpu_priv));
  if (!d->priv) return VG_ENOMEM;
  vg_cpu_state(d)->plan = true;
  snprintf(d->name, sizeof d->name, "plan");
  return VG_OK;
}

static vg_status describe(vg_device *d, char *text, size_t n) {
  (void)d;
  snprintf(text, n, "plan of the cpu's memory");
  return VG_OK;
}

static double macs(const vg_device *d) { return vg_cpu_state(d)->macs; }

static const vg_device_vt device = {.count = count,
                                    .open = open_device,
                                    .close = vg_cpu_close_device,
                                    .describe = describe,
                                    .macs = macs,
                                    .bf16 = vg_cpu_bf16};

/* ---- memory: addresses that read as zero and cannot be written ---- */

static void *take(vg_device *d, size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  (void)d;
  return p == MAP_FAILED ? NULL : p;
}
static void release(vg_device *d, void *p, size_t bytes) {
  (void)d;
  munmap(p, bytes);
}
static vg_status copy_in(vg_device *d, void *dst, const void *host, size_t bytes) {
  (void)d, (void)dst, (void)host, (void)bytes;
  return VG_OK;
}
static vg_status copy_out(vg_device *d, void *host, const void *src, size_t bytes) {
  (void)d, (void)src;
  memset(host, 0, bytes);
  return VG_OK;
}
static vg_status fill(vg_device *d, void *dst, int byte, size_t bytes) {
  (void)d, (void)dst, (void)byte, (void)bytes;
  return VG_OK;
}
static const vg_memory_vt memory = {
    .alloc = take, .free = release, .write = copy_in, .read = copy_out, .fill = fill};

/* ---- kernels that take no buffers of their own have nothing to do ---- */

#define NOTHING(name, ...) \
  static vg_status name(__VA_ARGS__) { return VG_OK; }
#define DEV vg_device *d __attribute__((unused))
#define OUT(t) vg_tensor *t __attribute__((unused))
#define IN(t) const vg_tensor *t __attribute__((unused))
#define ANY(type, v) type v __attribute__((unused))

NOTHING(copy, DEV, OUT(y), IN(x))
NOTHING(set, DEV, OUT(y), ANY(double, v))
NOTHING(unary, DEV, ANY(vg_unary, op), ANY(vg_scalars, s), OUT(y), IN(x))
NOTHING(unary_bwd, DEV, ANY(vg_unary, op), ANY(vg_scalars, s), OUT(gx), IN(gy), IN(x), IN(y))
NOTHING(binary, DEV, ANY(vg_binary, op), OUT(y), IN(a), IN(b))
NOTHING(where, DEV, OUT(y), IN(mask), IN(a), IN(b))
NOTHING(reduce, DEV, ANY(vg_reduction, op), ANY(vg_scalars, s), OUT(y), IN(x),
        ANY(const vg_reduce_dims *, r))
NOTHING(three, DEV, OUT(y), IN(a), IN(b), ANY(int, dim))
NOTHING(topk, DEV, OUT(v), OUT(i), IN(x), ANY(int, dim), ANY(bool, largest))
NOTHING(softmax, DEV, OUT(y), IN(x), ANY(int, dim), ANY(bool, log))
NOTHING(softmax_bwd, DEV, OUT(gx), IN(gy), IN(y), ANY(int, dim), ANY(bool, log))
NOTHING(loss, DEV, OUT(y), IN(x), IN(target), ANY(const vg_loss *, l))
NOTHING(loss_bwd, DEV, OUT(gx), IN(g), IN(x), IN(target), ANY(const vg_loss *, l))
NOTHING(draw, DEV, OUT(y), ANY(vg_stream, s), ANY(double, a), ANY(double, b))
NOTHING(bernoulli, DEV, OUT(y), ANY(vg_stream, s), ANY(double, p))
NOTHING(dropout, DEV, OUT(y), IN(x), ANY(vg_stream, s), ANY(double, p))
NOTHING(adam, DEV, ANY(int, n), ANY(const vg_optim_slot *, s), ANY(const vg_adam_args *, a))
NOTHING(sgd, DEV, ANY(int, n), ANY(const vg_optim_slot *, s), ANY(const vg_sgd_args *, a))
NOTHING(scale, DEV, ANY(int, n), ANY(vg_tensor *const *, t), ANY(double, v))
NOTHING(metric, DEV, OUT(c), IN(x), IN(target), ANY(const vg_metric_args *, a))

static vg_status matmul(vg_device *d, vg_tensor *c, const vg_tensor *a, const vg_tensor *b,
                        const vg_tensor *bias) {
  vg_cpu_state(d)->macs += (double)c->n * (double)a->shape[2];
  return vg_cpu_matmul.matmul(d, c, a, b, bias); /* for its buffers */
}

static vg_status sum_squares(DEV, ANY(int, n), ANY(vg_tensor *const *, t), double *out) {
  *out = 0;
  return VG_OK;
}

static const vg_layout_vt layout = {.copy = copy, .convert = copy};
static const vg_elementwise_vt elementwise = {
    .fill = set, .unary = unary, .unary_bwd = unary_bwd, .binary = binary, .where = where};
static const vg_reduce_vt reduction = {.reduce = reduce};
static const vg_index_vt index_ = {
    .gather = three, .scatter_add = three, .select = three, .select_add = three, .topk = topk};
static const vg_matmul_vt product = {.matmul = matmul, .sum_rows = copy};
static const vg_softmax_vt soft = {.softmax = softmax,
                                   .softmax_bwd = softmax_bwd,
                                   .cross_entropy = loss,
                                   .cross_entropy_bwd = loss_bwd};
static const vg_random_vt draws = {
    .uniform = draw, .normal = draw, .bernoulli = bernoulli, .dropout = dropout};
static const vg_optim_vt optim = {
    .adam = adam, .sgd = sgd, .sum_squares = sum_squares, .scale = scale, .clamp = scale};
static const vg_metric_vt metrics = {.confusion = metric, .calibration = metric};

/* Of pooling, the arguments of the maxima are a buffer, and so are f32 copies. */
static vg_status max_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, vg_buf *ws,
                         const vg_pool2d *p) {
  return vg_cpu_pool.max_fwd(d, y, x, ws, p);
}
static vg_status max_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_buf *ws,
                         const vg_pool2d *p) {
  return gy->dtype == VG_BF16 || gy->layout == &vg_cpu_hwnc ? vg_cpu_pool.max_bwd(d, gx, gy, ws, p)
                                                            : VG_OK;
}
static vg_status avg_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_pool2d *p) {
  return x->dtype == VG_BF16 || x->layout == &vg_cpu_hwnc ? vg_cpu_pool.avg_fwd(d, y, x, p) : VG_OK;
}
static vg_status avg_bwd(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_pool2d *p) {
  return gy->dtype == VG_BF16 || gy->layout == &vg_cpu_hwnc ? vg_cpu_pool.avg_bwd(d, gx, gy, p)
                                                            : VG_OK;
}
static bool blocked(const vg_layout *l) { return vg_cpu_pool.accepts(l); }
static const vg_pool_vt pool = {.accepts = blocked,
                                .max_fwd = max_fwd,
                                .max_bwd = max_bwd,
                                .avg_fwd = avg_fwd,
                                .avg_bwd = avg_bwd};

const vg_backend vg_plan_backend = {.abi = VG_ABI,
                                    .name = "plan",
                                    .device = &device,
                                    .memory = &memory,
                                    .layout = &layout,
                                    .elementwise = &elementwise,
                                    .reduce = &reduction,
                                    .index = &index_,
                                    .matmul = &product,
                                    .conv = &vg_cpu_conv,
                                    .pool = &pool,
                                    .norm = &vg_cpu_norm,
                                    .softmax = &soft,
                                    .random = &draws,
                                    .optim = &optim,
                                    .metric = &metrics};
