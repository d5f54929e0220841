/* Reductions: x:sum(), x:sum(2), x:sum({ 1, 3 }, { keepdim = true }), x:argmax(2); comparisons. */
#include "bind/bind.h"
#include "ops/ops.h"
#include "tensor/compare.h"

/* The dimensions at argument 2: none, one, or a table of them. */
static int check_dims(lua_State *L, int *dims) {
  int n = 0;
  if (lua_isnoneornil(L, 2)) return 0;
  if (!lua_istable(L, 2)) {
    dims[0] = vglua_check_dim(L, 2);
    return 1;
  }
  n = (int)lua_objlen(L, 2);
  if (n > VG_MAX_DIMS) luaL_argerror(L, 2, "at most 8 dimensions are possible");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_argerror(L, 2, "dimensions are whole numbers");
    dims[i] = vglua_check_dim(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  return n;
}

static const char *const known[] = {"correction", "keepdim", NULL};

static bool check_keep(lua_State *L, const char *op, bool spread) {
  if (lua_isboolean(L, 3)) return lua_toboolean(L, 3);
  vglua_check_options(L, 3, op, spread ? known : known + 1);
  return vglua_option_bool(L, 3, "keepdim", false);
}

static int reduce(lua_State *L, vg_reduction op, const char *name) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dims[VG_MAX_DIMS], n = check_dims(L, dims);
  bool keep = check_keep(L, name, op == VG_VAR);
  vg_scalars s = {op == VG_VAR ? vglua_option_number(L, 3, "correction", 1) : 0, 0};
  return vglua_return(L, vg_reduce(vglua_new_tensor(L), op, s, x, n, dims, keep));
}

static int l_sum(lua_State *L) { return reduce(L, VG_SUM, "sum"); }
static int l_mean(lua_State *L) { return reduce(L, VG_MEAN, "mean"); }
static int l_amax(lua_State *L) { return reduce(L, VG_AMAX, "amax"); }
static int l_amin(lua_State *L) { return reduce(L, VG_AMIN, "amin"); }
static int l_prod(lua_State *L) { return reduce(L, VG_PROD, "prod"); }
static int l_var(lua_State *L) { return reduce(L, VG_VAR, "var"); }
static int l_norm(lua_State *L) { return reduce(L, VG_NORM2, "norm"); }
static int l_argmax(lua_State *L) { return reduce(L, VG_ARGMAX, "argmax"); }
static int l_argmin(lua_State *L) { return reduce(L, VG_ARGMIN, "argmin"); }

static int l_std(lua_State *L) {
  vg_tensor **out;
  l_var(L);
  out = vglua_new_tensor(L);
  return vglua_return(
      L, vg_unary_op(out, VG_SQRT, (vg_scalars){0, 0}, vglua_check_tensor(L, lua_gettop(L) - 1)));
}

/* x:max() -> the largest; x:max(dim [, keepdim]) -> values, indices (0-based) */
static int extreme(lua_State *L, vg_reduction single, vg_reduction where, const char *name) {
  vg_tensor *x = vglua_check_tensor(L, 1), **index, **at, **values, **flat;
  int dim;
  bool keep;
  vg_status st;
  if (lua_isnoneornil(L, 2)) return reduce(L, single, name);
  dim = vglua_check_dim(L, 2);
  keep = check_keep(L, name, false);
  at = vglua_new_tensor(L);
  flat = vglua_new_tensor(L);
  values = vglua_new_tensor(L);
  index = vglua_new_tensor(L);
  VG_TRY(vg_reduce(at, where, (vg_scalars){0, 0}, x, 1, &dim, true));
  VG_TRY(vg_gather(flat, x, dim, *at));
  if (keep) {
    *values = vg_retain(*flat);
    *index = vg_retain(*at);
  } else {
    VG_TRY(vg_squeeze(values, *flat, dim));
    VG_TRY(vg_squeeze(index, *at, dim));
  }
done:
  return vglua_return_n(L, st, 2);
}

static int l_max(lua_State *L) { return extreme(L, VG_AMAX, VG_ARGMAX, "max"); }
static int l_min(lua_State *L) { return extreme(L, VG_AMIN, VG_ARGMIN, "min"); }

/* x:allclose(y [, { rtol = 1e-5, atol = 1e-8 }]) */
static int l_allclose(lua_State *L) {
  static const char *const options[] = {"rtol", "atol", NULL};
  vg_tensor *a = vglua_check_tensor(L, 1), *b = vglua_check_tensor(L, 2);
  bool close = false;
  vg_status st;
  vglua_check_options(L, 3, "allclose", options);
  st = vg_all_close(&close, a, b, vglua_option_number(L, 3, "rtol", 1e-5),
                    vglua_option_number(L, 3, "atol", 1e-8));
  lua_pushboolean(L, close);
  return vglua_return(L, st);
}

static int l_equal(lua_State *L) {
  vg_tensor *a = vglua_check_tensor(L, 1);
  bool same = false;
  vg_status st = vg_all_equal(&same, a, vglua_check_tensor(L, 2));
  lua_pushboolean(L, same);
  return vglua_return(L, st);
}

static const luaL_Reg methods[] = {
    {"sum", l_sum},           {"mean", l_mean},     {"amax", l_amax}, {"amin", l_amin},
    {"prod", l_prod},         {"var", l_var},       {"std", l_std},   {"norm", l_norm},
    {"argmax", l_argmax},     {"argmin", l_argmin}, {"max", l_max},   {"min", l_min},
    {"allclose", l_allclose}, {"equal", l_equal},   {NULL, NULL}};

void vglua_open_reduce(lua_State *L);
void vglua_open_reduce(lua_State *L) { vglua_add_methods(L, methods); }
