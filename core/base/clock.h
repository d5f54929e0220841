/* Monotonic and wall time. */
#ifndef VG_BASE_CLOCK_H
#define VG_BASE_CLOCK_H

#include "base/status.h"

VG_API double vg_clock(void);      /* seconds, monotonic */
VG_API double vg_wall_clock(void); /* seconds since 1970 */

#endif
