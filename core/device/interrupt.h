/* The process-wide interrupt flag. Set by a signal handler or another thread (one atomic store),
   polled by every allocation of a tensor and by long loops; a poll that sees it returns VG_EINTR.
 */
#ifndef VG_DEVICE_INTERRUPT_H
#define VG_DEVICE_INTERRUPT_H

#include "base/status.h"

VG_API void vg_interrupt_request(void);
VG_API void vg_interrupt_clear(void);
VG_API bool vg_interrupted(void);
/* VG_OK, or VG_EINTR with the message "interrupted". The flag stays set until cleared. */
VG_API vg_status vg_poll(void);

#endif
