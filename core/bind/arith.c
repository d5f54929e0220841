/* Arithmetic and comparisons: methods with and without underscore, and the operators. Either side
   of an operator, and the argument of a method, may be a number. */
#include <math.h>

#include "bind/bind.h"
#include "ops/ops.h"

/* What `x op number` and `number op x` are as unary operations; VG_UNARY_COUNT: none. */
typedef struct forms {
  vg_unary right, left;
  bool negate; /* x - s is x + -s */
} forms;

static const forms table[VG_BINARY_COUNT] = {
    [VG_ADD] = {VG_ADD_SCALAR, VG_ADD_SCALAR, false},
    [VG_SUB] = {VG_ADD_SCALAR, VG_RSUB_SCALAR, true},
    [VG_MUL] = {VG_MUL_SCALAR, VG_MUL_SCALAR, false},
    [VG_DIV] = {VG_DIV_SCALAR, VG_RDIV_SCALAR, false},
    [VG_POW] = {VG_POW_SCALAR, VG_UNARY_COUNT, false},
    [VG_MAXIMUM] = {VG_CLAMP, VG_UNARY_COUNT, false},
    [VG_MINIMUM] = {VG_CLAMP, VG_UNARY_COUNT, false},
    [VG_EQ] = {VG_EQ_SCALAR, VG_EQ_SCALAR, false},
    [VG_NE] = {VG_NE_SCALAR, VG_NE_SCALAR, false},
    [VG_LT] = {VG_LT_SCALAR, VG_GT_SCALAR, false},
    [VG_LE] = {VG_LE_SCALAR, VG_GE_SCALAR, false},
    [VG_GT] = {VG_GT_SCALAR, VG_LT_SCALAR, false},
    [VG_GE] = {VG_GE_SCALAR, VG_LE_SCALAR, false},
};

static vg_scalars scalars_of(vg_binary op, double v) {
  if (op == VG_MAXIMUM) return (vg_scalars){v, INFINITY};
  if (op == VG_MINIMUM) return (vg_scalars){-INFINITY, v};
  return (vg_scalars){table[op].negate ? -v : v, 0};
}

static vg_status with_number(vg_tensor **out, vg_binary op, vg_tensor *x, double v) {
  return vg_unary_op(out, table[op].right, scalars_of(op, v), x);
}

static vg_status number_with(vg_tensor **out, vg_binary op, double v, vg_tensor *x) {
  vg_tensor *t = NULL;
  vg_status st;
  if (table[op].left != VG_UNARY_COUNT)
    return vg_unary_op(out, table[op].left, (vg_scalars){v, 0}, x);
  VG_TRY(vg_filled(&t, x->dev, x->dtype == VG_BF16 ? VG_BF16 : VG_F32, 0, NULL, v));
  st = vg_binary_op(out, op, t, x);
done:
  vg_release(t);
  return st;
}

static int bad_operand(lua_State *L, vg_binary op, int arg) {
  return luaL_error(L, "%s: want a tensor or a number, got %s", vg_binary_name(op),
                    luaL_typename(L, arg));
}

static int binary(lua_State *L, vg_binary op) {
  bool left = lua_type(L, 1) == LUA_TNUMBER, right = lua_type(L, 2) == LUA_TNUMBER;
  vg_tensor *a = left ? NULL : vglua_check_tensor(L, 1), *b = NULL;
  vg_tensor **out;
  if (!right && !lua_isuserdata(L, 2)) return bad_operand(L, op, 2);
  if (!right) b = vglua_check_tensor(L, 2);
  out = vglua_new_tensor(L);
  if (left) return vglua_return(L, number_with(out, op, lua_tonumber(L, 1), b));
  if (right) return vglua_return(L, with_number(out, op, a, lua_tonumber(L, 2)));
  return vglua_return(L, vg_binary_op(out, op, a, b));
}

/* x:add(y, alpha) = x + alpha y */
static int scaled(lua_State *L, vg_binary op) {
  vg_tensor *a, *b, **scaled_b, **out;
  double alpha = luaL_optnumber(L, 3, 1);
  vg_status st;
  lua_settop(L, 2);
  if (alpha == 1 || lua_type(L, 2) == LUA_TNUMBER) {
    if (alpha != 1) lua_pushnumber(L, alpha * lua_tonumber(L, 2)), lua_replace(L, 2);
    return binary(L, op);
  }
  a = vglua_check_tensor(L, 1);
  b = vglua_check_tensor(L, 2);
  scaled_b = vglua_new_tensor(L);
  out = vglua_new_tensor(L);
  VG_TRY(vg_unary_op(scaled_b, VG_MUL_SCALAR, (vg_scalars){alpha, 0}, b));
  st = vg_binary_op(out, op, a, *scaled_b);
done:
  return vglua_return(L, st);
}

static int in_place(lua_State *L, vg_binary op) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  double alpha = op == VG_ADD || op == VG_SUB ? luaL_optnumber(L, 3, 1) : 1;
  vg_status st;
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    vg_scalars s = scalars_of(op, alpha * lua_tonumber(L, 2));
    st = vg_unary_op_(x, table[op].right, s);
  } else if (alpha != 1) {
    vg_tensor *b = vglua_check_tensor(L, 2), **t = vglua_new_tensor(L);
    VG_TRY(vg_unary_op(t, VG_MUL_SCALAR, (vg_scalars){alpha, 0}, b));
    st = vg_binary_op_(x, op, *t);
  } else {
    if (!lua_isuserdata(L, 2)) return bad_operand(L, op, 2);
    st = vg_binary_op_(x, op, vglua_check_tensor(L, 2));
  }
done:
  lua_settop(L, 1);
  return vglua_return(L, st);
}

#define BINARY(NAME, OP) \
  static int l_##NAME(lua_State *L) { return binary(L, OP); }
#define IN_PLACE(NAME, OP) \
  static int l_##NAME##_(lua_State *L) { return in_place(L, OP); }
static int l_add(lua_State *L) { return scaled(L, VG_ADD); }
static int l_sub(lua_State *L) { return scaled(L, VG_SUB); }
BINARY(mul, VG_MUL)
BINARY(div, VG_DIV)
BINARY(pow, VG_POW)
BINARY(maximum, VG_MAXIMUM)
BINARY(minimum, VG_MINIMUM)
BINARY(eq, VG_EQ)
BINARY(ne, VG_NE)
BINARY(lt, VG_LT)
BINARY(le, VG_LE)
BINARY(gt, VG_GT)
BINARY(ge, VG_GE)
IN_PLACE(add, VG_ADD)
IN_PLACE(sub, VG_SUB)
IN_PLACE(mul, VG_MUL)
IN_PLACE(div, VG_DIV)
IN_PLACE(pow, VG_POW)
IN_PLACE(maximum, VG_MAXIMUM)
IN_PLACE(minimum, VG_MINIMUM)

static int l_plus(lua_State *L) { return binary(L, VG_ADD); }
static int l_minus(lua_State *L) { return binary(L, VG_SUB); }
static int l_negate(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return vglua_return(L, vg_unary_op(vglua_new_tensor(L), VG_NEG, (vg_scalars){0, 0}, x));
}

static int l_where(lua_State *L) { /* where(mask, a, b); a and b may be numbers */
  vg_tensor *mask = vglua_check_tensor(L, 1), *side[2];
  for (int i = 0; i < 2; i++) {
    if (lua_type(L, 2 + i) == LUA_TNUMBER) {
      vg_tensor **t = vglua_new_tensor(L), *other = vglua_test_tensor(L, 3 - i);
      vg_status st =
          vg_filled(t, mask->dev, other ? other->dtype : VG_F32, 0, NULL, lua_tonumber(L, 2 + i));
      if (st != VG_OK) return vglua_raise(L, st);
      lua_replace(L, 2 + i);
    }
    side[i] = vglua_check_tensor(L, 2 + i);
  }
  return vglua_return(L, vg_where(vglua_new_tensor(L), mask, side[0], side[1]));
}

static int l_where_method(lua_State *L) { /* x:where(mask, other) */
  vglua_check_tensor(L, 1);
  lua_settop(L, 3);
  lua_pushvalue(L, 1);
  lua_remove(L, 1);
  lua_insert(L, 2); /* mask, x, other */
  return l_where(L);
}

static int l_fill_(lua_State *L) {
  vg_status st = vg_fill_(vglua_check_tensor(L, 1), luaL_checknumber(L, 2));
  lua_settop(L, 1);
  return vglua_return(L, st);
}

static int l_zero_(lua_State *L) {
  vg_status st = vg_fill_(vglua_check_tensor(L, 1), 0);
  lua_settop(L, 1);
  return vglua_return(L, st);
}

static int l_copy_(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_status st = vg_copy_(x, vglua_check_tensor(L, 2));
  lua_settop(L, 1);
  return vglua_return(L, st);
}

static const luaL_Reg methods[] = {{"add", l_add},
                                   {"sub", l_sub},
                                   {"mul", l_mul},
                                   {"div", l_div},
                                   {"pow", l_pow},
                                   {"maximum", l_maximum},
                                   {"minimum", l_minimum},
                                   {"eq", l_eq},
                                   {"ne", l_ne},
                                   {"lt", l_lt},
                                   {"le", l_le},
                                   {"gt", l_gt},
                                   {"ge", l_ge},
                                   {"add_", l_add_},
                                   {"sub_", l_sub_},
                                   {"mul_", l_mul_},
                                   {"div_", l_div_},
                                   {"pow_", l_pow_},
                                   {"maximum_", l_maximum_},
                                   {"minimum_", l_minimum_},
                                   {"where", l_where_method},
                                   {"fill_", l_fill_},
                                   {"zero_", l_zero_},
                                   {"copy_", l_copy_},
                                   {NULL, NULL}};
static const luaL_Reg operators[] = {{"__add", l_plus}, {"__sub", l_minus}, {"__mul", l_mul},
                                     {"__div", l_div},  {"__pow", l_pow},   {"__unm", l_negate},
                                     {NULL, NULL}};
static const luaL_Reg functions[] = {{"where", l_where}, {NULL, NULL}};

void vglua_open_arith(lua_State *L);
void vglua_open_arith(lua_State *L) {
  vglua_add_methods(L, methods);
  luaL_register(L, NULL, functions);
  luaL_getmetatable(L, VGLUA_TENSOR);
  luaL_register(L, NULL, operators);
  lua_pop(L, 1);
}
