/* Walks several strided tensors of one shape together, in rows along the innermost dimension, over
   the whole team. */
#ifndef VG_CPU_WALK_H
#define VG_CPU_WALK_H

#include "cpu/cpu.h"
#include "tensor/walk.h"

/* n elements from p[k] on, s[k] elements apart. Calls of one walk run in several threads. */
typedef void (*vg_cpu_row_fn)(int64_t n, char *const *p, const int64_t *s, const void *arg);
void vg_cpu_walk_run(const vg_device *d, const vg_walk *w, vg_cpu_row_fn row, const void *arg);

#endif
