/* What the files of the reductions share. */
#ifndef VG_CPU_REDUCE_H
#define VG_CPU_REDUCE_H

#include "cpu/rows.h"
#include "cpu/walk.h"

typedef struct vg_cpu_plan {
  vg_reduction op;
  vg_scalars s;
  const vg_cpu_rows *rows;
  const vg_tensor *x;
  vg_group kept, reduced;
} vg_cpu_plan;

/* Running state of one output element over one part of its inputs. */
typedef struct vg_cpu_partial {
  double a, b;   /* sum, product or extreme; second sum of VG_VAR */
  int64_t whole; /* the same for whole numbers */
} vg_cpu_partial;

static inline const char *vg_cpu_element(const vg_tensor *x, int64_t offset) {
  return (const char *)vg_data(x) + offset * (int64_t)vg_dtype_size(x->dtype);
}
static inline bool vg_cpu_is_whole(const vg_tensor *x) {
  return x->dtype == VG_I64 || x->dtype == VG_U8;
}

/* n elements from p, s apart, as f32 (or i64 for whole numbers): p itself or converted into b. */
const void *vg_cpu_block(const vg_cpu_plan *p, const char *x, int64_t s, int64_t n, void *b);
enum { VG_CPU_REDUCE_BLOCK = 512 };

void vg_cpu_merge(const vg_cpu_plan *p, vg_cpu_partial *into, const vg_cpu_partial *part);
vg_cpu_partial vg_cpu_partial_start(vg_reduction op);

/* Every output from parts of its inputs, in an order that depends on the shape alone. */
vg_status vg_cpu_reduce_rows(vg_device *d, const vg_cpu_plan *p, vg_tensor *y);
vg_status vg_cpu_reduce_columns(vg_device *d, const vg_cpu_plan *p, vg_tensor *y);
vg_status vg_cpu_arg_extreme(vg_device *d, const vg_cpu_plan *p, vg_tensor *y);

/* Writes output i. */
void vg_cpu_finish(const vg_cpu_plan *p, vg_tensor *y, int64_t i, const vg_cpu_partial *v);

#endif
