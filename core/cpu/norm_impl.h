/* Batch normalisation, part of cpu/dense_impl.h. The plain forms run the same vector code along the
   pixels of one channel and finish the odd ones in a vector padded with neutral elements. */

/* n < LANES floats, then `fill`. */
static inline vf tail(const float *x, int64_t n, float fill) {
  float t[LANES];
  for (int64_t l = 0; l < LANES; l++) t[l] = l < n ? x[l] : fill;
  return AT(t, 0);
}

static inline double total(const double *acc) {
  double s = 0;
  for (int l = 0; l < LANES; l++) s += acc[l];
  return s;
}

/* ---- statistics: two passes over a chunk that fits the second-level cache ---- */

/* Sums of (x - shift)^power over n vectors; four accumulators hide the latency of the addition. */
static inline void sum_run(double *acc, const float *x, int64_t n, vf shift, int square) {
  vf s[4] = {{0}};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int u = 0; u < 4; u++) {
      vf d = AT(x, i + u) - shift;
      s[u] += square ? (vf)(d * d) : d;
    }
  for (; i < n; i++) {
    vf d = AT(x, i) - shift;
    s[0] += square ? (vf)(d * d) : d;
  }
  add_double(acc, (s[0] + s[1]) + (s[2] + s[3]));
}

static void stats_block(const float *x, vg_span s, double *mean, double *m2) {
  double sum[LANES] = {0}, first[LANES] = {0}, squares[LANES] = {0},
         n = (double)(s.images * s.pixels);
  float centre[LANES];
  for (int64_t i = 0; i < s.images; i++) sum_run(sum, x + i * s.stride, s.pixels, splat(0), 0);
  for (int l = 0; l < LANES; l++) centre[l] = (float)(sum[l] / n);
  for (int64_t i = 0; i < s.images; i++) {
    const float *p = x + i * s.stride;
    sum_run(squares, p, s.pixels, AT(centre, 0), 1);
  }
  for (int l = 0; l < LANES; l++) {
    first[l] = sum[l] / n - (double)centre[l]; /* the rounding of the centre */
    mean[l] = sum[l] / n;
    m2[l] = squares[l] - n * first[l] * first[l];
  }
}

static void stats_plain(const float *x, vg_span s, double *mean, double *m2) {
  double acc[LANES] = {0}, sq[LANES] = {0}, n = (double)(s.images * s.pixels), centre_error;
  int64_t whole = s.pixels / LANES, rest = s.pixels % LANES;
  float centre;
  for (int64_t i = 0; i < s.images; i++) {
    const float *p = x + i * s.stride;
    sum_run(acc, p, whole, splat(0), 0);
    if (rest) add_double(acc, tail(p + whole * LANES, rest, 0));
  }
  *mean = total(acc) / n;
  centre = (float)*mean;
  for (int64_t i = 0; i < s.images; i++) {
    const float *p = x + i * s.stride;
    sum_run(sq, p, whole, splat(centre), 1);
    if (rest) {
      vf d = tail(p + whole * LANES, rest, centre) - splat(centre);
      add_double(sq, d * d);
    }
  }
  centre_error = *mean - (double)centre;
  *m2 = total(sq) - n * centre_error * centre_error;
}

/* ---- y = (x - mean) * scale + shift: no cancellation against a large mean ---- */

static inline void apply_run(float *y, const float *x, int64_t n, vf mean, vf scale, vf shift,
                             int relu) {
  if (relu)
    for (int64_t i = 0; i < n; i++) PUT(y, i) = positive_part((AT(x, i) - mean) * scale + shift);
  else
    for (int64_t i = 0; i < n; i++) PUT(y, i) = (AT(x, i) - mean) * scale + shift;
}

static void apply_block(float *y, const float *x, vg_span s, const vg_bn_lanes *k) {
  for (int64_t i = 0; i < s.images; i++)
    apply_run(y + i * s.stride, x + i * s.stride, s.pixels, AT(k->mean, 0), AT(k->scale, 0),
              AT(k->shift, 0), k->relu);
}

static void apply_plain(float *y, const float *x, vg_span s, const vg_bn_lanes *k) {
  int64_t whole = s.pixels / LANES, done = whole * LANES;
  vf mean = splat(k->mean[0]), scale = splat(k->scale[0]), shift = splat(k->shift[0]);
  for (int64_t i = 0; i < s.images; i++) {
    const float *p = x + i * s.stride;
    float *q = y + i * s.stride, out[LANES];
    apply_run(q, p, whole, mean, scale, shift, k->relu);
    if (done == s.pixels) continue;
    PUT(out, 0) = tail(p + done, s.pixels - done, 0);
    apply_run(out, out, 1, mean, scale, shift, k->relu);
    memcpy(q + done, out, (size_t)(s.pixels - done) * sizeof *out);
  }
}

/* ---- backward ---- */

/* The gradient behind the ReLU, whose mask is the forward's own expression computed again. */
static inline vf masked(vf g, vf d, vf scale, vf shift, int relu) {
  return relu ? pick(d * scale + shift > splat(0), g, splat(0)) : g;
}

static inline void reduce_run(double *sum_g, double *sum_gx, const float *gy, const float *x,
                              int64_t n, vf scale, vf shift, vf mean, int relu) {
  vf sg[2] = {{0}}, sx[2] = {{0}};
  int64_t i = 0;
  for (; i + 2 <= n; i += 2)
    for (int u = 0; u < 2; u++) {
      vf v = AT(x, i + u) - mean, g = masked(AT(gy, i + u), v, scale, shift, relu);
      sg[u] += g;
      sx[u] += g * v;
    }
  for (; i < n; i++) {
    vf v = AT(x, i) - mean, g = masked(AT(gy, i), v, scale, shift, relu);
    sg[0] += g;
    sx[0] += g * v;
  }
  add_double(sum_g, sg[0] + sg[1]);
  add_double(sum_gx, sx[0] + sx[1]);
}

static void reduce_block(const float *gy, const float *x, vg_span s, const vg_bn_lanes *k,
                         double *sum_g, double *sum_gx) {
  memset(sum_g, 0, LANES * sizeof *sum_g);
  memset(sum_gx, 0, LANES * sizeof *sum_gx);
  for (int64_t i = 0; i < s.images; i++)
    reduce_run(sum_g, sum_gx, gy + i * s.stride, x + i * s.stride, s.pixels, AT(k->scale, 0),
               AT(k->shift, 0), AT(k->mean, 0), k->relu);
}

static void reduce_plain(const float *gy, const float *x, vg_span s, const vg_bn_lanes *k,
                         double *sum_g, double *sum_gx) {
  double a[LANES] = {0}, b[LANES] = {0};
  int64_t whole = s.pixels / LANES, done = whole * LANES;
  vf scale = splat(k->scale[0]), shift = splat(k->shift[0]), mean = splat(k->mean[0]);
  for (int64_t i = 0; i < s.images; i++) {
    const float *p = x + i * s.stride, *g = gy + i * s.stride;
    reduce_run(a, b, g, p, whole, scale, shift, mean, k->relu);
    if (done < s.pixels) {
      vf tg = tail(g + done, s.pixels - done, 0), tx = tail(p + done, s.pixels - done, k->mean[0]);
      reduce_run(a, b, (const float *)&tg, (const float *)&tx, 1, scale, shift, mean, k->relu);
    }
  }
  *sum_g = total(a);
  *sum_gx = total(b);
}

static inline void bwd_run(float *gx, const float *gy, const float *x, int64_t n, const vf *k,
                           int relu) {
  for (int64_t i = 0; i < n; i++) {
    vf v = AT(x, i) - k[2], g = masked(AT(gy, i), v, k[0], k[1], relu);
    PUT(gx, i) = k[3] * g + (k[4] * v + k[5]);
  }
}

static void bwd_block(float *gx, const float *gy, const float *x, vg_span s, const vg_bn_lanes *k) {
  const vf c[6] = {AT(k->scale, 0), AT(k->shift, 0), AT(k->mean, 0),
                   AT(k->a, 0),     AT(k->b, 0),     AT(k->c, 0)};
  for (int64_t i = 0; i < s.images; i++) {
    int64_t o = i * s.stride;
    if (k->relu)
      bwd_run(gx + o, gy + o, x + o, s.pixels, c, 1);
    else
      bwd_run(gx + o, gy + o, x + o, s.pixels, c, 0);
  }
}

static void bwd_plain(float *gx, const float *gy, const float *x, vg_span s, const vg_bn_lanes *k) {
  const vf c[6] = {splat(k->scale[0]), splat(k->shift[0]), splat(k->mean[0]),
                   splat(k->a[0]),     splat(k->b[0]),     splat(k->c[0])};
  int64_t whole = s.pixels / LANES, done = whole * LANES;
  for (int64_t i = 0; i < s.images; i++) {
    int64_t o = i * s.stride;
    float out[LANES];
    bwd_run(gx + o, gy + o, x + o, whole, c, k->relu);
    if (done == s.pixels) continue;
    vf tg = tail(gy + o + done, s.pixels - done, 0), tx = tail(x + o + done, s.pixels - done, 0);
    bwd_run(out, (const float *)&tg, (const float *)&tx, 1, c, k->relu);
    memcpy(gx + o + done, out, (size_t)(s.pixels - done) * sizeof *out);
  }
}
