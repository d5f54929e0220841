/* What the CUDA backend's host files share: the device's private state, the tables, and how values
   that change between steps reach a captured step. */
#ifndef VG_CUDA_STREAM_H
#define VG_CUDA_STREAM_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "cuda/check.h"
#include "cuda/kernels.h"
#include "vgglua/backend.h"

enum { VG_CUDA_SLOTS = 4, VG_CUDA_SLOT_BYTES = 4 << 20 };

/* One piece of the pinned staging memory. */
typedef struct vg_cuda_slot {
  char *host;
  cudaEvent_t done; /* the last copy out of or into it */
  bool busy;
} vg_cuda_slot;

struct vg_cuda_graph;
struct vg_cuda_late;
struct vg_cuda_beside;
struct vg_cuda_early;

typedef struct vg_cuda_priv {
  int ordinal, sms, capability; /* 90: sm_90 */
  char gpu[96];                 /* "NVIDIA H100 80GB HBM3" */
  cudaStream_t stream;          /* all work of the device, in order; ask vg_cuda_stream */
  cudaStream_t side;            /* a branch of it: forked and joined inside one call of a table */
  cudaEvent_t fork, join;
  cublasLtHandle_t lt; /* made at first use: vg_cuda_lt, vg_cuda_dnn */
  cudnnHandle_t dnn;
  vg_cuda_slot slot[VG_CUDA_SLOTS];
  int next_slot;
  vg_cuda_fault *fault;         /* device memory */
  struct vg_cuda_graph *graph;  /* being captured or refilled (capture.c); NULL: eager */
  struct vg_cuda_graph *dead;   /* to free after the capture */
  struct vg_cuda_kept *weights; /* prepared forms of weights (weights.c) */
  uint64_t weights_used;        /* requests so far */
  struct vg_cuda_late *late; /* updates that the last launch left, or of the step being captured */
  struct vg_cuda_beside *beside; /* what runs beside the step being captured (beside.c) */
  struct vg_cuda_early *early;   /* and the norms of its gradients, so far (grad_norm.c) */
  bool norms;                    /* somebody has asked for a norm */
  vg_status touch_failed;
  struct vg_cuda_updated *updated; /* what the last optimiser's step changed (late.c) */
  void *tuner;                     /* plans of convolutions (tuner.c) */
  void (*tuner_close)(void *);
  void *products; /* cached descriptors of products (matmul.c) */
  void (*products_close)(void *);
  void *pipeline; /* of the last batch, and its copy on the device (augment.c) */
  void *deferred; /* memory to free after the capture (memory.c) */
} vg_cuda_priv;

static inline vg_cuda_priv *vg_cuda_state(const vg_device *d) { return d->priv; }

/* Device memory is going to be read or written: what late updates (late.h) and branches (beside.h)
   do to it comes first. A failure shows at the end of the capture, or when something is read. */
vg_status vg_cuda_touch_status(const vg_device *d);
void vg_cuda_touched(vg_device *d, const void *memory, bool write);
static inline void vg_cuda_touch(vg_device *d, const void *memory, bool write) {
  const vg_cuda_priv *p = vg_cuda_state(d);
  if (p->late || p->beside) vg_cuda_touched(d, memory, write);
}
/* vg_data for everything in this folder: const tensors are read, others written. */
#define vg_cuda_data(t) \
  _Generic((t), const vg_tensor * : vg_cuda_input, vg_tensor * : vg_cuda_output)(t)
static inline const void *vg_cuda_input(const vg_tensor *t) {
  void *memory = vg_data(t);
  vg_cuda_touch(t->dev, memory, false);
  return memory;
}
static inline void *vg_cuda_output(vg_tensor *t) {
  void *memory = vg_data(t);
  vg_cuda_touch(t->dev, memory, true);
  return memory;
}
/* vg_buf_take for everything in this folder. */
static inline vg_status vg_cuda_take(vg_buf *out, vg_device *d, size_t bytes) {
  vg_status st = vg_buf_take(out, d, bytes);
  if (st == VG_OK) vg_cuda_touch(d, out->ptr, true);
  return st;
}
/* The device's stream; makes the device the thread's current one. For every launch and copy. */
cudaStream_t vg_cuda_stream(vg_device *d);
vg_status vg_cuda_lt(cublasLtHandle_t *out, vg_device *d);
vg_status vg_cuda_dnn(cudnnHandle_t *out, vg_device *d); /* on the device's stream */

/* ---- faults: what kernels found wrong ---- */
/* Reads the fault and clears it: waits for the stream. *out is all zero when there is none. While a
   step is captured nothing is read. */
vg_status vg_cuda_take_fault(vg_device *d, vg_cuda_fault *out);

/* ---- capture (capture.c) ----
   A step is recorded once by running its operations with the stream in capture mode, then replayed.
   What a call gets from the host (learning rate, step number) would be frozen: an operation with
   such values asks vg_cuda_dynamic for a place in device memory where its kernel reads them. Before
   each replay the host's part of those operations runs again in "refill" mode: it hands over new
   values and launches nothing. */
typedef struct vg_cuda_dynamic_values {
  const void *device; /* where the kernel reads `bytes`; NULL: take the arguments as they are */
  bool skip;          /* refilled: return VG_OK without launching anything */
} vg_cuda_dynamic_values;

bool vg_cuda_capturing(const vg_device *d);
/* While a step is captured: what comes now waits for all branches. */
vg_status vg_cuda_join(vg_device *d);
/* While a step is captured: the weights that were prepared before, and those of them which the
   recording relies on. */
struct vg_cuda_kept *vg_cuda_outer_weights(const vg_device *d);
struct vg_cuda_pin **vg_cuda_pins(const vg_device *d);
/* While a step is refilled: this parameter is one of those it changes. */
void vg_cuda_stepped(vg_device *d, const vg_tensor *p);
/* what: of the memory that the operation changes with these values, the same at each refill. */
vg_status vg_cuda_dynamic(vg_device *d, const void *host, size_t bytes, uint64_t what,
                          vg_cuda_dynamic_values *out);
/* Another place, which holds what the one at `device` held at the launch before; NULL: no room. */
const void *vg_cuda_dynamic_before(vg_device *d, const void *device);
/* Device memory with what must be added to vg_stream.index of this step's random operations; NULL:
   nothing, not captured. */
const uint64_t *vg_cuda_rng_shift(vg_device *d);

/* ---- memory.c ---- */
vg_status vg_cuda_staging_open(vg_cuda_priv *p);
void vg_cuda_staging_close(vg_cuda_priv *p);
void vg_cuda_free_deferred(vg_cuda_priv *p);

/* ---- layouts ---- */
/* N x H x W x C without padding, only for 4 dimensions; name "NHWC", kind 1 (conv.c). */
extern const vg_layout vg_cuda_nhwc;

/* ---- tables, one a file ---- */
extern const vg_device_vt vg_cuda_device;
extern const vg_memory_vt vg_cuda_memory;
extern const vg_layout_vt vg_cuda_layout;
extern const vg_elementwise_vt vg_cuda_elementwise;
extern const vg_reduce_vt vg_cuda_reduce;
extern const vg_index_vt vg_cuda_index;
extern const vg_matmul_vt vg_cuda_matmul;
extern const vg_conv_vt vg_cuda_conv;
extern const vg_pool_vt vg_cuda_pool;
extern const vg_norm_vt vg_cuda_norm;
extern const vg_softmax_vt vg_cuda_softmax;
extern const vg_random_vt vg_cuda_random;
extern const vg_optim_vt vg_cuda_optim;
extern const vg_metric_vt vg_cuda_metric;
extern const vg_augment_vt vg_cuda_augment;
void vg_cuda_augment_close(vg_device *d);
extern const vg_replay_vt vg_cuda_replay;

#endif
