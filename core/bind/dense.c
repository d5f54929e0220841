/* Convolution, pooling, batch normalisation, matrix products as methods of Tensor. */
#include <string.h>

#include "bind/bind.h"
#include "ops/ops.h"

/* x:conv2d{ weight = w, bias = b, stride = 1, pad = 0, dilation = 1, groups = 1 } */
static int l_conv2d(lua_State *L) {
  static const char *const known[] = {"weight",   "bias",   "stride", "pad",
                                      "dilation", "groups", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), *w, *b;
  vg_conv2d p;
  luaL_checktype(L, 2, LUA_TTABLE);
  vglua_check_options(L, 2, "conv2d", known);
  w = vglua_option_tensor(L, 2, "weight");
  b = vglua_option_tensor(L, 2, "bias");
  if (!w) return luaL_error(L, "conv2d: option 'weight' is missing");
  vglua_option_pair(L, 2, "stride", 1, p.stride);
  vglua_option_pair(L, 2, "pad", 0, p.pad);
  vglua_option_pair(L, 2, "dilation", 1, p.dilation);
  p.groups = (int)vglua_option_integer(L, 2, "groups", 1);
  return vglua_return(L, vg_conv2d_op(vglua_new_tensor(L), x, w, b, &p));
}

/* ---- pooling ---- */

static vg_pool2d check_pool(lua_State *L, int arg, const char *op, const char *const *known) {
  vg_pool2d p = {0};
  luaL_checktype(L, arg, LUA_TTABLE);
  vglua_check_options(L, arg, op, known);
  lua_getfield(L, arg, "kernel");
  if (lua_isnil(L, -1)) luaL_error(L, "%s: option 'kernel' is missing", op);
  lua_pop(L, 1);
  vglua_option_pair(L, arg, "kernel", 0, p.kernel);
  lua_getfield(L, arg, "stride");
  if (lua_isnil(L, -1))
    for (int i = 0; i < 2; i++) p.stride[i] = p.kernel[i];
  else
    vglua_option_pair(L, arg, "stride", 0, p.stride);
  lua_pop(L, 1);
  vglua_option_pair(L, arg, "pad", 0, p.pad);
  p.ceil_mode = vglua_option_bool(L, arg, "ceil_mode", false);
  p.count_include_pad = vglua_option_bool(L, arg, "count_include_pad", true);
  return p;
}

vg_pool2d vglua_check_max_pool(lua_State *L, int arg) {
  static const char *const known[] = {"kernel", "stride", "pad", "ceil_mode", NULL};
  return check_pool(L, arg, "max_pool2d", known);
}

static int l_max_pool2d(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_pool2d p = vglua_check_max_pool(L, 2);
  return vglua_return(L, vg_max_pool2d(vglua_new_tensor(L), x, &p));
}

static int l_avg_pool2d(lua_State *L) {
  static const char *const known[] = {"kernel", "stride", "pad", "ceil_mode", "count_include_pad",
                                      NULL};
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_pool2d p = check_pool(L, 2, "avg_pool2d", known);
  return vglua_return(L, vg_avg_pool2d(vglua_new_tensor(L), x, &p));
}

/* x:adaptive_avg_pool2d(h [, w]) */
static int l_adaptive_avg_pool2d(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int64_t h = luaL_checkinteger(L, 2), w = luaL_optinteger(L, 3, (lua_Integer)h);
  return vglua_return(L, vg_adaptive_avg_pool2d(vglua_new_tensor(L), x, h, w));
}

static int l_adaptive_max_pool2d(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int64_t h = luaL_checkinteger(L, 2), w = luaL_optinteger(L, 3, (lua_Integer)h);
  return vglua_return(L, vg_adaptive_max_pool2d(vglua_new_tensor(L), x, h, w));
}

/* ---- the rest ---- */

/* x:batch_norm2d{ weight =, bias =, running_mean =, running_var =, training = false,
   momentum = 0.1, eps = 1e-5, relu = false } */
static int l_batch_norm2d(lua_State *L) {
  static const char *const known[] = {"weight",   "bias", "running_mean", "running_var", "training",
                                      "momentum", "eps",  "relu",         NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), *w, *b, *mean, *var;
  vg_norm p = {0};
  vglua_check_options(L, 2, "batch_norm2d", known);
  w = vglua_option_tensor(L, 2, "weight");
  b = vglua_option_tensor(L, 2, "bias");
  mean = vglua_option_tensor(L, 2, "running_mean");
  var = vglua_option_tensor(L, 2, "running_var");
  p.training = vglua_option_bool(L, 2, "training", false);
  p.relu = vglua_option_bool(L, 2, "relu", false);
  p.momentum = (float)vglua_option_number(L, 2, "momentum", 0.1);
  p.eps = (float)vglua_option_number(L, 2, "eps", 1e-5);
  return vglua_return(L, vg_batch_norm2d(vglua_new_tensor(L), x, w, b, mean, var, &p));
}

static int l_matmul(lua_State *L) {
  vg_tensor *a = vglua_check_tensor(L, 1), *b = vglua_check_tensor(L, 2);
  return vglua_return(L, vg_matmul(vglua_new_tensor(L), a, b));
}

static int l_linear(lua_State *L) { /* x:linear(w [, b]) */
  vg_tensor *x = vglua_check_tensor(L, 1), *w = vglua_check_tensor(L, 2),
            *b = vglua_opt_tensor(L, 3);
  return vglua_return(L, vg_linear(vglua_new_tensor(L), x, w, b));
}

/* ---- dense.conv_choices() -> { [problem] = algorithm }, dense.set_conv_choices(that) ---- */

static int l_conv_choices(lua_State *L) {
  vg_device *d = vglua_opt_device(L, 1);
  vg_text text = {0};
  vg_status st = d->be->conv && d->be->conv->choices ? d->be->conv->choices(d, &text) : VG_OK;
  lua_pushstring(L, vg_text_str(&text)); /* only memory can fail here, and the state is lost then */
  vg_text_free(&text);
  if (st != VG_OK) return vglua_raise(L, st);
  lua_newtable(L);
  for (const char *line = lua_tostring(L, -2); *line; line = strchr(line, '\n') + 1) {
    const char *mark = strchr(line, '=');
    lua_pushlstring(L, line, (size_t)(mark - line));
    lua_pushlstring(L, mark + 1, (size_t)(strchr(mark, '\n') - mark - 1));
    lua_rawset(L, -3);
  }
  return 1;
}

static int l_set_conv_choices(lua_State *L) {
  vg_device *d = vglua_opt_device(L, 2);
  luaL_Buffer b;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L); /* lines, so that the buffer below has the stack for itself */
  lua_pushnil(L);
  for (int n = 1; lua_next(L, 1); n++) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      return luaL_error(L, "set_conv_choices: want problem = algorithm, both strings");
    lua_pushfstring(L, "%s=%s\n", lua_tostring(L, -2), lua_tostring(L, -1));
    lua_rawseti(L, 2, n);
    lua_pop(L, 1);
  }
  luaL_buffinit(L, &b);
  for (int n = 1, most = (int)lua_objlen(L, 2); n <= most; n++) {
    lua_rawgeti(L, 2, n);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  if (!d->be->conv || !d->be->conv->set_choices) return 0;
  return vglua_return_n(L, d->be->conv->set_choices(d, lua_tostring(L, -1)), 0);
}

static const luaL_Reg functions[] = {
    {"conv_choices", l_conv_choices}, {"set_conv_choices", l_set_conv_choices}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"conv2d", l_conv2d},
                                   {"max_pool2d", l_max_pool2d},
                                   {"avg_pool2d", l_avg_pool2d},
                                   {"adaptive_avg_pool2d", l_adaptive_avg_pool2d},
                                   {"adaptive_max_pool2d", l_adaptive_max_pool2d},
                                   {"batch_norm2d", l_batch_norm2d},
                                   {"matmul", l_matmul},
                                   {"linear", l_linear},
                                   {NULL, NULL}};

void vglua_open_dense(lua_State *L);
void vglua_open_dense(lua_State *L) {
  vglua_add_methods(L, methods);
  vglua_add_module(L, "dense", functions);
}
