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

/* ---- for an optimizer that renews the forms while it changes w, piece by piece ---- */
/* `rows` runs of `count` of w's floats, the first at `first`, `row` apart. */
typedef struct vg_bf16_piece {
  int64_t first, row, rows, count;
} vg_bf16_piece;
/* How many pieces w's kept forms have, each small enough for a core's cache; 0: none is kept. */
int64_t vg_bf16_pieces(const vg_tensor *w);
vg_bf16_piece vg_bf16_piece_of(const vg_tensor *w, int64_t i);
/* bf16 of room that each thread needs for vg_bf16_renew. */
int64_t vg_bf16_renew_room(const vg_tensor *w);
void vg_bf16_renew(const vg_tensor *w, int64_t piece, uint16_t *room);
/* All pieces are renewed, and w's version will be one higher. */
void vg_bf16_renewed(const vg_tensor *w);

#endif
