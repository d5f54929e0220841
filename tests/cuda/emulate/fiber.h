/* Cooperative threads: stacks of their own, switched by hand. One fiber stands for one thread of an
   emulated block that is stuck at a barrier. */
#ifndef VG_EMULATE_FIBER_H
#define VG_EMULATE_FIBER_H

#include <stddef.h>

typedef struct vg_fiber vg_fiber;

/* A fiber which calls `run` when first resumed; `run` never returns. Aborts without memory. */
vg_fiber *vg_fiber_new(void (*run)(void));
/* Goes on inside `f` until that calls vg_fiber_yield. Only from the main flow. */
void vg_fiber_resume(vg_fiber *f);
/* Back to the resumer. Only inside a fiber. */
void vg_fiber_yield(void);
/* The fiber that is running; NULL in the main flow. */
vg_fiber *vg_fiber_self(void);

#endif
