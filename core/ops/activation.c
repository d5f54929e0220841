/* Unary operations: activations, functions, arithmetic with a number, comparisons with a number. */
#include <math.h>

#include "ops/ops.h"

/* What the backward kernel reads besides gy; FREE: no gradient at all (results are 0 or 1). */
typedef enum needs { NOTHING, INPUT, RESULT, FREE } needs;

static const struct {
  const char *name;
  needs saves;
} table[VG_UNARY_COUNT] = {
    [VG_NEG] = {"neg", NOTHING},
    [VG_ABS] = {"abs", INPUT},
    [VG_EXP] = {"exp", RESULT},
    [VG_LOG] = {"log", INPUT},
    [VG_SQRT] = {"sqrt", RESULT},
    [VG_RSQRT] = {"rsqrt", RESULT},
    [VG_SQUARE] = {"square", INPUT},
    [VG_SIGN] = {"sign", NOTHING},
    [VG_SIN] = {"sin", INPUT},
    [VG_COS] = {"cos", INPUT},
    [VG_FLOOR] = {"floor", NOTHING},
    [VG_CEIL] = {"ceil", NOTHING},
    [VG_ROUND] = {"round", NOTHING},
    [VG_RECIPROCAL] = {"reciprocal", RESULT},
    [VG_ERF] = {"erf", INPUT},
    [VG_LOG1P] = {"log1p", INPUT},
    [VG_EXPM1] = {"expm1", RESULT},
    [VG_RELU] = {"relu", RESULT},
    [VG_LEAKY_RELU] = {"leaky_relu", INPUT},
    [VG_ELU] = {"elu", INPUT},
    [VG_GELU] = {"gelu", INPUT},
    [VG_GELU_TANH] = {"gelu", INPUT},
    [VG_SILU] = {"silu", INPUT},
    [VG_SIGMOID] = {"sigmoid", RESULT},
    [VG_TANH] = {"tanh", RESULT},
    [VG_SOFTPLUS] = {"softplus", INPUT},
    [VG_HARDSWISH] = {"hardswish", INPUT},
    [VG_HARDSIGMOID] = {"hardsigmoid", INPUT},
    [VG_RELU6] = {"relu6", INPUT},
    [VG_ADD_SCALAR] = {"add", NOTHING},
    [VG_MUL_SCALAR] = {"mul", NOTHING},
    [VG_DIV_SCALAR] = {"div", NOTHING},
    [VG_POW_SCALAR] = {"pow", INPUT},
    [VG_RSUB_SCALAR] = {"sub", NOTHING},
    [VG_RDIV_SCALAR] = {"div", INPUT},
    [VG_CLAMP] = {"clamp", INPUT},
    [VG_ISNAN] = {"isnan", FREE},
    [VG_ISFINITE] = {"isfinite", FREE},
    [VG_NOT] = {"logical_not", FREE},
    [VG_EQ_SCALAR] = {"eq", FREE},
    [VG_NE_SCALAR] = {"ne", FREE},
    [VG_LT_SCALAR] = {"lt", FREE},
    [VG_LE_SCALAR] = {"le", FREE},
    [VG_GT_SCALAR] = {"gt", FREE},
    [VG_GE_SCALAR] = {"ge", FREE},
};

const char *vg_unary_name(vg_unary op) { return table[op].name; }

static bool is_float(vg_dtype d) { return d == VG_F32 || d == VG_BF16; }

static bool is_whole(double v) { return isinf(v) || v == floor(v); }

/* Whole numbers stay whole numbers where PyTorch keeps them so, otherwise they become f32. */
static bool stays_whole(vg_unary op, vg_scalars s) {
  switch (op) {
    case VG_NEG:
    case VG_ABS:
    case VG_SQUARE:
    case VG_SIGN:
    case VG_FLOOR:
    case VG_CEIL:
    case VG_ROUND:
    case VG_RELU:
    case VG_RELU6:
    case VG_ISNAN:
    case VG_ISFINITE:
    case VG_NOT: return true;
    case VG_POW_SCALAR: return is_whole(s.a) && s.a >= 0;
    case VG_CLAMP: return is_whole(s.a) && is_whole(s.b);
    case VG_ADD_SCALAR:
    case VG_MUL_SCALAR:
    case VG_RSUB_SCALAR:
    case VG_EQ_SCALAR:
    case VG_NE_SCALAR:
    case VG_LT_SCALAR:
    case VG_LE_SCALAR:
    case VG_GT_SCALAR:
    case VG_GE_SCALAR: return is_whole(s.a) && fabs(s.a) < 9e18;
    default: return false;
  }
}

static vg_status backward(vg_node *n, vg_tensor *gy) {
  vg_unary op = (vg_unary)n->attr.scalar.kind;
  vg_tensor *saved = n->saved[0], *g = NULL, *gx = NULL;
  const vg_elementwise_vt *k = gy->dev->be->elementwise;
  vg_status st;
  if (op == VG_ADD_SCALAR) return vg_edge_add(n, 0, gy);
  if (saved && saved->layout != gy->layout)
    VG_TRY(vg_relayout(&g, gy, saved->layout));
  else
    g = vg_retain(gy);
  VG_TRY(vg_new_like(&gx, g));
  VG_TRY(k->unary_bwd(gy->dev, op, n->attr.scalar.s, gx, g, table[op].saves == INPUT ? saved : NULL,
                      table[op].saves == RESULT ? saved : NULL));
  st = vg_edge_add(n, 0, gx);
done:
  vg_release(g);
  vg_release(gx);
  return st;
}

static vg_status record(vg_tensor *y, vg_unary op, vg_scalars s, vg_tensor *x) {
  const vg_elementwise_vt *k = x->dev->be->elementwise;
  vg_node *n;
  vg_status st;
  if (table[op].saves == FREE || !vg_wants_grad(x)) return VG_OK;
  if (!k->unary_bwd) return vg_unsupported(x->dev, table[op].name);
  VG_TRY(vg_record(&n, table[op].name, backward, y, 1, &x));
  n->attr.scalar.kind = (int)op;
  n->attr.scalar.s = s;
  if (table[op].saves == INPUT) VG_TRY(vg_save(n, 0, x));
  if (table[op].saves == RESULT) VG_TRY(vg_save(n, 0, y));
done:
  return st;
}

vg_status vg_unary_op(vg_tensor **out, vg_unary op, vg_scalars s, vg_tensor *x) {
  const vg_elementwise_vt *k = x->dev->be->elementwise;
  vg_tensor *in = NULL, *y = NULL;
  vg_status st;
  if (!k || !k->unary) return vg_unsupported(x->dev, table[op].name);
  if (is_float(x->dtype) || stays_whole(op, s))
    in = vg_retain(x);
  else
    VG_TRY(vg_cast(&in, x, VG_F32));
  VG_TRY(vg_new_layout(&y, in->dev, table[op].saves == FREE ? VG_U8 : in->dtype, in->ndim,
                       in->shape, in->layout));
  VG_TRY(k->unary(in->dev, op, s, y, in));
  VG_TRY(record(y, op, s, in));
  *out = y;
  y = NULL;
done:
  vg_release(in);
  vg_release(y);
  return st;
}

vg_status vg_unary_op_(vg_tensor *x, vg_unary op, vg_scalars s) {
  const vg_elementwise_vt *k = x->dev->be->elementwise;
  const char *name = table[op].name;
  vg_status st;
  if (!k || !k->unary) return vg_unsupported(x->dev, name);
  if (vg_wants_grad(x))
    return vg_fail(VG_ESTATE,
                   "%s_: the tensor needs its history; use %s, or wrap the change in no_grad", name,
                   name);
  if (table[op].saves == FREE || (!is_float(x->dtype) && !stays_whole(op, s)))
    return vg_fail(VG_EDTYPE, "%s_: the result does not fit a %s tensor", name,
                   vg_dtype_name(x->dtype));
  VG_TRY(k->unary(x->dev, op, s, x, x));
  vg_bump(x);
done:
  return st;
}
