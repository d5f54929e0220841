/* Tensor = logical shape + a physical layout owned by the backend. `layout == NULL` means strided
   (PyTorch's sense: shape, stride, offset); otherwise strides mean nothing and only the backend and
   layout-blind kernels (which walk all physical elements) may touch the bytes. Host reads,
   printing, saving and operations that do not know a layout convert first. */
#ifndef VG_TENSOR_TENSOR_H
#define VG_TENSOR_TENSOR_H

#include "base/bf16.h"
#include "base/kinds.h"
#include "base/status.h"
#include "device/device.h"
#include "device/pool.h"

enum { VG_MAX_DIMS = 8 };

/* Immutable, owned by a backend, compared by address. */
typedef struct vg_layout {
  const char *name; /* "nChw16c" */
  int kind;         /* the backend's own number */
  /* Physical elements of a tensor of this shape, padding included. */
  int64_t (*elements)(const struct vg_layout *, int ndim, const int64_t *shape);
} vg_layout;

typedef struct vg_storage {
  int refs;
  uint32_t version; /* counts in-place writes; the tape checks it */
  uint64_t id;      /* of its own in the context: an address alone may be somebody else's later */
  vg_buf buf;
  /* What the backend worked out about the contents (it knows when that is out of date). */
  void *note;
  void (*note_free)(void *note);
  void (*deleter)(void *arg); /* memory that is not the pool's: called instead of giving buf back */
  void *deleter_arg;
} vg_storage;

typedef struct vg_tensor vg_tensor;
struct vg_tensor {
  int refs;
  vg_dtype dtype;
  vg_device *dev;
  int ndim;
  int64_t shape[VG_MAX_DIMS];
  int64_t stride[VG_MAX_DIMS]; /* elements; meaningless with a layout */
  int64_t n;                   /* logical elements */
  int64_t offset;              /* elements into the storage */
  const vg_layout *layout;
  vg_storage *storage;
  /* autograd */
  struct vg_node *node; /* what computed it; NULL for a leaf */
  vg_tensor *grad;      /* accumulated gradient of a leaf, or of a tensor with retains_grad */
  bool requires_grad;   /* leaf that wants a gradient */
  bool retains_grad;
};

/* ---- shapes (tensor/shape.c) ---- */
VG_API int64_t vg_numel(int ndim, const int64_t *shape);
/* VG_EINVAL for more than VG_MAX_DIMS, a negative size or more than 2^46 elements. */
VG_API vg_status vg_shape_check(const char *op, int ndim, const int64_t *shape);
VG_API void vg_dense_strides(int ndim, const int64_t *shape, int64_t *stride);
VG_API bool vg_same_shape(const vg_tensor *a, const vg_tensor *b);
/* NumPy broadcasting of two shapes. */
VG_API vg_status vg_broadcast_shape(const char *op, const vg_tensor *a, const vg_tensor *b,
                                    int *ndim, int64_t *shape);
/* "8x3x32x32", "scalar" for no dimensions; one of eight thread-local buffers used in turn. */
VG_API const char *vg_shape_text(int ndim, const int64_t *shape);
VG_API const char *vg_shape_str(const vg_tensor *t);
VG_API const char *vg_dtype_name(vg_dtype d); /* "float32", "bfloat16", "int64", "uint8" */
VG_API size_t vg_dtype_size(vg_dtype d);

/* ---- life ---- */
/* Contents undefined, strided, contiguous. Polls the interrupt flag. Caller owns one count. */
VG_API vg_status vg_new(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                        const int64_t *shape);
/* Same, in a backend layout (NULL: strided). */
VG_API vg_status vg_new_layout(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                               const int64_t *shape, const vg_layout *layout);
/* Shape, dtype, device and layout of x (a strided x gives a contiguous tensor). */
VG_API vg_status vg_new_like(vg_tensor **out, const vg_tensor *x);
/* Shape, dtype, device and order in memory of x: its layout, or the order of its dimensions when it
   is dense; else contiguous. */
VG_API vg_status vg_new_same_walk(vg_tensor **out, const vg_tensor *x);
/* Takes host memory as it is (CPU device only), without a copy; `deleter(arg)` runs when it dies.
 */
VG_API vg_status vg_wrap(vg_tensor **out, vg_device *dev, vg_dtype dtype, int ndim,
                         const int64_t *shape, void *data, void (*deleter)(void *), void *arg);
VG_API vg_tensor *vg_retain(vg_tensor *t);
VG_API void vg_release(vg_tensor *t); /* NULL is fine; never recursive over the tape */

/* ---- without autograd: views, copies, moves ---- */
/* A strided view of x's storage (x must be strided); offset counts from x's own. */
VG_API vg_status vg_view(vg_tensor **out, const vg_tensor *x, int ndim, const int64_t *shape,
                         const int64_t *stride, int64_t offset);
/* Same storage and layout, no history: detach. */
VG_API vg_status vg_alias(vg_tensor **out, const vg_tensor *x);
/* x in the given layout (NULL: strided and contiguous); x itself, retained, when it already is. */
VG_API vg_status vg_relayout(vg_tensor **out, vg_tensor *x, const vg_layout *layout);
/* x strided, whatever the strides; x itself, retained, when it has no backend layout. */
VG_API vg_status vg_strided(vg_tensor **out, vg_tensor *x);
/* x in the order in memory of `as` (same shape, dtype and device); x itself, retained, when both
   can be walked together. */
VG_API vg_status vg_walk_as(vg_tensor **out, vg_tensor *x, const vg_tensor *as);
/* x, of 4 dimensions N, C, H, W, strided with the channels innermost: PyTorch's channels_last. */
VG_API vg_status vg_to_channels_last(vg_tensor **out, vg_tensor *x);
/* y <- x (same shape; dtype, layout, device may differ). Counts as an in-place write of y. */
VG_API vg_status vg_copy_into(vg_tensor *y, const vg_tensor *x);
VG_API vg_status vg_cast_raw(vg_tensor **out, vg_tensor *x, vg_dtype dtype);
VG_API vg_status vg_to_device(vg_tensor **out, vg_tensor *x, vg_device *dev);
/* Dense row-major host memory of x.n elements of x's dtype. */
VG_API vg_status vg_read(const vg_tensor *x, void *host);
VG_API vg_status vg_write(vg_tensor *x, const void *host);
/* The single element as a number. */
VG_API vg_status vg_item(const vg_tensor *x, double *out);

static inline void *vg_data(const vg_tensor *t) {
  static const uint8_t size[VG_DTYPE_COUNT] = {4, 2, 8, 1};
  return (char *)t->storage->buf.ptr + t->offset * size[t->dtype];
}
/* Strided and row-major without holes. */
VG_API bool vg_is_contiguous(const vg_tensor *t);
/* Strided, without holes or overlaps, in whatever order of its dimensions. */
VG_API bool vg_is_dense(const vg_tensor *t);
/* Of 4 dimensions, dense, channels innermost; with one channel or one pixel contiguous, too. */
VG_API bool vg_is_channels_last(const vg_tensor *t);
/* Elements a layout-blind kernel walks: physical ones for a layout, n for a dense tensor. */
VG_API int64_t vg_physical_n(const vg_tensor *t);
/* a and b can be walked together element by element: same shape, and the same layout or dense in
   the same order. */
VG_API bool vg_same_walk(const vg_tensor *a, const vg_tensor *b);
static inline void vg_bump(vg_tensor *t) { t->storage->version++; } /* after an in-place write */

/* Set by autograd/tape.c: lets go of a dying tensor's history, which this layer does not know. */
VG_API extern void (*vg_history_release)(vg_tensor *t);

#endif
