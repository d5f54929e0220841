/* Inner loops of the bf16 engine, compiled once per instruction set and chosen at run time. All
   work on blocks: 16 rows (images) of 32 channels, 1 KB of bf16 each (cpu/hwnc.h). */
#ifndef VG_CPU_BF16_H
#define VG_CPU_BF16_H

#include <stdbool.h>
#include <stdint.h>

enum { VG_TILE = 512 }; /* bf16 of a tile: 16 rows of 32, or 16 rows of 16 pairs */

/* A sum of tile products: `steps` neighbouring tiles of a and of b. */
typedef struct vg_tile_run {
  const uint16_t *a, *b;
} vg_tile_run;

/* c (32 x 32) (+)= sum over runs and steps of A (32 x 32) B (32 x 32). A tile of A holds 16 rows of
   32; one of B 16 rows of 16 columns, each a pair (B[2r][column], B[2r + 1][column]). c is four
   tiles of 16 x 16 floats: upper left, upper right, lower left, lower right. */
typedef struct vg_tile_job {
  const vg_tile_run *run;
  int64_t runs, steps;
  int64_t a_offset; /* added to the a of all runs */
  int64_t a_lower;  /* from a tile of the upper 16 rows to that of the lower */
  int64_t b_right;  /* from a tile of the left 16 columns to that of the right */
  float *c;         /* 64-byte aligned */
  bool add;
} vg_tile_job;

/* Per-channel constants of one block of 32 channels in batch normalisation:
   y = (x - mean) * scale + shift, with relu y >= 0; gx = a g + b (x - mean) + c. */
typedef struct vg_bf16_bn {
  float mean[32], scale[32], shift[32], a[32], b[32], c[32];
  bool relu;
} vg_bf16_bn;

typedef struct vg_bf16_kernels {
  const char *name;
  void (*begin)(void); /* by each thread around its products */
  void (*end)(void);
  void (*fence)(void); /* by each thread behind what it stored past the caches (`past`) */
  void (*product)(const vg_tile_job *j);
  /* y <- c + bias, rounded: 16 rows at y, 16 at y + lower. sums (or NULL): of the first `rows`
     rounded rows, 32 sums and 32 sums of squares, are added to it. past: y, 64-byte aligned, is
     stored past the caches. */
  void (*store)(uint16_t *y, int64_t lower, const float *c, const float *bias, int rows,
                float *sums, bool past);
  /* y, whose rows lie `row` floats apart <- c; past: y and its rows, 64-byte aligned, are stored
     past the caches. */
  void (*spread)(float *y, int64_t row, const float *c, bool past);
  /* 32 rows of 32 (the second 16 at x + lower; those from `rows` on count as zero) as pairs of
     rows: two tiles of B, `apart` elements from each other. */
  void (*pairs)(uint16_t *b, int64_t apart, const uint16_t *x, int64_t lower, int rows);
  /* The same, transposed: two tiles of A with 16 channels as rows. */
  void (*columns)(uint16_t *a, int64_t apart, const uint16_t *x, int64_t lower, int rows);
  /* 32 rows of 32 as columns: two tiles of B, whose pairs are neighbours of a row and whose columns
     are 16 of the rows. */
  void (*turn)(uint16_t *b, int64_t apart, const uint16_t *x);
  /* y[j][i] <- x[i][j], 16 x 16 floats in rows y_row and x_row apart; past as above. */
  void (*turn_floats)(float *y, int64_t y_row, const float *x, int64_t x_row, bool past);
  /* Rounded pairs of 16 rows of 32, `row` floats apart (16 channels of 32 outputs): of neighbouring
     rows, 8 rows of two tiles of B at `across`, `apart` elements from each other; of neighbours in
     a row, a whole tile at `along`. Either may be NULL. */
  void (*weight_pairs)(uint16_t *across, int64_t apart, uint16_t *along, const float *x,
                       int64_t row);
  /* The sum of the squares of n floats, a multiple of 1024. */
  double (*squares)(const float *x, int64_t n);
  void (*round)(uint16_t *x, const float *from, int64_t n);
  /* ---- on n rows of 32 channels that lie densely, 64-byte aligned ---- */
  void (*sum)(const uint16_t *x, int64_t n, float *sums);     /* adds 32 sums */
  void (*moments)(const uint16_t *x, int64_t n, float *sums); /* 32 sums, 32 of squares */
  void (*bn_apply)(uint16_t *y, const uint16_t *x, int64_t n, const vg_bf16_bn *k, bool past);
  /* adds 32 sums of g (masked) and 32 of g (x - mean) */
  void (*bn_reduce)(const uint16_t *gy, const uint16_t *x, int64_t n, const vg_bf16_bn *k,
                    float *sums);
  void (*bn_bwd)(uint16_t *gx, const uint16_t *gy, const uint16_t *x, int64_t n,
                 const vg_bf16_bn *k, bool past);
  /* Largest of four: the first of equals, a NaN wins (the last one). arg: which, a byte each, or
     NULL. */
  void (*max4)(uint16_t *y, uint8_t *arg, const uint16_t *const x[4], int64_t n);
  void (*max4_bwd)(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg, int64_t n,
                   bool past);
  /* max4 of what bn_apply makes of the four. */
  void (*bn_max4)(uint16_t *y, uint8_t *arg, const uint16_t *const x[4], int64_t n,
                  const vg_bf16_bn *k);
  /* bn_reduce and bn_bwd of the four with what max4_bwd makes of gy; sums: 64 of each. */
  void (*bn_max4_reduce)(const uint16_t *gy, const uint8_t *arg, const uint16_t *const x[4],
                         int64_t n, const vg_bf16_bn *k, float *sums);
  void (*bn_max4_bwd)(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg,
                      const uint16_t *const x[4], int64_t n, const vg_bf16_bn *k, bool past);
} vg_bf16_kernels;

/* The table for this machine. */
const vg_bf16_kernels *vg_bf16_get(void);

/* Whether a result of this many elements is better stored past the caches: nobody will find it
   there again. */
static inline bool vg_bf16_past(int64_t elements) { return elements > (int64_t)2 << 20; }

extern const vg_bf16_kernels vg_bf16_base, vg_bf16_avx2, vg_bf16_avx512, vg_bf16_avx512bf16,
    vg_bf16_amx;

#endif
