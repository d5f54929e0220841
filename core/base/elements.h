/* Elementwise arithmetic, one line an operation, from which every backend makes its kernels.
   X(KIND, expression): u is the input, p and q the scalars (vg_scalars.a and .b). */
#ifndef VG_BASE_ELEMENTS_H
#define VG_BASE_ELEMENTS_H

#include "base/scalar.h"

/* clang-format off */
#define VG_UNARY_F32(X)                                                                            \
  X(NEG, -u)                                                                                       \
  X(ABS, u < 0 ? -u : u)                                                                           \
  X(EXP, vg_v_exp(u))                                                                              \
  X(LOG, logf(u))                                                                                  \
  X(SQRT, sqrtf(u))                                                                                \
  X(RSQRT, 1.0f / sqrtf(u))                                                                        \
  X(SQUARE, u * u)                                                                                 \
  X(SIGN, u > 0 ? 1.0f : u < 0 ? -1.0f : 0.0f)                                                     \
  X(SIN, sinf(u))                                                                                  \
  X(COS, cosf(u))                                                                                  \
  X(FLOOR, floorf(u))                                                                              \
  X(CEIL, ceilf(u))                                                                                \
  X(ROUND, rintf(u))                                                                               \
  X(RECIPROCAL, 1.0f / u)                                                                          \
  X(ERF, erff(u))                                                                                  \
  X(LOG1P, log1pf(u))                                                                              \
  X(EXPM1, expm1f(u))                                                                              \
  X(RELU, u <= 0 ? 0.0f : u)                                                                       \
  X(LEAKY_RELU, u > 0 ? u : u * p)                                                                 \
  X(ELU, u > 0 ? u : p * expm1f(u))                                                                \
  X(GELU, 0.5f * u * erfcf(u * -0.70710678f))                                                      \
  X(GELU_TANH, 0.5f * u * (1.0f + vg_v_tanh(vg_v_gelu_inner(u))))                                  \
  X(SILU, u * vg_v_sigmoid(u))                                                                     \
  X(SIGMOID, vg_v_sigmoid(u))                                                                      \
  X(TANH, vg_v_tanh(u))                                                                            \
  X(SOFTPLUS, u * p > q ? u : log1pf(vg_v_exp(u * p)) / p)                                         \
  X(HARDSWISH, u * vg_v_clamp(u + 3.0f, 0.0f, 6.0f) / 6.0f)                                        \
  X(HARDSIGMOID, u <= -3 ? 0.0f : u >= 3 ? 1.0f : (u + 3.0f) / 6.0f)                               \
  X(RELU6, u < 0 ? 0.0f : u > 6 ? 6.0f : u)                                                        \
  X(ADD_SCALAR, u + p)                                                                             \
  X(MUL_SCALAR, u * p)                                                                             \
  X(DIV_SCALAR, u / p)                                                                             \
  X(POW_SCALAR, powf(u, p))                                                                        \
  X(RSUB_SCALAR, p - u)                                                                            \
  X(RDIV_SCALAR, p / u)                                                                            \
  X(CLAMP, vg_v_clamp(u, p, q))                                                                    \
  X(ISNAN, u != u ? 1.0f : 0.0f)                                                                   \
  X(ISFINITE, u - u == 0.0f ? 1.0f : 0.0f)                                                         \
  X(NOT, u == 0 ? 1.0f : 0.0f)                                                                     \
  X(EQ_SCALAR, u == p ? 1.0f : 0.0f)                                                               \
  X(NE_SCALAR, u != p ? 1.0f : 0.0f)                                                               \
  X(LT_SCALAR, u < p ? 1.0f : 0.0f)                                                                \
  X(LE_SCALAR, u <= p ? 1.0f : 0.0f)                                                               \
  X(GT_SCALAR, u > p ? 1.0f : 0.0f)                                                                \
  X(GE_SCALAR, u >= p ? 1.0f : 0.0f)

/* Gradients. X(KIND, needs, expression): u is the gradient of the result, v the INPUT, w the
   RESULT. */
#define VG_UNARY_BWD_F32(X)                                                                        \
  X(NEG, NEITHER, -u)                                                                              \
  X(ABS, INPUT, v > 0 ? u : v < 0 ? -u : 0.0f)                                                     \
  X(EXP, RESULT, u * w)                                                                            \
  X(LOG, INPUT, u / v)                                                                             \
  X(SQRT, RESULT, u / (2.0f * w))                                                                  \
  X(RSQRT, RESULT, -0.5f * u * w * w * w)                                                          \
  X(SQUARE, INPUT, 2.0f * u * v)                                                                   \
  X(SIGN, NEITHER, 0.0f)                                                                           \
  X(SIN, INPUT, u * cosf(v))                                                                       \
  X(COS, INPUT, -u * sinf(v))                                                                      \
  X(FLOOR, NEITHER, 0.0f)                                                                          \
  X(CEIL, NEITHER, 0.0f)                                                                           \
  X(ROUND, NEITHER, 0.0f)                                                                          \
  X(RECIPROCAL, RESULT, -u * w * w)                                                                \
  X(ERF, INPUT, u * 1.12837917f * vg_v_exp(-v * v))                                                \
  X(LOG1P, INPUT, u / (1.0f + v))                                                                  \
  X(EXPM1, RESULT, u * (w + 1.0f))                                                                 \
  X(RELU, RESULT, w <= 0 ? 0.0f : u)                                                               \
  X(LEAKY_RELU, INPUT, v > 0 ? u : u * p)                                                          \
  X(ELU, INPUT, v <= 0 ? u * p * vg_v_exp(v) : u)                                                  \
  X(GELU, INPUT, u * (0.5f * erfcf(v * -0.70710678f) + v * 0.39894228f * vg_v_exp(-0.5f * v * v))) \
  X(GELU_TANH, INPUT, u * vg_v_gelu_tanh_slope(v))                                                 \
  X(SILU, INPUT, u * vg_v_silu_slope(v))                                                           \
  X(SIGMOID, RESULT, u * (1.0f - w) * w)                                                           \
  X(TANH, RESULT, u * (1.0f - w * w))                                                              \
  X(SOFTPLUS, INPUT, v * p > q ? u : u * vg_v_sigmoid(v * p))                                      \
  X(HARDSWISH, INPUT, v <= -3 ? 0.0f : v < 3 ? u * (v / 3.0f + 0.5f) : u)                          \
  X(HARDSIGMOID, INPUT, v > -3 && v < 3 ? u / 6.0f : 0.0f)                                         \
  X(RELU6, INPUT, v <= 0 || v >= 6 ? 0.0f : u)                                                     \
  X(ADD_SCALAR, NEITHER, u)                                                                        \
  X(MUL_SCALAR, NEITHER, u * p)                                                                    \
  X(DIV_SCALAR, NEITHER, u / p)                                                                    \
  X(POW_SCALAR, INPUT, p == 0 ? 0.0f : u * (p * powf(v, p - 1.0f)))                                \
  X(RSUB_SCALAR, NEITHER, -u)                                                                      \
  X(RDIV_SCALAR, INPUT, -u * (p / v) / v)                                                          \
  X(CLAMP, INPUT, (v > p || p == -INFINITY) && (v < q || q == INFINITY) ? u : 0.0f)

/* u and v are the operands. */
#define VG_BINARY_F32(X)                                                                           \
  X(ADD, u + v)                                                                                    \
  X(SUB, u - v)                                                                                    \
  X(MUL, u * v)                                                                                    \
  X(DIV, u / v)                                                                                    \
  X(MAXIMUM, u > v || u != u ? u : v)                                                              \
  X(MINIMUM, u < v || u != u ? u : v)                                                              \
  X(POW, powf(u, v))                                                                               \
  X(EQ, u == v ? 1.0f : 0.0f)                                                                      \
  X(NE, u != v ? 1.0f : 0.0f)                                                                      \
  X(LT, u < v ? 1.0f : 0.0f)                                                                       \
  X(LE, u <= v ? 1.0f : 0.0f)                                                                      \
  X(GT, u > v ? 1.0f : 0.0f)                                                                       \
  X(GE, u >= v ? 1.0f : 0.0f)

/* Whole numbers, modulo 2^64; p and q are vg_to_whole of the scalars. What is not listed is
   not defined for them. */
#define VG_UNARY_I64(X)                                                                            \
  X(NEG, 0 - (uint64_t)u)                                                                          \
  X(ABS, u < 0 ? 0 - (uint64_t)u : (uint64_t)u)                                                    \
  X(SQUARE, (uint64_t)u * (uint64_t)u)                                                             \
  X(SIGN, (u > 0) - (u < 0))                                                                       \
  X(FLOOR, u)                                                                                      \
  X(CEIL, u)                                                                                       \
  X(ROUND, u)                                                                                      \
  X(RELU, u < 0 ? 0 : u)                                                                           \
  X(RELU6, vg_whole_clamp(u, 0, 6))                                                                \
  X(ADD_SCALAR, (uint64_t)u + (uint64_t)p)                                                         \
  X(MUL_SCALAR, (uint64_t)u * (uint64_t)p)                                                         \
  X(POW_SCALAR, vg_whole_power((uint64_t)u, p))                                                    \
  X(RSUB_SCALAR, (uint64_t)p - (uint64_t)u)                                                        \
  X(CLAMP, vg_whole_clamp(u, p, q))                                                                \
  X(ISNAN, 0)                                                                                      \
  X(ISFINITE, 1)                                                                                   \
  X(NOT, u == 0)                                                                                   \
  X(EQ_SCALAR, u == p)                                                                             \
  X(NE_SCALAR, u != p)                                                                             \
  X(LT_SCALAR, u < p)                                                                              \
  X(LE_SCALAR, u <= p)                                                                             \
  X(GT_SCALAR, u > p)                                                                              \
  X(GE_SCALAR, u >= p)

#define VG_BINARY_I64(X)                                                                           \
  X(ADD, (uint64_t)u + (uint64_t)v)                                                                \
  X(SUB, (uint64_t)u - (uint64_t)v)                                                                \
  X(MUL, (uint64_t)u * (uint64_t)v)                                                                \
  X(MAXIMUM, u > v ? u : v)                                                                        \
  X(MINIMUM, u < v ? u : v)                                                                        \
  X(POW, vg_whole_power((uint64_t)u, v))                                                           \
  X(EQ, u == v)                                                                                    \
  X(NE, u != v)                                                                                    \
  X(LT, u < v)                                                                                     \
  X(LE, u <= v)                                                                                    \
  X(GT, u > v)                                                                                     \
  X(GE, u >= v)

/* clang-format on */

#endif
