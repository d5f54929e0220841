/* Tensors from nothing: zeros, ones, full, arange, eye and their _like forms. After the shape come,
   in any order, a dtype name and a device name. */
#include <math.h>
#include <string.h>

#include "bind/bind.h"
#include "ops/ops.h"

typedef struct kind {
  vg_dtype dtype;
  vg_device *dev;
} kind;

static kind check_kind(lua_State *L, int arg, kind k) {
  for (; arg <= lua_gettop(L); arg++) {
    const char *s = lua_isnil(L, arg) ? NULL : luaL_checkstring(L, arg);
    bool dtype = false;
    for (int d = 0; s && d < VG_DTYPE_COUNT; d++)
      dtype = dtype || !strcmp(s, vg_dtype_name((vg_dtype)d));
    if (dtype)
      k.dtype = vglua_check_dtype(L, arg);
    else if (s)
      k.dev = vglua_check_device(L, arg);
  }
  return k;
}

static kind default_kind(lua_State *L) {
  return (kind){.dtype = VG_F32, .dev = vg_usual_device(vglua_context(L))};
}

/* A shape as one table or as leading numbers; *next is the argument after it. */
static int check_shape(lua_State *L, int arg, int64_t *shape, int *next) {
  int n = 0, top = arg;
  if (lua_istable(L, arg)) {
    *next = arg + 1;
    return vglua_check_shape(L, arg, shape);
  }
  while (lua_type(L, top) == LUA_TNUMBER) top++;
  if (top == arg) luaL_argerror(L, arg, "want a shape");
  *next = top;
  lua_createtable(L, top - arg, 0);
  for (int i = arg; i < top; i++) {
    lua_pushvalue(L, i);
    lua_rawseti(L, -2, i - arg + 1);
  }
  n = vglua_check_shape(L, lua_gettop(L), shape);
  lua_pop(L, 1);
  return n;
}

static int filled(lua_State *L, int arg, double value) {
  int64_t shape[VG_MAX_DIMS];
  int next, n = check_shape(L, arg, shape, &next);
  kind k = check_kind(L, next, default_kind(L));
  return vglua_return(L, vg_filled(vglua_new_tensor(L), k.dev, k.dtype, n, shape, value));
}

static int l_zeros(lua_State *L) { return filled(L, 1, 0); }
static int l_ones(lua_State *L) { return filled(L, 1, 1); }

static int l_full(lua_State *L) { /* full({ 2, 3 }, value [, dtype] [, device]) */
  double value = luaL_checknumber(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_remove(L, 2);
  return filled(L, 1, value);
}

static int like(lua_State *L, int arg, double value) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  kind k = check_kind(L, arg, (kind){.dtype = x->dtype, .dev = x->dev});
  return vglua_return(L, vg_filled(vglua_new_tensor(L), k.dev, k.dtype, x->ndim, x->shape, value));
}

static int l_zeros_like(lua_State *L) { return like(L, 2, 0); }
static int l_ones_like(lua_State *L) { return like(L, 2, 1); }
static int l_full_like(lua_State *L) { return like(L, 3, luaL_checknumber(L, 2)); }

/* Makes the tensor from doubles in a Lua buffer on top of the stack. */
static int from_doubles(lua_State *L, const double *v, int ndim, const int64_t *shape, kind k) {
  int64_t n = vg_numel(ndim, shape);
  vg_tensor **out = vglua_new_tensor(L);
  void *host = lua_newuserdata(L, (size_t)n * vg_dtype_size(k.dtype) + 1);
  vg_status st;
  for (int64_t i = 0; i < n; i++) {
    switch (k.dtype) {
      case VG_F32: ((float *)host)[i] = (float)v[i]; break;
      case VG_BF16: ((uint16_t *)host)[i] = vg_f32_to_bf16((float)v[i]); break;
      case VG_I64: ((int64_t *)host)[i] = (int64_t)v[i]; break;
      default: ((uint8_t *)host)[i] = (uint8_t)(int64_t)v[i]; break;
    }
  }
  VG_TRY(vg_new(out, k.dev, k.dtype, ndim, shape));
  st = vg_write(*out, host);
done:
  lua_pop(L, 1);
  return vglua_return(L, st);
}

/* arange(stop), arange(start, stop [, step]): stop excluded; int64 when all three are whole */
static int l_arange(lua_State *L) {
  int next = 1;
  double a[3] = {0, 0, 1}, count, *v;
  kind k = default_kind(L);
  int64_t n;
  for (; next <= 3 && lua_type(L, next) == LUA_TNUMBER; next++) a[next - 1] = lua_tonumber(L, next);
  if (next == 1) return luaL_argerror(L, 1, "want a number");
  if (next == 2) {
    a[1] = a[0];
    a[0] = 0;
  }
  if (a[2] == 0) return luaL_error(L, "arange: the step is 0");
  count = ceil((a[1] - a[0]) / a[2]);
  if (count != count || count > 1e9) return luaL_error(L, "arange: too many elements");
  n = count > 0 ? (int64_t)count : 0;
  if (a[0] == floor(a[0]) && a[1] == floor(a[1]) && a[2] == floor(a[2])) k.dtype = VG_I64;
  k = check_kind(L, next, k);
  v = lua_newuserdata(L, (size_t)n * sizeof *v + 1);
  for (int64_t i = 0; i < n; i++) v[i] = a[0] + (double)i * a[2];
  return from_doubles(L, v, 1, &n, k);
}

static int l_eye(lua_State *L) { /* eye(n [, dtype] [, device]) */
  int64_t n = luaL_checkinteger(L, 1), shape[2] = {n, n};
  kind k = check_kind(L, 2, default_kind(L));
  double *v;
  if (n < 0 || n > 16384) return luaL_argerror(L, 1, "want a size from 0 to 16384");
  v = lua_newuserdata(L, (size_t)(n * n) * sizeof *v + 1);
  memset(v, 0, (size_t)(n * n) * sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i * n + i] = 1;
  return from_doubles(L, v, 2, shape, k);
}

static const luaL_Reg functions[] = {{"zeros", l_zeros},
                                     {"ones", l_ones},
                                     {"full", l_full},
                                     {"zeros_like", l_zeros_like},
                                     {"ones_like", l_ones_like},
                                     {"full_like", l_full_like},
                                     {"arange", l_arange},
                                     {"eye", l_eye},
                                     {NULL, NULL}};

void vglua_open_create(lua_State *L);
void vglua_open_create(lua_State *L) { luaL_register(L, NULL, functions); }
