/* A device is one backend's handle inside one context. A context belongs to one Lua state (or one
   embedding thread) and owns everything with state: devices, pools, grad mode, random position. */
#ifndef VG_DEVICE_DEVICE_H
#define VG_DEVICE_DEVICE_H

#include "base/rng.h"
#include "base/status.h"

enum { VG_MAX_DEVICES = 17 };

struct vg_backend;
struct vg_pool;

typedef struct vg_context vg_context;

typedef struct vg_device {
  const struct vg_backend *be;
  vg_context *ctx;
  struct vg_pool *pool;
  void *priv;                 /* the backend's */
  struct vg_profile *profile; /* while it is profiled, `be` is not the backend's own table */
  int index;                  /* ordinal inside the backend */
  char name[32];              /* "cpu", "cuda:0" */
} vg_device;

struct vg_context {
  vg_device *devices[VG_MAX_DEVICES];
  int ndevices;
  uint64_t seed;         /* vg_manual_seed */
  uint64_t rng_calls;    /* random operations since then: the position to save and restore */
  uint64_t next_seq;     /* tape order */
  uint64_t next_storage; /* vg_storage.id */
  int64_t live_tensors;
  int no_grad;          /* depth of no_grad regions */
  int constant_weights; /* depth of regions in which no weight changes */
  int autocast;         /* vg_dtype: VG_F32, or VG_BF16 for bf16-mixed (vg_autocast in ops/ops.h) */
  bool want_collect;    /* the pool passed its soft limit: the binding runs a full collection */
  bool tf32;            /* f32 products may round their inputs to TF32 on devices that have it */
  bool deterministic;   /* kernels are pinned, nothing is chosen by timing */
  vg_device *usual;     /* where tensors are made when nobody says where */
  struct vg_handle *handles; /* every handle given to Lua (autograd/scope.h) */
  struct vg_scope *scope;    /* innermost */
};

/* A new context with the CPU device open. */
VG_API vg_status vg_context_new(vg_context **out);
/* Closes every device; returns how many tensors were still alive (their memory is not touched
 * again). */
VG_API int64_t vg_context_free(vg_context *ctx);

/* "cpu", "cuda", "cuda:1", "auto" or the name of a registered plugin backend; opens it on first
   use. Failure: VG_EDEVICE with the sentence the registry kept. */
VG_API vg_status vg_device_open(vg_device **out, vg_context *ctx, const char *name);
/* Between the two, which nest, weights of convolutions stay as they are, and backends may keep what
   they computed from them. */
VG_API void vg_constant_weights_begin(vg_context *ctx);
VG_API void vg_constant_weights_end(vg_context *ctx);
VG_API vg_device *vg_cpu(vg_context *ctx);
/* The device of new tensors and parameters for which none is named: the CPU until set. */
VG_API vg_device *vg_usual_device(vg_context *ctx);
VG_API void vg_set_usual_device(vg_device *d);
VG_API vg_status vg_device_synchronise(vg_device *d);

/* `op: not implemented by backend 'name'`. */
VG_API vg_status vg_unsupported(const vg_device *d, const char *op);

/* The next random operation's stream (counts it). */
VG_API vg_stream vg_next_stream(vg_context *ctx, vg_purpose purpose);
VG_API void vg_manual_seed(vg_context *ctx, uint64_t seed);

#endif
