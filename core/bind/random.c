/* Random tensors (rand, randn, randint, randperm), fills in place, and core.init. */
#include <math.h>

#include "bind/bind.h"
#include "nn/init.h"
#include "ops/ops.h"

/* ---- fills in place: x:uniform_([low = 0, high = 1]) ... return x ---- */

static int done(lua_State *L, vg_status st) {
  lua_settop(L, 1);
  return vglua_return(L, st);
}

static int l_uniform_(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  double lo = luaL_optnumber(L, 2, 0), hi = luaL_optnumber(L, 3, 1);
  return done(L, vg_uniform_(x, VG_RNG_USER, lo, hi));
}

static int l_normal_(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  double mean = luaL_optnumber(L, 2, 0), std = luaL_optnumber(L, 3, 1);
  return done(L, vg_normal_(x, VG_RNG_USER, mean, std));
}

static int l_bernoulli_(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  return done(L, vg_bernoulli_(x, VG_RNG_USER, luaL_optnumber(L, 2, 0.5)));
}

/* ---- new tensors: rand({ 2, 3 } [, dtype [, device]]) ---- */

static vg_tensor *new_filled(lua_State *L, int arg, vg_dtype otherwise) {
  int64_t shape[VG_MAX_DIMS];
  luaL_checktype(L, arg, LUA_TTABLE);
  int ndim = vglua_check_shape(L, arg, shape);
  vg_dtype dtype = vglua_opt_dtype(L, arg + 1, otherwise);
  vg_device *dev = vglua_opt_device(L, arg + 2);
  vg_tensor **out = vglua_new_tensor(L);
  vg_status st = vg_new(out, dev, dtype, ndim, shape);
  if (st != VG_OK) vglua_raise(L, st);
  return *out;
}

static int l_rand(lua_State *L) {
  vg_tensor *x = new_filled(L, 1, VG_F32);
  return vglua_return(L, vg_uniform_(x, VG_RNG_USER, 0, 1));
}

static int l_randn(lua_State *L) {
  vg_tensor *x = new_filled(L, 1, VG_F32);
  return vglua_return(L, vg_normal_(x, VG_RNG_USER, 0, 1));
}

static int64_t check_whole(lua_State *L, int arg) {
  double v = luaL_checknumber(L, arg);
  if (!(v > -9.0e15 && v < 9.0e15) || v != floor(v)) luaL_argerror(L, arg, "want a whole number");
  return (int64_t)v;
}

/* randint(low, high, shape [, device]): low <= v < high */
static int l_randint(lua_State *L) {
  int64_t lo = check_whole(L, 1), hi = check_whole(L, 2), shape[VG_MAX_DIMS];
  luaL_checktype(L, 3, LUA_TTABLE);
  int ndim = vglua_check_shape(L, 3, shape);
  vg_device *dev = vglua_opt_device(L, 4);
  vg_tensor **out = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new(out, dev, VG_I64, ndim, shape));
  VG_TRY(vg_randint_(*out, VG_RNG_USER, lo, hi));
done:
  return vglua_return(L, st);
}

/* randperm(n): 0 .. n - 1 in random order */
static int l_randperm(lua_State *L) {
  int64_t n = check_whole(L, 1);
  vg_tensor **out;
  vg_status st;
  if (n < 0) return luaL_argerror(L, 1, "want a size of 0 or more");
  out = vglua_new_tensor(L);
  VG_TRY(vg_new(out, vg_usual_device(vglua_context(L)), VG_I64, 1, &n));
  VG_TRY(vg_randperm_(*out, VG_RNG_USER));
done:
  return vglua_return(L, st);
}

/* ---- core.init: kaiming_uniform_(w, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }) ----
 */

static int option_choice(lua_State *L, int arg, const char *name, const char *otherwise,
                         const char *const *names) {
  int choice;
  if (!lua_istable(L, arg)) {
    lua_pushstring(L, otherwise);
  } else {
    lua_getfield(L, arg, name);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushstring(L, otherwise);
    }
  }
  choice = luaL_checkoption(L, -1, NULL, names);
  lua_pop(L, 1);
  return choice;
}

static vg_kaiming check_kaiming(lua_State *L, const char *op) {
  static const char *const known[] = {"a", "mode", "nonlinearity", NULL};
  static const char *const modes[] = {"fan_in", "fan_out", NULL};
  static const char *const names[] = {"linear", "conv2d",     "sigmoid", "tanh",
                                      "relu",   "leaky_relu", "selu",    NULL};
  vglua_check_options(L, 2, op, known);
  return (vg_kaiming){
      .a = vglua_option_number(L, 2, "a", 0),
      .mode = (vg_fan)option_choice(L, 2, "mode", "fan_in", modes),
      .nonlinearity = (vg_nonlinearity)option_choice(L, 2, "nonlinearity", "leaky_relu", names)};
}

static int l_kaiming_uniform_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  vg_kaiming k = check_kaiming(L, "kaiming_uniform_");
  return done(L, vg_init_kaiming_uniform(w, &k));
}

static int l_kaiming_normal_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  vg_kaiming k = check_kaiming(L, "kaiming_normal_");
  return done(L, vg_init_kaiming_normal(w, &k));
}

static double check_gain(lua_State *L, const char *op) {
  static const char *const known[] = {"gain", NULL};
  vglua_check_options(L, 2, op, known);
  return vglua_option_number(L, 2, "gain", 1);
}

static int l_xavier_uniform_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  return done(L, vg_init_xavier_uniform(w, check_gain(L, "xavier_uniform_")));
}

static int l_xavier_normal_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  return done(L, vg_init_xavier_normal(w, check_gain(L, "xavier_normal_")));
}

static int l_trunc_normal_(lua_State *L) {
  static const char *const known[] = {"mean", "std", "a", "b", NULL};
  vg_tensor *w = vglua_check_tensor(L, 1);
  vglua_check_options(L, 2, "trunc_normal_", known);
  return done(L, vg_init_trunc_normal(
                     w, vglua_option_number(L, 2, "mean", 0), vglua_option_number(L, 2, "std", 1),
                     vglua_option_number(L, 2, "a", -2), vglua_option_number(L, 2, "b", 2)));
}

static int l_init_uniform_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  return done(L, vg_init_uniform(w, luaL_optnumber(L, 2, 0), luaL_optnumber(L, 3, 1)));
}

static int l_init_normal_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  return done(L, vg_init_normal(w, luaL_optnumber(L, 2, 0), luaL_optnumber(L, 3, 1)));
}

static int l_init_constant_(lua_State *L) {
  vg_tensor *w = vglua_check_tensor(L, 1);
  return done(L, vg_init_constant(w, luaL_checknumber(L, 2)));
}

static int l_fans(lua_State *L) { /* fans(w) -> fan_in, fan_out */
  double in = 0, out = 0;
  vg_status st = vg_init_fans("fans", vglua_check_tensor(L, 1), &in, &out);
  lua_pushnumber(L, in);
  lua_pushnumber(L, out);
  return vglua_return_n(L, st, 2);
}

static const luaL_Reg methods[] = {
    {"uniform_", l_uniform_}, {"normal_", l_normal_}, {"bernoulli_", l_bernoulli_}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"rand", l_rand},
                                     {"randn", l_randn},
                                     {"randint", l_randint},
                                     {"randperm", l_randperm},
                                     {NULL, NULL}};
static const luaL_Reg init[] = {{"kaiming_uniform_", l_kaiming_uniform_},
                                {"kaiming_normal_", l_kaiming_normal_},
                                {"xavier_uniform_", l_xavier_uniform_},
                                {"xavier_normal_", l_xavier_normal_},
                                {"trunc_normal_", l_trunc_normal_},
                                {"uniform_", l_init_uniform_},
                                {"normal_", l_init_normal_},
                                {"constant_", l_init_constant_},
                                {"fans", l_fans},
                                {NULL, NULL}};

void vglua_open_random(lua_State *L);
void vglua_open_random(lua_State *L) {
  vglua_add_methods(L, methods);
  luaL_register(L, NULL, functions);
  vglua_add_module(L, "init", init);
}
