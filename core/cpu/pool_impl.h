/* Pooling of one plane, part of cpu/dense_impl.h. PyTorch's rules for the maximum: the first of
   equals, NaN wins (the last one), a window of -inf gives its first element. */

/* ---- maximum, blocked ---- */

static inline vb to_bytes(vi v) { return __builtin_convertvector(v, vb); }
static inline vi from_bytes(const uint8_t *p) {
  return __builtin_convertvector(*(const vb *)p, vi);
}
static inline vi splat_i(int32_t x) { return x - (vi){0}; }

static inline void max_step(vf *best, vi *arg, vf v, int32_t at) {
  vi better = (v > *best) | (v != v);
  *best = pick(better, v, *best);
  *arg = (better & splat_i(at)) | (~better & *arg);
}

static inline void max_window(vf *best, vi *arg, const float *x, const vg_windows *w, int64_t i,
                              int64_t j) {
  for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
    for (int32_t c = w->w0[j]; c < w->w1[j]; c++)
      max_step(best, arg, AT(x, r * w->w + c), (r - w->h0[i]) * w->width + c - w->w0[j]);
}

static void max_fwd_2x2(float *y, uint8_t *arg, const float *x, const vg_windows *w) {
  for (int64_t i = 0; i < w->p; i++) {
    const float *top = x + 2 * i * w->w * LANES, *low = top + w->w * LANES;
    for (int64_t j = 0; j < w->q; j++, y += LANES) {
      vf best = AT(top, 2 * j);
      vi at = {0};
      max_step(&best, &at, AT(top, 2 * j + 1), 1);
      max_step(&best, &at, AT(low, 2 * j), 2);
      max_step(&best, &at, AT(low, 2 * j + 1), 3);
      PUT(y, 0) = best;
      if (arg) *(vb *)(arg + (i * w->q + j) * LANES) = to_bytes(at);
    }
  }
}

static void max_fwd_block(float *y, void *arg, int wide, const float *x, const vg_windows *w) {
  const vf least = splat(-__builtin_inff());
  if (w->square2) {
    max_fwd_2x2(y, arg, x, w);
    return;
  }
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      int64_t o = i * w->q + j;
      vf best = least;
      vi at = {0};
      max_window(&best, &at, x, w, i, j);
      PUT(y, o) = best;
      if (!arg) continue;
      if (wide)
        *(vi *)((int32_t *)arg + o * LANES) = at;
      else
        *(vb *)((uint8_t *)arg + o * LANES) = to_bytes(at);
    }
}

/* Every input belongs to one window, or to none beyond an odd edge. */
static void max_bwd_2x2(float *gx, const float *gy, const uint8_t *arg, const vg_windows *w) {
  for (int64_t i = 0; i < w->p; i++) {
    float *top = gx + 2 * i * w->w * LANES, *low = top + w->w * LANES;
    for (int64_t j = 0; j < w->q; j++, gy += LANES, arg += LANES) {
      vi at = from_bytes(arg);
      vf g = AT(gy, 0), zero = {0};
      PUT(top, 2 * j) = pick(at == splat_i(0), g, zero);
      PUT(top, 2 * j + 1) = pick(at == splat_i(1), g, zero);
      PUT(low, 2 * j) = pick(at == splat_i(2), g, zero);
      PUT(low, 2 * j + 1) = pick(at == splat_i(3), g, zero);
    }
    if (w->w % 2) {
      PUT(top, w->w - 1) = splat(0);
      PUT(low, w->w - 1) = splat(0);
    }
  }
  if (w->h % 2) memset(gx + (w->h - 1) * w->w * LANES, 0, (size_t)w->w * LANES * sizeof *gx);
}

static void max_bwd_block(float *gx, const float *gy, const void *arg, int wide,
                          const vg_windows *w) {
  if (w->square2) {
    max_bwd_2x2(gx, gy, arg, w);
    return;
  }
  memset(gx, 0, (size_t)(w->h * w->w) * LANES * sizeof *gx);
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      int64_t o = i * w->q + j;
      vi at = wide ? *(const vi *)((const int32_t *)arg + o * LANES)
                   : from_bytes((const uint8_t *)arg + o * LANES);
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) {
          vi here = at == splat_i((r - w->h0[i]) * w->width + c - w->w0[j]);
          PUT(gx, r * w->w + c) += pick(here, AT(gy, o), splat(0));
        }
    }
}

/* ---- maximum, plain ---- */

static void max_fwd_plain(float *y, void *arg, int wide, const float *x, const vg_windows *w) {
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      float best = -__builtin_inff();
      int32_t at = 0;
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) {
          float v = x[r * w->w + c];
          if (!(v > best || v != v)) continue;
          best = v;
          at = (r - w->h0[i]) * w->width + c - w->w0[j];
        }
      y[i * w->q + j] = best;
      if (arg && wide) ((int32_t *)arg)[i * w->q + j] = at;
      if (arg && !wide) ((uint8_t *)arg)[i * w->q + j] = (uint8_t)at;
    }
}

static void max_bwd_plain(float *gx, const float *gy, const void *arg, int wide,
                          const vg_windows *w) {
  memset(gx, 0, (size_t)(w->h * w->w) * sizeof *gx);
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      int64_t o = i * w->q + j;
      int32_t at = wide ? ((const int32_t *)arg)[o] : ((const uint8_t *)arg)[o];
      gx[(w->h0[i] + at / w->width) * w->w + w->w0[j] + at % w->width] += gy[o];
    }
}

/* ---- average ---- */

static void avg_fwd_block(float *y, const float *x, const vg_windows *w) {
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      vf sum = {0};
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) sum += AT(x, r * w->w + c);
      PUT(y, i * w->q + j) = sum / splat(w->dh[i] * w->dw[j]);
    }
}

static void avg_bwd_block(float *gx, const float *gy, const vg_windows *w) {
  memset(gx, 0, (size_t)(w->h * w->w) * LANES * sizeof *gx);
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      vf g = AT(gy, i * w->q + j) / splat(w->dh[i] * w->dw[j]);
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) PUT(gx, r * w->w + c) += g;
    }
}

static void avg_fwd_plain(float *y, const float *x, const vg_windows *w) {
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      float sum = 0;
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) sum += x[r * w->w + c];
      y[i * w->q + j] = sum / (w->dh[i] * w->dw[j]);
    }
}

static void avg_bwd_plain(float *gx, const float *gy, const vg_windows *w) {
  memset(gx, 0, (size_t)(w->h * w->w) * sizeof *gx);
  for (int64_t i = 0; i < w->p; i++)
    for (int64_t j = 0; j < w->q; j++) {
      float g = gy[i * w->q + j] / (w->dh[i] * w->dw[j]);
      for (int32_t r = w->h0[i]; r < w->h1[i]; r++)
        for (int32_t c = w->w0[j]; c < w->w1[j]; c++) gx[r * w->w + c] += g;
    }
}
