/* The enumerations which kernels switch on: plain C that every compiler of a backend reads, .cu
   files included. */
#ifndef VG_BASE_KINDS_H
#define VG_BASE_KINDS_H

typedef enum vg_dtype { VG_F32, VG_BF16, VG_I64, VG_U8, VG_DTYPE_COUNT } vg_dtype;

typedef enum vg_unary {
  VG_NEG,
  VG_ABS,
  VG_EXP,
  VG_LOG,
  VG_SQRT,
  VG_RSQRT,
  VG_SQUARE,
  VG_SIGN,
  VG_SIN,
  VG_COS,
  VG_FLOOR,
  VG_CEIL,
  VG_ROUND,
  VG_RECIPROCAL,
  VG_ERF,
  VG_LOG1P,
  VG_EXPM1,
  VG_RELU,
  VG_LEAKY_RELU,
  VG_ELU,
  VG_GELU,
  VG_GELU_TANH,
  VG_SILU,
  VG_SIGMOID,
  VG_TANH,
  VG_SOFTPLUS,
  VG_HARDSWISH,
  VG_HARDSIGMOID,
  VG_RELU6,
  VG_ADD_SCALAR,
  VG_MUL_SCALAR,
  VG_DIV_SCALAR,
  VG_POW_SCALAR,
  VG_RSUB_SCALAR,
  VG_RDIV_SCALAR, /* a op x: a - x, a / x */
  VG_CLAMP,       /* a <= y <= b */
  VG_ISNAN,
  VG_ISFINITE,
  VG_NOT, /* u8 results */
  VG_EQ_SCALAR,
  VG_NE_SCALAR,
  VG_LT_SCALAR,
  VG_LE_SCALAR,
  VG_GT_SCALAR,
  VG_GE_SCALAR, /* u8 */
  VG_UNARY_COUNT
} vg_unary;

typedef enum vg_binary {
  VG_ADD,
  VG_SUB,
  VG_MUL,
  VG_DIV,
  VG_MAXIMUM,
  VG_MINIMUM,
  VG_POW,
  VG_EQ,
  VG_NE,
  VG_LT,
  VG_LE,
  VG_GT,
  VG_GE, /* u8 results */
  VG_BINARY_COUNT
} vg_binary;

typedef enum vg_reduction {
  VG_SUM,
  VG_MEAN,
  VG_AMAX,
  VG_AMIN,
  VG_PROD,
  VG_VAR,
  VG_NORM2,
  VG_ARGMAX,
  VG_ARGMIN, /* last two: i64 */
  VG_REDUCTION_COUNT
} vg_reduction;

#endif
