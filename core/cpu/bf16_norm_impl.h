/* Elementwise passes and sums over rows of 32 channels, part of cpu/bf16_impl.h. */

INLINE void add_to(float *acc, v16 x) { *(v16 *)(void *)acc = LOAD(acc) + x; }

static void sum_rows(const uint16_t *x, int64_t n, float *sums) {
  v16 lo = {0}, hi = {0};
  for (int64_t i = 0; i < n; i++, x += 32) {
    lo += widen(x);
    hi += widen(x + 16);
  }
  add_to(sums, lo);
  add_to(sums + 16, hi);
}

static void moments(const uint16_t *x, int64_t n, float *sums) {
  v16 s[2] = {{0}}, q[2] = {{0}};
  for (int64_t i = 0; i < n; i++, x += 32)
    for (int h = 0; h < 2; h++) {
      v16 v = widen(x + 16 * h);
      s[h] += v;
      q[h] += v * v;
    }
  for (int h = 0; h < 2; h++) {
    add_to(sums + 16 * h, s[h]);
    add_to(sums + 32 + 16 * h, q[h]);
  }
}

typedef struct halves {
  v16 lo, hi;
} halves;

INLINE halves both(const float *p) { return (halves){LOAD(p), LOAD(p + 16)}; }

INLINE v16 normal(const uint16_t *x, v16 mean, v16 scale, v16 shift, v16 floor) {
  v16 v = (widen(x) - mean) * scale + shift;
  return pick(v < floor, floor, v); /* keeps NaN */
}

static void bn_apply(uint16_t *y, const uint16_t *x, int64_t n, const vg_bf16_bn *k, bool past) {
  v16 floor = splat(k->relu ? 0 : -__builtin_inff());
  halves mean = both(k->mean), scale = both(k->scale), shift = both(k->shift);
  for (int64_t i = 0; i < n; i++, x += 32, y += 32)
    put_row(y, normal(x, mean.lo, scale.lo, shift.lo, floor),
            normal(x + 16, mean.hi, scale.hi, shift.hi, floor), past);
}

/* The gradient behind the ReLU, whose mask is the forward's own expression computed again. */
INLINE v16 masked(v16 g, v16 d, v16 scale, v16 shift, bool relu) {
  return relu ? pick(d * scale + shift > splat(0), g, splat(0)) : g;
}

static void bn_reduce(const uint16_t *gy, const uint16_t *x, int64_t n, const vg_bf16_bn *k,
                      float *sums) {
  for (int h = 0; h < 2; h++) {
    v16 mean = LOAD(k->mean + 16 * h), scale = LOAD(k->scale + 16 * h);
    v16 shift = LOAD(k->shift + 16 * h), sg = {0}, sx = {0};
    for (int64_t i = 0; i < n; i++) {
      v16 d = widen(x + 32 * i + 16 * h) - mean;
      v16 g = masked(widen(gy + 32 * i + 16 * h), d, scale, shift, k->relu);
      sg += g;
      sx += g * d;
    }
    add_to(sums + 16 * h, sg);
    add_to(sums + 32 + 16 * h, sx);
  }
}

_Static_assert(offsetof(vg_bf16_bn, c) == 5 * 32 * sizeof(float), "six fields of 32");

INLINE v16 gradient(v16 gy, const uint16_t *x, const float *k, bool relu) {
  const int field = 32; /* mean, scale, shift, a, b, c follow each other */
  v16 d = widen(x) - LOAD(k);
  v16 g = masked(gy, d, LOAD(k + field), LOAD(k + 2 * field), relu);
  return LOAD(k + 3 * field) * g + (LOAD(k + 4 * field) * d + LOAD(k + 5 * field));
}

static void bn_bwd(uint16_t *gx, const uint16_t *gy, const uint16_t *x, int64_t n,
                   const vg_bf16_bn *k, bool past) {
  const float *lo = k->mean, *hi = k->mean + 16;
  if (k->relu) /* twice, so that neither loop asks */
    for (int64_t i = 0; i < 32 * n; i += 32)
      put_row(gx + i, gradient(widen(gy + i), x + i, lo, true),
              gradient(widen(gy + i + 16), x + i + 16, hi, true), past);
  else
    for (int64_t i = 0; i < 32 * n; i += 32)
      put_row(gx + i, gradient(widen(gy + i), x + i, lo, false),
              gradient(widen(gy + i + 16), x + i + 16, hi, false), past);
}
