/* f32 weights as operands of bf16 products, kept with the weight until it changes. */
#ifndef VG_CPU_BF16_WEIGHT_H
#define VG_CPU_BF16_WEIGHT_H

#include "cpu/bf16.h"
#include "cpu/cpu.h"

/* A matrix for each tap: element (r, c, tap) at r * row + c * taps + tap of the weight's floats. */
typedef struct vg_bf16_matrix {
  int64_t rows, columns, taps, row;
} vg_bf16_matrix;

/* Which dimension is summed over; the other one gives the results. Tiles of B as
   [result / 16][tap][summed / 32], both padded to 32 with zeros. */
typedef enum vg_bf16_form { VG_SUM_COLUMNS, VG_SUM_ROWS } vg_bf16_form;

/* *out is valid until w changes or goes. While gradients are recorded both forms are made, since
   the backward will want the other one. */
vg_status vg_bf16_weight(const uint16_t **out, vg_device *d, const vg_tensor *w,
                         const vg_bf16_matrix *m, vg_bf16_form form);

/* ---- for an optimizer that renews the forms while it changes w, block of rows by block ---- */
/* How many blocks w's kept forms have and how many of its floats make one (the last may be
   shorter); 0: nothing is kept of it. */
int64_t vg_bf16_row_blocks(const vg_tensor *w, int64_t *floats);
/* bf16 of room that each thread needs for vg_bf16_renew. */
int64_t vg_bf16_renew_room(const vg_tensor *w);
void vg_bf16_renew(const vg_tensor *w, int64_t block, uint16_t *room);
/* All blocks are renewed, and w's version will be one higher. */
void vg_bf16_renewed(const vg_tensor *w);

#endif
