/* Convolution, pooling, batch normalisation, matrix products as methods of Tensor. */
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

static vg_pool2d check_pool(lua_State *L, const char *op, const char *const *known) {
  vg_pool2d p = {0};
  luaL_checktype(L, 2, LUA_TTABLE);
  vglua_check_options(L, 2, op, known);
  lua_getfield(L, 2, "kernel");
  if (lua_isnil(L, -1)) luaL_error(L, "%s: option 'kernel' is missing", op);
  lua_pop(L, 1);
  vglua_option_pair(L, 2, "kernel", 0, p.kernel);
  lua_getfield(L, 2, "stride");
  if (lua_isnil(L, -1))
    for (int i = 0; i < 2; i++) p.stride[i] = p.kernel[i];
  else
    vglua_option_pair(L, 2, "stride", 0, p.stride);
  lua_pop(L, 1);
  vglua_option_pair(L, 2, "pad", 0, p.pad);
  p.ceil_mode = vglua_option_bool(L, 2, "ceil_mode", false);
  p.count_include_pad = vglua_option_bool(L, 2, "count_include_pad", true);
  return p;
}

static int l_max_pool2d(lua_State *L) {
  static const char *const known[] = {"kernel", "stride", "pad", "ceil_mode", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_pool2d p = check_pool(L, "max_pool2d", known);
  return vglua_return(L, vg_max_pool2d(vglua_new_tensor(L), x, &p));
}

static int l_avg_pool2d(lua_State *L) {
  static const char *const known[] = {"kernel", "stride", "pad", "ceil_mode", "count_include_pad",
                                      NULL};
  vg_tensor *x = vglua_check_tensor(L, 1);
  vg_pool2d p = check_pool(L, "avg_pool2d", known);
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
  vg_norm p;
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
void vglua_open_dense(lua_State *L) { vglua_add_methods(L, methods); }
