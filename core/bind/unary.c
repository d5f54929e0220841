/* Unary methods: x:relu(), x:exp_(), x:clamp(min, max), ... */
#include <math.h>
#include <string.h>

#include "bind/bind.h"
#include "ops/ops.h"

static int unary(lua_State *L, vg_unary op, double a, double b) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return vglua_return(L, vg_unary_op(vglua_new_tensor(L), op, (vg_scalars){a, b}, x));
}

static int unary_(lua_State *L, vg_unary op, double a, double b) {
  vg_status st = vg_unary_op_(vglua_check_tensor(L, 1), op, (vg_scalars){a, b});
  lua_settop(L, 1);
  return vglua_return(L, st);
}

#define PLAIN(X)               \
  X(neg, VG_NEG)               \
  X(abs, VG_ABS)               \
  X(exp, VG_EXP)               \
  X(log, VG_LOG)               \
  X(sqrt, VG_SQRT)             \
  X(rsqrt, VG_RSQRT)           \
  X(square, VG_SQUARE)         \
  X(sign, VG_SIGN)             \
  X(sin, VG_SIN)               \
  X(cos, VG_COS)               \
  X(floor, VG_FLOOR)           \
  X(ceil, VG_CEIL)             \
  X(round, VG_ROUND)           \
  X(reciprocal, VG_RECIPROCAL) \
  X(erf, VG_ERF)               \
  X(log1p, VG_LOG1P)           \
  X(expm1, VG_EXPM1)           \
  X(relu, VG_RELU)             \
  X(relu6, VG_RELU6)           \
  X(silu, VG_SILU)             \
  X(sigmoid, VG_SIGMOID)       \
  X(tanh, VG_TANH)             \
  X(hardswish, VG_HARDSWISH)   \
  X(hardsigmoid, VG_HARDSIGMOID)
#define DEFINE(NAME, OP)                                           \
  static int l_##NAME(lua_State *L) { return unary(L, OP, 0, 0); } \
  static int l_##NAME##_(lua_State *L) { return unary_(L, OP, 0, 0); }
#define ROW(NAME, OP) {#NAME, l_##NAME}, {#NAME "_", l_##NAME##_},
PLAIN(DEFINE)

static int l_isnan(lua_State *L) { return unary(L, VG_ISNAN, 0, 0); }
static int l_isfinite(lua_State *L) { return unary(L, VG_ISFINITE, 0, 0); }
static int l_logical_not(lua_State *L) { return unary(L, VG_NOT, 0, 0); }
static int l_leaky_relu(lua_State *L) {
  return unary(L, VG_LEAKY_RELU, luaL_optnumber(L, 2, 0.01), 0);
}
static int l_elu(lua_State *L) { return unary(L, VG_ELU, luaL_optnumber(L, 2, 1), 0); }
static int l_softplus(lua_State *L) { /* x:softplus([beta [, threshold]]) */
  return unary(L, VG_SOFTPLUS, luaL_optnumber(L, 2, 1), luaL_optnumber(L, 3, 20));
}

static int l_gelu(lua_State *L) { /* x:gelu([ "none" | "tanh" ]) */
  static const char *const kinds[] = {"none", "tanh", NULL};
  return unary(L, luaL_checkoption(L, 2, "none", kinds) == 0 ? VG_GELU : VG_GELU_TANH, 0, 0);
}

static double bound(lua_State *L, int arg, double otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : luaL_checknumber(L, arg);
}

static int l_clamp(lua_State *L) { /* x:clamp(min | nil, max | nil) */
  return unary(L, VG_CLAMP, bound(L, 2, -INFINITY), bound(L, 3, INFINITY));
}
static int l_clamp_(lua_State *L) {
  return unary_(L, VG_CLAMP, bound(L, 2, -INFINITY), bound(L, 3, INFINITY));
}

static const luaL_Reg methods[] = {PLAIN(ROW){"isnan", l_isnan},
                                   {"isfinite", l_isfinite},
                                   {"logical_not", l_logical_not},
                                   {"leaky_relu", l_leaky_relu},
                                   {"elu", l_elu},
                                   {"softplus", l_softplus},
                                   {"gelu", l_gelu},
                                   {"clamp", l_clamp},
                                   {"clamp_", l_clamp_},
                                   {NULL, NULL}};

void vglua_open_unary(lua_State *L);
void vglua_open_unary(lua_State *L) { vglua_add_methods(L, methods); }
