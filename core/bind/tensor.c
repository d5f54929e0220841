/* Tensor creation, fields, reading values, backward. */
#include <string.h>

#include "base/alloc.h"
#include "bind/bind.h"

/* ---- from Lua values ---- */

/* Shape of a nested table; every level must agree with the first element's. */
static int table_shape(lua_State *L, int index, int64_t *shape) {
  int n = 0, top = lua_gettop(L);
  lua_pushvalue(L, index);
  while (lua_istable(L, -1)) {
    if (n == VG_MAX_DIMS) luaL_error(L, "tensor: at most 8 dimensions are possible");
    shape[n++] = (int64_t)lua_objlen(L, -1);
    if (shape[n - 1] == 0) break;
    lua_rawgeti(L, -1, 1);
  }
  lua_settop(L, top);
  return n;
}

static void store(void *data, vg_dtype d, int64_t i, double v) {
  switch (d) {
    case VG_F32: ((float *)data)[i] = (float)v; break;
    case VG_BF16: ((uint16_t *)data)[i] = vg_f32_to_bf16((float)v); break;
    case VG_I64: ((int64_t *)data)[i] = (int64_t)v; break;
    default: ((uint8_t *)data)[i] = (uint8_t)(int64_t)v; break;
  }
}

static void fill_level(lua_State *L, int depth, int ndim, const int64_t *shape, void *data,
                       vg_dtype dtype, int64_t *at) {
  if (depth == ndim) {
    if (lua_isboolean(L, -1)) {
      store(data, dtype, (*at)++, lua_toboolean(L, -1));
      return;
    }
    if (lua_type(L, -1) != LUA_TNUMBER)
      luaL_error(L, "tensor: want a number, got %s", luaL_typename(L, -1));
    store(data, dtype, (*at)++, lua_tonumber(L, -1));
    return;
  }
  if (!lua_istable(L, -1) || (int64_t)lua_objlen(L, -1) != shape[depth])
    luaL_error(L, "tensor: rows of different length");
  luaL_checkstack(L, 2, "tensor");
  for (int64_t i = 0; i < shape[depth]; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    fill_level(L, depth + 1, ndim, shape, data, dtype, at);
    lua_pop(L, 1);
  }
}

/* tensor(table | number [, dtype [, device]]) */
static int l_tensor(lua_State *L) {
  int64_t shape[VG_MAX_DIMS], at = 0;
  int ndim = table_shape(L, 1, shape);
  vg_dtype dtype = vglua_opt_dtype(L, 2, VG_F32);
  vg_device *dev = vglua_opt_device(L, 3);
  vg_tensor **out;
  void *host;
  vg_status st;
  luaL_checkany(L, 1);
  out = vglua_new_tensor(L);
  st = vg_new(out, dev, dtype, ndim, shape);
  if (st != VG_OK) return vglua_raise(L, st);
  host = lua_newuserdata(L, (size_t)(*out)->n * vg_dtype_size(dtype) + 1);
  lua_pushvalue(L, 1);
  fill_level(L, 0, ndim, shape, host, dtype, &at);
  st = vg_write(*out, host);
  lua_pop(L, 2);
  return vglua_return(L, st);
}

/* empty(shape [, dtype [, device]]): contents undefined */
static int l_empty(lua_State *L) {
  int64_t shape[VG_MAX_DIMS];
  int ndim;
  luaL_checktype(L, 1, LUA_TTABLE);
  ndim = vglua_check_shape(L, 1, shape);
  vg_dtype dtype = vglua_opt_dtype(L, 2, VG_F32);
  vg_device *dev = vglua_opt_device(L, 3);
  return vglua_return(L, vg_new(vglua_new_tensor(L), dev, dtype, ndim, shape));
}

/* from_bytes(string, shape, dtype): row-major host bytes */
static int l_from_bytes(lua_State *L) {
  int64_t shape[VG_MAX_DIMS];
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  int ndim = vglua_check_shape(L, 2, shape);
  vg_dtype dtype = vglua_opt_dtype(L, 3, VG_F32);
  vg_tensor **out = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new(out, vg_usual_device(vglua_context(L)), dtype, ndim, shape));
  if (len != (size_t)(*out)->n * vg_dtype_size(dtype))
    VG_TRY(vg_fail(VG_ESHAPE, "from_bytes: %zu bytes do not make a %s tensor of %s", len,
                   vg_shape_str(*out), vg_dtype_name(dtype)));
  VG_TRY(vg_write(*out, bytes));
done:
  return vglua_return(L, st);
}

/* ---- reading ---- */

static double load(const void *data, vg_dtype d, int64_t i) {
  switch (d) {
    case VG_F32: return (double)((const float *)data)[i];
    case VG_BF16: return (double)vg_bf16_to_f32(((const uint16_t *)data)[i]);
    case VG_I64: return (double)((const int64_t *)data)[i];
    default: return (double)((const uint8_t *)data)[i];
  }
}

static void push_level(lua_State *L, const vg_tensor *t, int depth, const void *data, int64_t *at) {
  if (depth == t->ndim) {
    lua_pushnumber(L, load(data, t->dtype, (*at)++));
    return;
  }
  luaL_checkstack(L, 3, "totable");
  lua_createtable(L, (int)t->shape[depth], 0);
  for (int64_t i = 0; i < t->shape[depth]; i++) {
    push_level(L, t, depth + 1, data, at);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static int l_totable(lua_State *L) {
  vg_tensor *t = vglua_check_tensor(L, 1);
  void *host = lua_newuserdata(L, (size_t)t->n * vg_dtype_size(t->dtype) + 1);
  int64_t at = 0;
  vg_status st = vg_read(t, host);
  if (st != VG_OK) return vglua_raise(L, st);
  push_level(L, t, 0, host, &at);
  return 1;
}

static int l_tobytes(lua_State *L) {
  vg_tensor *t = vglua_check_tensor(L, 1);
  size_t bytes = (size_t)t->n * vg_dtype_size(t->dtype);
  void *host = lua_newuserdata(L, bytes + 1);
  vg_status st = vg_read(t, host);
  if (st != VG_OK) return vglua_raise(L, st);
  lua_pushlstring(L, host, bytes);
  return 1;
}

static int l_item(lua_State *L) {
  double v = 0;
  vg_status st = vg_item(vglua_check_tensor(L, 1), &v);
  lua_pushnumber(L, v);
  return vglua_return(L, st);
}

/* ---- autograd ---- */

/* y:backward([gradient [, { retain_graph = true }]]) */
static int l_backward(lua_State *L) {
  static const char *const known[] = {"retain_graph", NULL};
  vg_tensor *y = vglua_check_tensor(L, 1), *gy = vglua_opt_tensor(L, 2);
  vglua_check_options(L, 3, "backward", known);
  return vglua_return_n(L, vg_backward(y, gy, vglua_option_bool(L, 3, "retain_graph", false)), 0);
}

static int l_detach(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return vglua_return(L, vg_alias(vglua_new_tensor(L), x));
}

static int l_requires_grad_(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  bool on = lua_isnone(L, 2) || lua_toboolean(L, 2);
  if (x->node && !on)
    return luaL_error(L, "requires_grad_: the tensor has a history; detach it first");
  if (on && x->dtype != VG_F32 && x->dtype != VG_BF16)
    return luaL_error(L, "requires_grad_: only float tensors have gradients, this one is %s",
                      vg_dtype_name(x->dtype));
  if (!x->node) x->requires_grad = on;
  lua_settop(L, 1);
  return 1;
}

static int l_retain_grad(lua_State *L) {
  vg_status st = vg_retain_grad(vglua_check_tensor(L, 1));
  lua_settop(L, 1);
  return vglua_return(L, st);
}

static int l_set_grad(lua_State *L) { /* x:set_grad(t | nil) */
  vg_tensor *x = vglua_check_tensor(L, 1), *g = vglua_opt_tensor(L, 2);
  if (g && !vg_same_shape(g, x))
    return luaL_error(L, "set_grad: gradient is %s, tensor is %s", vg_shape_str(g),
                      vg_shape_str(x));
  vg_release(x->grad);
  x->grad = vg_retain(g);
  return 0;
}

/* no_grad(fn, ...) */
static int l_no_grad(lua_State *L) {
  vg_context *c = vglua_context(L);
  int rc, depth = c->no_grad;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  vg_no_grad_begin(c);
  rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  c->no_grad = depth;
  return rc ? lua_error(L) : lua_gettop(L);
}

static int l_is_grad_enabled(lua_State *L) {
  lua_pushboolean(L, vglua_context(L)->no_grad == 0);
  return 1;
}

/* ---- fields ---- */

static void push_sizes(lua_State *L, int n, const int64_t *v) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushnumber(L, (lua_Number)v[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static const char *const fields[] = {"shape", "dtype",         "device",  "ndim",   "numel",
                                     "grad",  "requires_grad", "is_leaf", "layout", NULL};

static bool push_field(lua_State *L, vg_tensor *t, const char *k) {
  int i = 0;
  while (fields[i] && strcmp(fields[i], k) != 0) i++;
  switch (i) {
    case 0: push_sizes(L, t->ndim, t->shape); break;
    case 1: lua_pushstring(L, vg_dtype_name(t->dtype)); break;
    case 2: lua_pushstring(L, t->dev->name); break;
    case 3: lua_pushinteger(L, t->ndim); break;
    case 4: lua_pushnumber(L, (lua_Number)t->n); break;
    case 5: vglua_push_tensor(L, t->grad); break;
    case 6: lua_pushboolean(L, t->requires_grad || t->node); break;
    case 7: lua_pushboolean(L, !t->node); break;
    case 8: lua_pushstring(L, t->layout ? t->layout->name : "strided"); break;
    default: return false;
  }
  return true;
}

/* The methods are the first upvalue of __index. */
static int no_field(lua_State *L, const char *key) {
  vglua_suggestion s = {.word = key};
  for (int i = 0; fields[i]; i++) vglua_consider(&s, fields[i]);
  lua_pushnil(L);
  while (lua_next(L, lua_upvalueindex(1))) {
    lua_pop(L, 1);
    vglua_consider(&s, lua_tostring(L, -1));
  }
  if (s.best) return luaL_error(L, "no field '%s' in Tensor (did you mean '%s'?)", key, s.best);
  return luaL_error(L, "no field '%s' in Tensor", key);
}

static int l_index(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *key = lua_tostring(L, 2);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1)) return 1;
    if (push_field(L, vglua_check_tensor(L, 1), key)) return 1;
    return no_field(L, key);
  }
  lua_getfield(L, lua_upvalueindex(1), "select"); /* x[i] = x:select(1, i) */
  if (lua_isnil(L, -1))
    return luaL_error(L, "cannot index a Tensor with a %s", luaL_typename(L, 2));
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 3, 1);
  return 1;
}

static int l_len(lua_State *L) {
  vg_tensor *t = vglua_check_tensor(L, 1);
  if (t->ndim == 0) return luaL_error(L, "a scalar Tensor has no length");
  lua_pushnumber(L, (lua_Number)t->shape[0]);
  return 1;
}

static const luaL_Reg methods[] = {
    {"totable", l_totable},         {"tobytes", l_tobytes},   {"item", l_item},
    {"backward", l_backward},       {"detach", l_detach},     {"requires_grad_", l_requires_grad_},
    {"retain_grad", l_retain_grad}, {"set_grad", l_set_grad}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"tensor", l_tensor},
                                     {"empty", l_empty},
                                     {"from_bytes", l_from_bytes},
                                     {"no_grad", l_no_grad},
                                     {"is_grad_enabled", l_is_grad_enabled},
                                     {NULL, NULL}};

void vglua_open_tensor(lua_State *L);
void vglua_open_tensor(lua_State *L) {
  vglua_add_methods(L, methods);
  luaL_register(L, NULL, functions);
  luaL_getmetatable(L, VGLUA_TENSOR);
  lua_getfield(L, -1, "methods");
  lua_pushcclosure(L, l_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_len);
  lua_setfield(L, -2, "__len");
  lua_pop(L, 1);
}
