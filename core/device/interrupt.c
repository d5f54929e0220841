#include "device/interrupt.h"

#include <stdatomic.h>

static atomic_bool flag;

void vg_interrupt_request(void) { atomic_store(&flag, true); }
void vg_interrupt_clear(void) { atomic_store(&flag, false); }
bool vg_interrupted(void) { return atomic_load_explicit(&flag, memory_order_relaxed); }
vg_status vg_poll(void) { return vg_interrupted() ? vg_fail(VG_EINTR, "interrupted") : VG_OK; }
