/* The bodies of cpu/dense.h. Included by one file per instruction set, which defines DENSE_TABLE
   (the symbol) and LANES (floats of a vector) first; deliberately without an include guard. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "cpu/dense.h"

/* Loads and stores of vectors at any float's address. */
typedef float vf __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint8_t vb __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef double vd __attribute__((vector_size(8 * LANES)));

#define AT(p, i) (*(const vf *)((p) + (i)*LANES))
#define PUT(p, i) (*(vf *)((p) + (i)*LANES))

static inline vf splat(float x) { return x - (vf){0}; }
static inline vf pick(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
static inline vf positive_part(vf x) { return pick(x < splat(0), splat(0), x); } /* keeps NaN */

static inline void add_double(double *acc, vf x) {
  vd d = __builtin_convertvector(x, vd);
  for (int l = 0; l < LANES; l++) acc[l] += d[l];
}

#define PLAIN(name) name##_plain
#define BLOCK(name) name##_block

#include "cpu/conv_impl.h"
#include "cpu/norm_impl.h"
#include "cpu/pool_impl.h"
#include "cpu/turn_impl.h"

#define BOTH(name) \
  { PLAIN(name), BLOCK(name) }

const vg_cpu_dense DENSE_TABLE = {.lanes = LANES,
                                  .gemm_rows = gemm_rows,
                                  .gemm_columns = gemm_columns,
                                  .turn = turn,
                                  .wino_input = wino_input,
                                  .wino_gradient = wino_gradient,
                                  .wino_output = wino_output,
                                  .wino_weight = wino_weight,
                                  .wino_weight_gradient = wino_weight_gradient,
                                  .weights_by_filter = weights_by_filter,
                                  .weights_by_channel = weights_by_channel,
                                  .filters_from = filters_from,
                                  .stats = BOTH(stats),
                                  .apply = BOTH(apply),
                                  .reduce = BOTH(reduce),
                                  .bwd = BOTH(bwd),
                                  .max_fwd = BOTH(max_fwd),
                                  .max_bwd = BOTH(max_bwd),
                                  .avg_fwd = BOTH(avg_fwd),
                                  .avg_bwd = BOTH(avg_bwd)};
