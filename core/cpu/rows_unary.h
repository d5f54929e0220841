/* Unary functions, forward; part of cpu/rows_impl.h, hence without an include guard. */
static inline float gelu_tanh_inner(float x) { return 0.7978845608f * (x + 0.044715f * x * x * x); }

/* tanh, odd; small arguments by the series quotient, others by e^2x. */
static inline float v_tanh(float x) {
  float t = x < 0.0f ? -x : x, z = x * x, small, large;
  small = VG_FMA(z, -5.70498873e-3f, 2.06390888e-2f);
  small = VG_FMA(small, z, -5.37397156e-2f);
  small = VG_FMA(small, z, 1.33314422e-1f);
  small = VG_FMA(small, z, -3.33332819e-1f);
  small = VG_FMA(small * z, x, x);
  large = 1.0f - 2.0f / (vg_v_exp(2.0f * t) + 1.0f);
  large = x < 0.0f ? -large : large;
  return t < 0.625f ? small : large;
}

static inline float clamp_f(float u, float p, float q) {
  float t = u < p ? p : u;
  return t > q ? q : t;
}

static inline float v_pow(float x, float e) { return powf(x, e); }

/* ---- forward ---- */
ROW1(f_neg, float, -u)
ROW1(f_abs, float, u < 0 ? -u : u)
ROW1(f_exp, float, vg_v_exp(u))
ROW1(f_log, float, logf(u))
ROW1(f_sqrt, float, sqrtf(u))
ROW1(f_rsqrt, float, 1.0f / sqrtf(u))
ROW1(f_square, float, u *u)
ROW1(f_sign, float, u > 0 ? 1.0f : u < 0 ? -1.0f : 0.0f)
ROW1(f_sin, float, sinf(u))
ROW1(f_cos, float, cosf(u))
ROW1(f_floor, float, floorf(u))
ROW1(f_ceil, float, ceilf(u))
ROW1(f_round, float, rintf(u))
ROW1(f_reciprocal, float, 1.0f / u)
ROW1(f_erf, float, erff(u))
ROW1(f_log1p, float, log1pf(u))
ROW1(f_expm1, float, expm1f(u))
ROW1(f_relu, float, u <= 0 ? 0.0f : u)
ROW1(f_leaky_relu, float, u > 0 ? u : u * p)
ROW1(f_elu, float, u > 0 ? u : p * expm1f(u))
ROW1(f_gelu, float, 0.5f * u * erfcf(u * -0.70710678f))
ROW1(f_gelu_tanh, float, 0.5f * u * (1.0f + v_tanh(gelu_tanh_inner(u))))
ROW1(f_silu, float, u *vg_v_sigmoid(u))
ROW1(f_sigmoid, float, vg_v_sigmoid(u))
ROW1(f_tanh, float, v_tanh(u))
ROW1(f_softplus, float, u *p > q ? u : log1pf(vg_v_exp(u * p)) / p)
ROW1(f_hardswish, float, u *clamp_f(u + 3.0f, 0.0f, 6.0f) / 6.0f)
ROW1(f_hardsigmoid, float, u <= -3 ? 0.0f : u >= 3 ? 1.0f : (u + 3.0f) / 6.0f)
ROW1(f_relu6, float, u<0 ? 0.0f : u> 6 ? 6.0f : u)
ROW1(f_add_scalar, float, u + p)
ROW1(f_mul_scalar, float, u *p)
ROW1(f_div_scalar, float, u / p)
ROW1(f_pow_scalar, float, v_pow(u, p))
ROW1(f_rsub_scalar, float, p - u)
ROW1(f_rdiv_scalar, float, p / u)
ROW1(f_clamp, float, clamp_f(u, p, q))
ROW1(f_isnan, float, u != u ? 1.0f : 0.0f)
ROW1(f_isfinite, float, u - u == 0.0f ? 1.0f : 0.0f)
ROW1(f_not, float, u == 0 ? 1.0f : 0.0f)
ROW1(f_eq_scalar, float, u == p ? 1.0f : 0.0f)
ROW1(f_ne_scalar, float, u != p ? 1.0f : 0.0f)
ROW1(f_lt_scalar, float, u < p ? 1.0f : 0.0f)
ROW1(f_le_scalar, float, u <= p ? 1.0f : 0.0f)
ROW1(f_gt_scalar, float, u > p ? 1.0f : 0.0f)
ROW1(f_ge_scalar, float, u >= p ? 1.0f : 0.0f)

static const vg_cpu_row unary_table[VG_UNARY_COUNT] = {[VG_NEG] = f_neg,
                                                       [VG_ABS] = f_abs,
                                                       [VG_EXP] = f_exp,
                                                       [VG_LOG] = f_log,
                                                       [VG_SQRT] = f_sqrt,
                                                       [VG_RSQRT] = f_rsqrt,
                                                       [VG_SQUARE] = f_square,
                                                       [VG_SIGN] = f_sign,
                                                       [VG_SIN] = f_sin,
                                                       [VG_COS] = f_cos,
                                                       [VG_FLOOR] = f_floor,
                                                       [VG_CEIL] = f_ceil,
                                                       [VG_ROUND] = f_round,
                                                       [VG_RECIPROCAL] = f_reciprocal,
                                                       [VG_ERF] = f_erf,
                                                       [VG_LOG1P] = f_log1p,
                                                       [VG_EXPM1] = f_expm1,
                                                       [VG_RELU] = f_relu,
                                                       [VG_LEAKY_RELU] = f_leaky_relu,
                                                       [VG_ELU] = f_elu,
                                                       [VG_GELU] = f_gelu,
                                                       [VG_GELU_TANH] = f_gelu_tanh,
                                                       [VG_SILU] = f_silu,
                                                       [VG_SIGMOID] = f_sigmoid,
                                                       [VG_TANH] = f_tanh,
                                                       [VG_SOFTPLUS] = f_softplus,
                                                       [VG_HARDSWISH] = f_hardswish,
                                                       [VG_HARDSIGMOID] = f_hardsigmoid,
                                                       [VG_RELU6] = f_relu6,
                                                       [VG_ADD_SCALAR] = f_add_scalar,
                                                       [VG_MUL_SCALAR] = f_mul_scalar,
                                                       [VG_DIV_SCALAR] = f_div_scalar,
                                                       [VG_POW_SCALAR] = f_pow_scalar,
                                                       [VG_RSUB_SCALAR] = f_rsub_scalar,
                                                       [VG_RDIV_SCALAR] = f_rdiv_scalar,
                                                       [VG_CLAMP] = f_clamp,
                                                       [VG_ISNAN] = f_isnan,
                                                       [VG_ISFINITE] = f_isfinite,
                                                       [VG_NOT] = f_not,
                                                       [VG_EQ_SCALAR] = f_eq_scalar,
                                                       [VG_NE_SCALAR] = f_ne_scalar,
                                                       [VG_LT_SCALAR] = f_lt_scalar,
                                                       [VG_LE_SCALAR] = f_le_scalar,
                                                       [VG_GT_SCALAR] = f_gt_scalar,
                                                       [VG_GE_SCALAR] = f_ge_scalar};
