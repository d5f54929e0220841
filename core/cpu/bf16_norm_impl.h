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

static void bn_apply(uint16_t *y, const uint16_t *x, int64_t n, const vg_bf16_bn *k) {
  v16 floor = splat(k->relu ? 0 : -__builtin_inff());
  for (int h = 0; h < 2; h++) {
    v16 mean = LOAD(k->mean + 16 * h), scale = LOAD(k->scale + 16 * h);
    v16 shift = LOAD(k->shift + 16 * h);
    for (int64_t i = 0; i < n; i++) {
      v16 v = (widen(x + 32 * i + 16 * h) - mean) * scale + shift;
      narrow(y + 32 * i + 16 * h, pick(v < floor, floor, v)); /* keeps NaN */
    }
  }
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

static void bn_bwd(uint16_t *gx, const uint16_t *gy, const uint16_t *x, int64_t n,
                   const vg_bf16_bn *k) {
  for (int h = 0; h < 2; h++) {
    v16 mean = LOAD(k->mean + 16 * h), scale = LOAD(k->scale + 16 * h);
    v16 shift = LOAD(k->shift + 16 * h);
    v16 a = LOAD(k->a + 16 * h), b = LOAD(k->b + 16 * h), c = LOAD(k->c + 16 * h);
    for (int64_t i = 0; i < n; i++) {
      v16 d = widen(x + 32 * i + 16 * h) - mean;
      v16 g = masked(widen(gy + 32 * i + 16 * h), d, scale, shift, k->relu);
      narrow(gx + 32 * i + 16 * h, a * g + (b * d + c));
    }
  }
}

/* ---- the largest of four ---- */

INLINE void better(v16 *best, i16 *arg, v16 v, int32_t at) {
  i16 wins = (v > *best) | (v != v);
  *best = pick(wins, v, *best);
  *arg = (wins & (at - (i16){0})) | (~wins & *arg);
}

static void max4(uint16_t *y, uint8_t *arg, const uint16_t *const x[4], int64_t n) {
  for (int64_t i = 0; i < 32 * n; i += 16) {
    v16 best = widen(x[0] + i);
    i16 at = {0};
    for (int32_t k = 1; k < 4; k++) better(&best, &at, widen(x[k] + i), k);
    *(h16 *)(void *)(y + i) = __builtin_convertvector((u16x2)best >> 16, h16);
    if (arg) *(b16 *)(void *)(arg + i) = __builtin_convertvector(at, b16);
  }
}

static void max4_bwd(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg, int64_t n) {
  for (int64_t i = 0; i < 32 * n; i += 16) {
    h16 at = __builtin_convertvector(*(const b16 *)(const void *)(arg + i), h16);
    h16 g = *(const h16 *)(const void *)(gy + i);
    for (uint16_t k = 0; k < 4; k++) *(h16 *)(void *)(gx[k] + i) = g & (h16)(at == k);
  }
}
