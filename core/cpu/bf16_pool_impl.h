/* The largest of four, alone and behind a normalisation, part of cpu/bf16_impl.h. What is fused
   gives the bits of its parts one after the other. */

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

static void max4_bwd(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg, int64_t n,
                     bool past) {
  for (int64_t i = 0; i < 32 * n; i += 32)
    for (uint16_t k = 0; k < 4; k++) {
      h16 lo = __builtin_convertvector(*(const b16 *)(const void *)(arg + i), h16);
      h16 hi = __builtin_convertvector(*(const b16 *)(const void *)(arg + i + 16), h16);
      lo = *(const h16 *)(const void *)(gy + i) & (h16)(lo == k);
      hi = *(const h16 *)(const void *)(gy + i + 16) & (h16)(hi == k);
      put_halves(gx[k] + i, lo, hi, past);
    }
}

/* ---- behind a normalisation ---- */

/* The value that bn_apply would leave in memory. */
INLINE v16 left(v16 x) {
  h16 h = rounded(x);
  return widen((const uint16_t *)&h);
}

static void bn_max4(uint16_t *y, uint8_t *arg, const uint16_t *const x[4], int64_t n,
                    const vg_bf16_bn *k) {
  v16 floor = splat(k->relu ? 0 : -__builtin_inff());
  for (int h = 0; h < 32; h += 16) {
    v16 mean = LOAD(k->mean + h), scale = LOAD(k->scale + h), shift = LOAD(k->shift + h);
    for (int64_t i = h; i < 32 * n; i += 32) {
      v16 best = left(normal(x[0] + i, mean, scale, shift, floor));
      i16 at = {0};
      for (int32_t c = 1; c < 4; c++)
        better(&best, &at, left(normal(x[c] + i, mean, scale, shift, floor)), c);
      *(h16 *)(void *)(y + i) = __builtin_convertvector((u16x2)best >> 16, h16);
      if (arg) *(b16 *)(void *)(arg + i) = __builtin_convertvector(at, b16);
    }
  }
}

INLINE i16 places(const uint8_t *arg) {
  return __builtin_convertvector(*(const b16 *)(const void *)arg, i16);
}
INLINE v16 sent_to(int32_t c, v16 gy, i16 at) { return (v16)((i16)gy & (i16)(at == c)); }

/* All four take part: a NaN in x reaches the sums whatever the gradient. */
INLINE void reduce4(const uint16_t *gy, const uint8_t *arg, const uint16_t *const x[4], int64_t n,
                    const vg_bf16_bn *k, bool relu, float *sums) {
  for (int h = 0; h < 32; h += 16) {
    v16 mean = LOAD(k->mean + h), scale = LOAD(k->scale + h), shift = LOAD(k->shift + h);
    v16 sg[4] = {{0}}, sx[4] = {{0}};
    for (int64_t i = h; i < 32 * n; i += 32) {
      v16 all = widen(gy + i);
      i16 at = places(arg + i);
      for (int32_t c = 0; c < 4; c++) {
        v16 d = widen(x[c] + i) - mean, g = masked(sent_to(c, all, at), d, scale, shift, relu);
        sg[c] += g;
        sx[c] += g * d;
      }
    }
    for (int c = 0; c < 4; c++) {
      add_to(sums + 64 * c + h, sg[c]);
      add_to(sums + 64 * c + 32 + h, sx[c]);
    }
  }
}

static void bn_max4_reduce(const uint16_t *gy, const uint8_t *arg, const uint16_t *const x[4],
                           int64_t n, const vg_bf16_bn *k, float *sums) {
  if (k->relu)
    reduce4(gy, arg, x, n, k, true, sums);
  else
    reduce4(gy, arg, x, n, k, false, sums);
}

INLINE void bwd4(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg,
                 const uint16_t *const x[4], int64_t n, const vg_bf16_bn *k, bool relu, bool past) {
  for (int64_t i = 0; i < 32 * n; i += 32) {
    v16 lo = widen(gy + i), hi = widen(gy + i + 16);
    i16 at_lo = places(arg + i), at_hi = places(arg + i + 16);
    for (int32_t c = 0; c < 4; c++)
      put_row(gx[c] + i, gradient(sent_to(c, lo, at_lo), x[c] + i, k->mean, relu),
              gradient(sent_to(c, hi, at_hi), x[c] + i + 16, k->mean + 16, relu), past);
  }
}

static void bn_max4_bwd(uint16_t *const gx[4], const uint16_t *gy, const uint8_t *arg,
                        const uint16_t *const x[4], int64_t n, const vg_bf16_bn *k, bool past) {
  if (k->relu)
    bwd4(gx, gy, arg, x, n, k, true, past);
  else
    bwd4(gx, gy, arg, x, n, k, false, past);
}
