/* Inner loops of colour.c, once portable and once for AVX2 with fused multiply-add; both give the
   same bytes. `px` points at n red bytes, the green and blue planes follow at `plane` and 2 *
   `plane`. */
#ifndef VG_DATA_COLOUR_ROWS_H
#define VG_DATA_COLOUR_ROWS_H

#include "base/pixel.h"
#include "base/status.h"

void vg_hue_row(uint8_t *px, int plane, int n, const vg_hue_tables *t);
void vg_saturation_row(uint8_t *px, int plane, int n, float alpha, float beta);

/* The first n - n % 8 pixels; returns how many. Only where vg_colour_avx2() holds. */
int vg_hue_row_avx2(uint8_t *px, int plane, int n, const vg_hue_tables *t);
int vg_saturation_row_avx2(uint8_t *px, int plane, int n, float alpha, float beta);
bool vg_colour_avx2(void);

#endif
