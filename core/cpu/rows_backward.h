/* Gradients of the unary functions; part of cpu/rows_impl.h, hence without an include guard. */
GN(g_neg, -u)
GX(g_abs, v > 0 ? u : v < 0 ? -u : 0.0f)
GY(g_exp, u *w)
GX(g_log, u / v)
GY(g_sqrt, u / (2.0f * w))
GY(g_rsqrt, -0.5f * u * w * w * w)
GX(g_square, 2.0f * u * v)
GN(g_zero, 0.0f)
GX(g_sin, u *cosf(v))
GX(g_cos, -u *sinf(v))
GY(g_reciprocal, -u *w *w)
GX(g_erf, u * 1.12837917f * vg_v_exp(-v * v))
GX(g_log1p, u / (1.0f + v))
GY(g_expm1, u *(w + 1.0f))
GY(g_relu, w <= 0 ? 0.0f : u)
GX(g_leaky_relu, v > 0 ? u : u * p)
GX(g_elu, v <= 0 ? u * p * vg_v_exp(v) : u)
GX(g_gelu, u *(0.5f * erfcf(v * -0.70710678f) + v * 0.39894228f * vg_v_exp(-0.5f * v * v)))
static inline float gelu_tanh_slope(float v) {
  float t = v_tanh(gelu_tanh_inner(v));
  return 0.5f * (1.0f + t) +
         0.5f * v * (1.0f - t * t) * 0.7978845608f * (1.0f + 3.0f * 0.044715f * v * v);
}
GX(g_gelu_tanh, u *gelu_tanh_slope(v))
static inline float silu_slope(float v) {
  float t = vg_v_sigmoid(v);
  return t * (1.0f + v * (1.0f - t));
}
GX(g_silu, u *silu_slope(v))
GY(g_sigmoid, u *(1.0f - w) * w)
GY(g_tanh, u *(1.0f - w * w))
GX(g_softplus, v *p > q ? u : u * vg_v_sigmoid(v * p))
GX(g_hardswish, v <= -3 ? 0.0f : v < 3 ? u * (v / 3.0f + 0.5f) : u)
GX(g_hardsigmoid, v > -3 && v < 3 ? u / 6.0f : 0.0f)
GX(g_relu6, v <= 0 || v >= 6 ? 0.0f : u)
GN(g_pass, u)
GN(g_mul_scalar, u *p)
GN(g_div_scalar, u / p)
GX(g_pow_scalar, p == 0 ? 0.0f : u * (p * v_pow(v, p - 1.0f)))
GX(g_rdiv_scalar, -u *(p / v) / v)
GX(g_clamp, (v > p || p == -INFINITY) && (v < q || q == INFINITY) ? u : 0.0f)

static const vg_cpu_row unary_bwd_table[VG_UNARY_COUNT] = {[VG_NEG] = g_neg,
                                                           [VG_ABS] = g_abs,
                                                           [VG_EXP] = g_exp,
                                                           [VG_LOG] = g_log,
                                                           [VG_SQRT] = g_sqrt,
                                                           [VG_RSQRT] = g_rsqrt,
                                                           [VG_SQUARE] = g_square,
                                                           [VG_SIGN] = g_zero,
                                                           [VG_SIN] = g_sin,
                                                           [VG_COS] = g_cos,
                                                           [VG_FLOOR] = g_zero,
                                                           [VG_CEIL] = g_zero,
                                                           [VG_ROUND] = g_zero,
                                                           [VG_RECIPROCAL] = g_reciprocal,
                                                           [VG_ERF] = g_erf,
                                                           [VG_LOG1P] = g_log1p,
                                                           [VG_EXPM1] = g_expm1,
                                                           [VG_RELU] = g_relu,
                                                           [VG_LEAKY_RELU] = g_leaky_relu,
                                                           [VG_ELU] = g_elu,
                                                           [VG_GELU] = g_gelu,
                                                           [VG_GELU_TANH] = g_gelu_tanh,
                                                           [VG_SILU] = g_silu,
                                                           [VG_SIGMOID] = g_sigmoid,
                                                           [VG_TANH] = g_tanh,
                                                           [VG_SOFTPLUS] = g_softplus,
                                                           [VG_HARDSWISH] = g_hardswish,
                                                           [VG_HARDSIGMOID] = g_hardsigmoid,
                                                           [VG_RELU6] = g_relu6,
                                                           [VG_ADD_SCALAR] = g_pass,
                                                           [VG_MUL_SCALAR] = g_mul_scalar,
                                                           [VG_DIV_SCALAR] = g_div_scalar,
                                                           [VG_POW_SCALAR] = g_pow_scalar,
                                                           [VG_RSUB_SCALAR] = g_neg,
                                                           [VG_RDIV_SCALAR] = g_rdiv_scalar,
                                                           [VG_CLAMP] = g_clamp};
