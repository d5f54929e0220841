/* Walks several strided tensors of one shape together, in rows along the innermost dimension, over
   the whole team. Dimensions that lie densely behind each other in every operand are merged first,
   so contiguous operands and operands in one backend layout become a single row. */
#ifndef VG_CPU_WALK_H
#define VG_CPU_WALK_H

#include "cpu/cpu.h"

enum { VG_WALK_OPS = 4 };

typedef struct vg_cpu_walk {
  int nops, ndim; /* ndim is at least 1 */
  int64_t n;
  int64_t shape[VG_MAX_DIMS];
  int64_t stride[VG_WALK_OPS][VG_MAX_DIMS]; /* elements */
  size_t size[VG_WALK_OPS];                 /* bytes of an element */
  char *base[VG_WALK_OPS];
} vg_cpu_walk;

/* Operand 0 is the output. Either all operands are strided, or all have its layout. */
void vg_cpu_walk_init(vg_cpu_walk *w, int nops, const vg_tensor *const *t);

/* n elements from p[k] on, s[k] elements apart. Calls of one walk run in several threads. */
typedef void (*vg_cpu_row_fn)(int64_t n, char *const *p, const int64_t *s, const void *arg);
void vg_cpu_walk_run(const vg_device *d, const vg_cpu_walk *w, vg_cpu_row_fn row, const void *arg);

#endif
