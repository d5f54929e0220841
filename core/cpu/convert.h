/* Conversions other CPU files use too. */
#ifndef VG_CPU_CONVERT_H
#define VG_CPU_CONVERT_H

#include "vgglua/backend.h"

/* n elements from one dtype to another; strides in elements. */
void vg_cpu_convert_row(vg_dtype to, void *dst, int64_t dst_stride, vg_dtype from, const void *src,
                        int64_t src_stride, int64_t n);

/* Between nChw16c and strided (cpu/blocked.c). */
vg_status vg_cpu_convert_layout(vg_device *d, vg_tensor *y, const vg_tensor *x);

#endif
