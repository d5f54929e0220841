/* A backend for the tests, opened as a plugin: host memory of its own, filled with NaN; activations
   of convolutions in its own layout, N x H x W x (C + 3), the last three poisoned; convolutions of
   its own over that layout; everything else handed to the CPU's kernels; indexing not implemented.
   VG_FAKE=abi, fail or nodevice makes it unusable in one of three ways. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "vgglua/backend.h"

extern const vg_backend vg_cpu_backend;
VG_API vg_status vg_backend_init(uint32_t host_abi, const vg_backend **out);

/* ---- device and memory ---- */

static int devices = 1;
static int count(void) { return devices; }

static vg_status open_device(vg_device *d) {
  vg_status st;
  VG_TRY(vg_cpu_backend.device->open(d)); /* the CPU's kernels find their state in d->priv */
  memcpy(d->name, "fake", sizeof "fake");
done:
  return st;
}

static void close_device(vg_device *d) { vg_cpu_backend.device->close(d); }

static vg_status describe(vg_device *d, char *text, size_t n) {
  (void)d;
  if (n > 12) memcpy(text, "fake device", 12);
  return VG_OK;
}

static void *alloc(vg_device *d, size_t bytes) {
  void *p = vg_alloc(bytes);
  (void)d;
  if (p) memset(p, 0xff, bytes); /* NaN in every float: nobody may read what was not written */
  return p;
}
static void release(vg_device *d, void *p, size_t bytes) {
  (void)d;
  memset(p, 0xff, bytes);
  vg_free(p);
}
static vg_status copy_in(vg_device *d, void *dst, const void *host, size_t bytes) {
  (void)d;
  memcpy(dst, host, bytes);
  return VG_OK;
}
static vg_status copy_out(vg_device *d, void *host, const void *src, size_t bytes) {
  return copy_in(d, host, src, bytes);
}
static vg_status fill(vg_device *d, void *dst, int byte, size_t bytes) {
  (void)d;
  memset(dst, byte, bytes);
  return VG_OK;
}

/* ---- the layout ---- */

enum { PADDING = 3 };

static int64_t elements(const vg_layout *l, int ndim, const int64_t *s) {
  (void)l;
  return ndim == 4 ? s[0] * s[2] * s[3] * (s[1] + PADDING) : vg_numel(ndim, s);
}

static const vg_layout padded = {.name = "fakeNHWC", .kind = 7, .elements = elements};

static float *at(const vg_tensor *t, int64_t n, int64_t c, int64_t h, int64_t w) {
  float *p = vg_data(t);
  if (!t->layout)
    return p + n * t->stride[0] + c * t->stride[1] + h * t->stride[2] + w * t->stride[3];
  return p + ((n * t->shape[2] + h) * t->shape[3] + w) * (t->shape[1] + PADDING) + c;
}

static void poison(vg_tensor *y) {
  float *p = vg_data(y);
  for (int64_t i = 0; y->layout && i < vg_physical_n(y); i++) p[i] = NAN;
}

static vg_status convert(vg_device *d, vg_tensor *y, const vg_tensor *x) {
  const int64_t *s = x->shape;
  (void)d;
  if (x->dtype != VG_F32 || x->ndim != 4)
    return vg_fail(VG_EUNSUPPORTED, "layout conversion: want four dimensions of float32");
  poison(y);
  for (int64_t i = 0; i < x->n; i++) {
    int64_t w = i % s[3], h = i / s[3] % s[2], c = i / s[3] / s[2] % s[1],
            n = i / s[3] / s[2] / s[1];
    *at(y, n, c, h, w) = *at(x, n, c, h, w);
  }
  return VG_OK;
}

/* ---- convolution: the four sums over one walk of (output element, tap) ---- */

static vg_status layouts(vg_device *d, const vg_tensor *x, const vg_tensor *w,
                         const int64_t *yshape, const vg_conv2d *p, const vg_layout **lx,
                         const vg_layout **ly) {
  (void)d, (void)x, (void)w, (void)yshape, (void)p;
  *lx = *ly = &padded;
  return VG_OK;
}

typedef void (*tap)(float *y, float *x, float *w);
static void forward_tap(float *y, float *x, float *w) { *y += *x * *w; }
static void data_tap(float *gy, float *gx, float *w) { *gx += *gy * *w; }
static void weight_tap(float *gy, float *x, float *gw) { *gw += *gy * *x; }

static void taps(const vg_tensor *y, const vg_tensor *x, const vg_tensor *w, const vg_conv2d *p,
                 int64_t n, int64_t k, int64_t i, int64_t j, tap f) {
  int64_t per = w->shape[1], first = k / (w->shape[0] / p->groups) * per;
  for (int64_t c = 0; c < per; c++)
    for (int64_t r = 0; r < w->shape[2]; r++)
      for (int64_t s = 0; s < w->shape[3]; s++) {
        int64_t h = i * p->stride[0] - p->pad[0] + r * p->dilation[0],
                v = j * p->stride[1] - p->pad[1] + s * p->dilation[1];
        if (h < 0 || v < 0 || h >= x->shape[2] || v >= x->shape[3]) continue;
        f(at(y, n, k, i, j), at(x, n, first + c, h, v), at(w, k, c, r, s));
      }
}

static void walk(const vg_tensor *y, const vg_tensor *x, const vg_tensor *w, const vg_conv2d *p,
                 tap f) {
  for (int64_t n = 0; n < y->shape[0]; n++)
    for (int64_t k = 0; k < y->shape[1]; k++)
      for (int64_t i = 0; i < y->shape[2]; i++)
        for (int64_t j = 0; j < y->shape[3]; j++) taps(y, x, w, p, n, k, i, j, f);
}

static void set_all(vg_tensor *y, const float *per_channel) {
  poison(y);
  for (int64_t n = 0; n < y->shape[0]; n++)
    for (int64_t c = 0; c < y->shape[1]; c++)
      for (int64_t h = 0; h < y->shape[2]; h++)
        for (int64_t w = 0; w < y->shape[3]; w++)
          *at(y, n, c, h, w) = per_channel ? per_channel[c] : 0;
}

static vg_status conv_fwd(vg_device *d, vg_tensor *y, const vg_tensor *x, const vg_tensor *w,
                          const vg_tensor *bias, const vg_conv2d *p) {
  (void)d;
  set_all(y, bias ? vg_data(bias) : NULL);
  walk(y, x, w, p, forward_tap);
  return VG_OK;
}

static vg_status conv_bwd_data(vg_device *d, vg_tensor *gx, const vg_tensor *gy, const vg_tensor *w,
                               const vg_conv2d *p) {
  (void)d;
  set_all(gx, NULL);
  walk(gy, gx, w, p, data_tap);
  return VG_OK;
}

static vg_status conv_bwd_weight(vg_device *d, vg_tensor *gw, vg_tensor *gbias, const vg_tensor *x,
                                 const vg_tensor *gy, const vg_conv2d *p) {
  (void)d;
  set_all(gw, NULL);
  walk(gy, x, gw, p, weight_tap);
  for (int64_t k = 0; gbias && k < gy->shape[1]; k++) {
    float *g = (float *)vg_data(gbias) + k;
    *g = 0;
    for (int64_t n = 0; n < gy->shape[0]; n++)
      for (int64_t h = 0; h < gy->shape[2]; h++)
        for (int64_t w = 0; w < gy->shape[3]; w++) *g += *at(gy, n, k, h, w);
  }
  return VG_OK;
}

/* ---- the table ---- */

static const vg_device_vt device = {
    .count = count, .open = open_device, .close = close_device, .describe = describe};
static const vg_memory_vt memory = {
    .alloc = alloc, .free = release, .write = copy_in, .read = copy_out, .fill = fill};
static vg_layout_vt layout = {.convert = convert};
static const vg_conv_vt conv = {
    .layouts = layouts, .fwd = conv_fwd, .bwd_data = conv_bwd_data, .bwd_weight = conv_bwd_weight};
static vg_backend table;

vg_status vg_backend_init(uint32_t host_abi, const vg_backend **out) {
  const char *mood = getenv("VG_FAKE");
  if (mood && !strcmp(mood, "fail")) return vg_fail(VG_EDEVICE, "no fake hardware in this machine");
  devices = mood && !strcmp(mood, "nodevice") ? 0 : 1;
  table = vg_cpu_backend; /* pool, norm, ... refuse the layout by their accepts() */
  table.abi = mood && !strcmp(mood, "abi") ? host_abi + 1 : VG_ABI;
  table.name = "fake";
  table.device = &device;
  table.memory = &memory;
  layout.copy = vg_cpu_backend.layout->copy;
  table.layout = &layout;
  table.conv = &conv;
  table.index = NULL;
  *out = &table;
  return VG_OK;
}
