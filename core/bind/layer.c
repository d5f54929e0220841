/* Leaf layers: core.layer.Conv2d { 3, 64, kernel = 3 } and so on give a userdata that owns the
   parameters; lua/vgg/module.lua wraps it. */
#include "nn/layer.h"

#include "bind/bind.h"

#define VGLUA_LAYER "vgg.Layer"

static vg_layer *push_layer(lua_State *L) {
  vg_layer *l;
  vglua_context(L);
  l = lua_newuserdata(L, sizeof *l);
  *l = (vg_layer){0};
  luaL_getmetatable(L, VGLUA_LAYER);
  lua_setmetatable(L, -2);
  return l;
}

static vg_layer *check_layer(lua_State *L) { return luaL_checkudata(L, 1, VGLUA_LAYER); }

/* ---- constructors ---- */

/* The i-th entry of the array part: a size. */
static int64_t positional(lua_State *L, const char *op, int i, const char *meaning) {
  double v;
  lua_rawgeti(L, 1, i);
  v = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || v < -9e15 || v > 9e15 || v != (double)(int64_t)v)
    luaL_error(L, "%s: want %s at position %d, got %s", op, meaning, i, luaL_typename(L, -1));
  lua_pop(L, 1);
  return (int64_t)v;
}

static void check_spec(lua_State *L, const char *op, int n, const char *const *known) {
  if (!lua_istable(L, 1))
    luaL_error(L, "%s: want one table of options, got %s", op, luaL_typename(L, 1));
  if ((int)lua_objlen(L, 1) > n)
    luaL_error(L, "%s: want %d values before the named options, got %d", op, n,
               (int)lua_objlen(L, 1));
  vglua_check_options(L, 1, op, known);
}

static int l_conv2d(lua_State *L) {
  static const char *const known[] = {"kernel", "stride", "pad", "dilation",
                                      "groups", "bias",   NULL};
  vg_conv2d_spec s = {0};
  check_spec(L, "Conv2d", 2, known);
  s.in = positional(L, "Conv2d", 1, "the input channels");
  s.out = positional(L, "Conv2d", 2, "the output channels");
  vglua_option_pair(L, 1, "kernel", 0, s.kernel);
  if (s.kernel[0] == 0) return luaL_error(L, "Conv2d: option 'kernel' is missing");
  vglua_option_pair(L, 1, "stride", 1, s.conv.stride);
  vglua_option_pair(L, 1, "pad", 0, s.conv.pad);
  vglua_option_pair(L, 1, "dilation", 1, s.conv.dilation);
  s.conv.groups = (int)vglua_option_integer(L, 1, "groups", 1);
  s.bias = vglua_option_bool(L, 1, "bias", true);
  return vglua_return(L, vg_conv2d_new(push_layer(L), vglua_context(L), &s));
}

static int l_linear(lua_State *L) {
  static const char *const known[] = {"bias", NULL};
  vg_linear_spec s = {0};
  check_spec(L, "Linear", 2, known);
  s.in = positional(L, "Linear", 1, "the input width");
  s.out = positional(L, "Linear", 2, "the output width");
  s.bias = vglua_option_bool(L, 1, "bias", true);
  return vglua_return(L, vg_linear_new(push_layer(L), vglua_context(L), &s));
}

static int l_batchnorm2d(lua_State *L) {
  static const char *const known[] = {"eps", "momentum", "affine", "track_running_stats", NULL};
  vg_batchnorm2d_spec s = {0};
  check_spec(L, "BatchNorm2d", 1, known);
  s.channels = positional(L, "BatchNorm2d", 1, "the channels");
  s.eps = vglua_option_number(L, 1, "eps", 1e-5);
  s.momentum = vglua_option_number(L, 1, "momentum", 0.1);
  s.affine = vglua_option_bool(L, 1, "affine", true);
  s.track_running_stats = vglua_option_bool(L, 1, "track_running_stats", true);
  return vglua_return(L, vg_batchnorm2d_new(push_layer(L), vglua_context(L), &s));
}

/* ---- methods ---- */

/* layer:forward(x [, relu [, windows of a max_pool2d behind it]]) */
static int l_forward(lua_State *L) {
  vg_layer *l = check_layer(L);
  vg_tensor *x = vglua_check_tensor(L, 2);
  vg_layer_then then = {.relu = lua_toboolean(L, 3)};
  vg_pool2d pool;
  if (!lua_isnoneornil(L, 4)) {
    pool = vglua_check_max_pool(L, 4);
    then.pool = &pool;
  }
  if ((then.relu || then.pool) && !l->kind->fuses)
    return luaL_error(L, "%s has no fused %s", l->kind->name, then.relu ? "ReLU" : "pooling");
  return vglua_return(L, vg_layer_forward(vglua_new_tensor(L), l, x, &then));
}

/* layer:train(boolean) */
static int l_train(lua_State *L) {
  vg_layer *l = check_layer(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  l->training = lua_toboolean(L, 2);
  return 0;
}

/* layer:tensor(position) -> name, tensor, is_buffer; name alone for an option not chosen; nothing
   past the end. The handle outlives all scopes. */
static int l_tensor(lua_State *L) {
  vg_layer *l = check_layer(L);
  int i = luaL_checkint(L, 2) - 1;
  if (i < 0 || i >= VG_LAYER_TENSORS || !l->kind->tensors[i]) return 0;
  lua_pushstring(L, l->kind->tensors[i]);
  if (!l->tensor[i]) return 1;
  vglua_push_tensor(L, l->tensor[i]);
  vg_handle_move(lua_touserdata(L, -1), NULL);
  lua_pushboolean(L, i >= l->kind->nparams);
  return 3;
}

static int l_reset(lua_State *L) {
  vg_layer *l = check_layer(L);
  return vglua_return_n(L, l->kind->reset(l), 0);
}

/* layer:describe() -> "3 -> 64", "kernel 3, pad 1" */
static int l_describe(lua_State *L) {
  vg_layer *l = check_layer(L);
  vg_layer_text t = {{0}, {0}};
  l->kind->describe(l, &t);
  lua_pushstring(L, t.what);
  lua_pushstring(L, t.how);
  return 2;
}

static int l_gc(lua_State *L) {
  vg_layer *l = check_layer(L);
  if (vglua_is_open(L)) vg_layer_clear(l);
  return 0;
}

/* become_(t, src): t takes the memory of src, in place for everybody who holds it */
static int l_become(lua_State *L) {
  vg_tensor *t = vglua_check_tensor(L, 1), *src = vglua_check_tensor(L, 2);
  return vglua_return_n(L, vg_tensor_become(t, src), 0);
}

static const luaL_Reg methods[] = {{"forward", l_forward},   {"train", l_train},
                                   {"tensor", l_tensor},     {"reset", l_reset},
                                   {"describe", l_describe}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"Conv2d", l_conv2d},
                                     {"Linear", l_linear},
                                     {"BatchNorm2d", l_batchnorm2d},
                                     {"become_", l_become},
                                     {NULL, NULL}};

void vglua_open_layer(lua_State *L);
void vglua_open_layer(lua_State *L) {
  luaL_newmetatable(L, VGLUA_LAYER);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_register(L, NULL, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  vglua_add_module(L, "layer", functions);
}
