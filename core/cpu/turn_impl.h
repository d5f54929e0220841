/* A block of LANES x LANES floats turned around, part of cpu/dense_impl.h. */

/* Stage h swaps the squares of h x h beside the diagonal within those of 2h x 2h. */
#define LOW(h, l) ((l) & (h) ? LANES + (l) - (h) : (l))
#define HIGH(h, l) ((l) & (h) ? LANES + (l) : (l) + (h))
#define FOUR(f, h, l) f(h, l), f(h, l + 1), f(h, l + 2), f(h, l + 3)
#if LANES == 16
#define ALL(f, h) FOUR(f, h, 0), FOUR(f, h, 4), FOUR(f, h, 8), FOUR(f, h, 12)
#elif LANES == 8
#define ALL(f, h) FOUR(f, h, 0), FOUR(f, h, 4)
#else
#define ALL(f, h) FOUR(f, h, 0)
#endif
#define STAGE(h)                                                \
  UNROLL for (int i = 0; i < LANES; i++) if (!(i & (h))) {      \
    vf x = row[i], y = row[i + (h)];                            \
    row[i] = __builtin_shufflevector(x, y, ALL(LOW, h));        \
    row[i + (h)] = __builtin_shufflevector(x, y, ALL(HIGH, h)); \
  }

/* to[i * step + c] = from[c * row + i] */
static void turn(float *to, int64_t step, const float *from, int64_t from_row) {
  vf row[LANES];
  UNROLL for (int c = 0; c < LANES; c++) row[c] = *(const vf *)(from + c * from_row);
  STAGE(1)
  STAGE(2)
#if LANES >= 8
  STAGE(4)
#endif
#if LANES >= 16
  STAGE(8)
#endif
  UNROLL for (int i = 0; i < LANES; i++) * (vf *)(to + i * step) = row[i];
}
