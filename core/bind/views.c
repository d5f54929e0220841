/* Views and conversions: x:reshape(2, -1), x[3], x:narrow(1, 2, 5), x:to("cpu"), x:float(). */
#include <string.h>

#include "bind/bind.h"
#include "ops/ops.h"

static int l_reshape(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int64_t shape[VG_MAX_DIMS];
  int n = vglua_check_shape(L, 2, shape);
  return vglua_return(L, vg_reshape(vglua_new_tensor(L), x, n, shape));
}

static int l_expand(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int64_t shape[VG_MAX_DIMS];
  int n = vglua_check_shape(L, 2, shape);
  return vglua_return(L, vg_expand(vglua_new_tensor(L), x, n, shape));
}

static int opt_dim(lua_State *L, int arg, int otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : vglua_check_dim(L, arg);
}

static int l_flatten(lua_State *L) { /* x:flatten([first [, last]]) */
  vg_tensor *x = vglua_check_tensor(L, 1);
  int first = opt_dim(L, 2, 0), last = opt_dim(L, 3, -1);
  return vglua_return(L, vg_flatten(vglua_new_tensor(L), x, first, last));
}

/* Positions count from 1, or from -1 at the end. */
static int64_t check_position(lua_State *L, int arg) {
  double v = luaL_checknumber(L, arg);
  if (v == 0 || v != (double)(int64_t)v) luaL_argerror(L, arg, "positions count from 1");
  return v > 0 ? (int64_t)v - 1 : (int64_t)v;
}

static int l_narrow(lua_State *L) { /* x:narrow(dim, start, length) */
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dim = vglua_check_dim(L, 2);
  int64_t start = check_position(L, 3), length = (int64_t)luaL_checknumber(L, 4);
  int d = dim < 0 ? dim + x->ndim : dim;
  if (start < 0 && d >= 0 && d < x->ndim) start += x->shape[d];
  return vglua_return(L, vg_narrow(vglua_new_tensor(L), x, dim, start, length));
}

static int l_select(lua_State *L) { /* x:select(dim, position), x[position] */
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dim = vglua_check_dim(L, 2);
  int64_t i = check_position(L, 3);
  return vglua_return(L, vg_select(vglua_new_tensor(L), x, dim, i));
}

static int l_transpose(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int a = vglua_check_dim(L, 2), b = vglua_check_dim(L, 3);
  return vglua_return(L, vg_transpose(vglua_new_tensor(L), x, a, b));
}

static int l_t(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  if (x->ndim != 2) return luaL_error(L, "t: want a matrix, got %s", vg_shape_str(x));
  return vglua_return(L, vg_transpose(vglua_new_tensor(L), x, 0, 1));
}

static int l_permute(lua_State *L) { /* x:permute(2, 1, 3) or x:permute { 2, 1, 3 } */
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dims[VG_MAX_DIMS], n;
  if (lua_istable(L, 2)) {
    n = (int)lua_objlen(L, 2);
    luaL_checkstack(L, n + 1, "permute");
    for (int i = 0; i < n; i++) lua_rawgeti(L, 2, i + 1);
    lua_remove(L, 2);
  }
  n = lua_gettop(L) - 1;
  if (n > VG_MAX_DIMS) return luaL_error(L, "permute: at most 8 dimensions are possible");
  for (int i = 0; i < n; i++) dims[i] = vglua_check_dim(L, 2 + i);
  return vglua_return(L, vg_permute(vglua_new_tensor(L), x, n, dims));
}

static int l_squeeze(lua_State *L) { /* x:squeeze([dim]): one dimension, or all of size 1 */
  vg_tensor *x = vglua_check_tensor(L, 1);
  int64_t shape[VG_MAX_DIMS];
  int n = 0;
  if (!lua_isnoneornil(L, 2)) {
    int dim = vglua_check_dim(L, 2);
    return vglua_return(L, vg_squeeze(vglua_new_tensor(L), x, dim));
  }
  for (int d = 0; d < x->ndim; d++)
    if (x->shape[d] != 1) shape[n++] = x->shape[d];
  return vglua_return(L, vg_reshape(vglua_new_tensor(L), x, n, shape));
}

static int l_unsqueeze(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dim = vglua_check_dim(L, 2);
  return vglua_return(L, vg_unsqueeze(vglua_new_tensor(L), x, dim));
}

/* An argument "channels_last"; "contiguous_format" or nothing: false. */
static bool check_channels_last(lua_State *L, int arg) {
  static const char *const formats[] = {"contiguous_format", "channels_last", NULL};
  return luaL_checkoption(L, arg, formats[0], formats) == 1;
}

static int l_contiguous(lua_State *L) { /* x:contiguous([memory format]) */
  vg_tensor *x = vglua_check_tensor(L, 1);
  bool last = check_channels_last(L, 2);
  vg_tensor **out = vglua_new_tensor(L);
  return vglua_return(L, last ? vg_channels_last(out, x) : vg_contiguous(out, x));
}

static int l_clone(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return vglua_return(L, vg_clone(vglua_new_tensor(L), x));
}

static int l_is_contiguous(lua_State *L) { /* x:is_contiguous([memory format]) */
  const vg_tensor *x = vglua_check_tensor(L, 1);
  lua_pushboolean(L, check_channels_last(L, 2) ? vg_is_channels_last(x) : vg_is_contiguous(x));
  return 1;
}

/* ---- dtype and device ---- */

static bool is_dtype(const char *name) {
  for (int d = 0; d < VG_DTYPE_COUNT; d++)
    if (!strcmp(name, vg_dtype_name((vg_dtype)d))) return true;
  return false;
}

static int move_cast(lua_State *L, vg_tensor *x, vg_dtype dtype, vg_device *dev) {
  vg_tensor **mid = vglua_new_tensor(L), **out = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_cast(mid, x, dtype));
  st = vg_move_to(out, *mid, dev);
done:
  return vglua_return(L, st);
}

static int l_to(lua_State *L) { /* x:to(dtype | device [, ...]) */
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_dtype dtype = x->dtype;
  vg_device *dev = x->dev;
  for (int i = 2; i <= lua_gettop(L); i++) {
    if (is_dtype(luaL_checkstring(L, i)))
      dtype = vglua_check_dtype(L, i);
    else
      dev = vglua_check_device(L, i);
  }
  return move_cast(L, x, dtype, dev);
}

static int l_cpu(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return move_cast(L, x, x->dtype, vg_cpu(vglua_context(L)));
}

static int cast(lua_State *L, vg_dtype dtype) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return vglua_return(L, vg_cast(vglua_new_tensor(L), x, dtype));
}

static int l_float(lua_State *L) { return cast(L, VG_F32); }
static int l_bfloat16(lua_State *L) { return cast(L, VG_BF16); }
static int l_long(lua_State *L) { return cast(L, VG_I64); }
static int l_byte(lua_State *L) { return cast(L, VG_U8); }

static const luaL_Reg methods[] = {{"reshape", l_reshape},
                                   {"view", l_reshape},
                                   {"expand", l_expand},
                                   {"flatten", l_flatten},
                                   {"narrow", l_narrow},
                                   {"select", l_select},
                                   {"transpose", l_transpose},
                                   {"t", l_t},
                                   {"permute", l_permute},
                                   {"squeeze", l_squeeze},
                                   {"unsqueeze", l_unsqueeze},
                                   {"contiguous", l_contiguous},
                                   {"is_contiguous", l_is_contiguous},
                                   {"clone", l_clone},
                                   {"to", l_to},
                                   {"cpu", l_cpu},
                                   {"float", l_float},
                                   {"bfloat16", l_bfloat16},
                                   {"long", l_long},
                                   {"byte", l_byte},
                                   {NULL, NULL}};

void vglua_open_views(lua_State *L);
void vglua_open_views(lua_State *L) { vglua_add_methods(L, methods); }
