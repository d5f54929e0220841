/* What the CPU backend's files share: the thread team, the per-device state, the tables. */
#ifndef VG_CPU_CPU_H
#define VG_CPU_CPU_H

#include "vgglua/backend.h"

typedef struct vg_cpu_priv {
  int threads;        /* size of the OpenMP team every kernel uses */
  bool started;       /* its threads flush denormals */
  bool plan;          /* nothing is computed, only memory is taken (cpu/plan.c) */
  double macs;        /* of a plan: multiply-accumulates of convolutions and products so far */
  const char *kernel; /* what the last convolution or product was computed by */
  void *dnn;          /* oneDNN engine and primitive cache, made at first use (cpu/dnn.h) */
  void *kept;         /* prepared forms of constant weights (cpu/kept.h) */
  void *choices;      /* convolution algorithms (cpu/conv_choice.h) */
} vg_cpu_priv;

static inline vg_cpu_priv *vg_cpu_state(const vg_device *d) { return d->priv; }
/* Sets FTZ and DAZ in every thread of the team. */
void vg_cpu_start_team(vg_cpu_priv *p);

/* Asked by the kernels that take buffers: true when they shall do nothing but that. */
static inline bool vg_cpu_plans(const vg_device *d) { return vg_cpu_state(d)->plan; }

/* Asked by every kernel, so that the first one starts the team. */
static inline int vg_cpu_threads(const vg_device *d) {
  vg_cpu_priv *p = vg_cpu_state(d);
  if (p->plan) return vg_cpu_state(d->ctx->devices[0])->threads; /* the cpu comes first */
  if (!p->started) vg_cpu_start_team(p);
  return p->threads;
}

/* Work below this many elements is not worth waking the team. */
enum { VG_CPU_GRAIN = 16384 };

extern const vg_layout_vt vg_cpu_layout;
extern const vg_elementwise_vt vg_cpu_elementwise;
extern const vg_reduce_vt vg_cpu_reduce;
extern const vg_index_vt vg_cpu_index;
extern const vg_matmul_vt vg_cpu_matmul;
extern const vg_conv_vt vg_cpu_conv;
extern const vg_pool_vt vg_cpu_pool;
extern const vg_norm_vt vg_cpu_norm;
extern const vg_softmax_vt vg_cpu_softmax;
extern const vg_random_vt vg_cpu_random;
extern const vg_optim_vt vg_cpu_optim;
extern const vg_metric_vt vg_cpu_metric;
extern const vg_memory_vt vg_cpu_memory;

/* cpu/topk.c */
vg_status vg_cpu_topk(vg_device *d, vg_tensor *values, vg_tensor *indices, const vg_tensor *x,
                      int dim, bool largest);

/* Frees the device's state; shared with the plan, as is the next. */
void vg_cpu_close_device(vg_device *d);
/* The bf16 unit for vg_device_vt. */
const char *vg_cpu_bf16(const vg_device *d);

/* Frees vg_cpu_priv.dnn; set by cpu/dnn.c when it makes one. */
extern void (*vg_cpu_dnn_close)(void *dnn);
/* Drops vg_cpu_priv.kept; set by cpu/kept.c when it makes one. */
extern void (*vg_cpu_forget)(vg_device *d);
/* Frees vg_cpu_priv.choices. */
extern void (*vg_cpu_choices_close)(void *choices);

#endif
