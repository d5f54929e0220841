/* core.optim: steps and clipping over arrays of parameters. The Lua part keeps the state in arrays
   beside the parameters: { exp_avg = {}, exp_avg_sq = {}, step = {} }, filled here. */
#include "optim/optim.h"
#include "bind/bind.h"

/* An array of tensors at `arg` as a C array which lives on the Lua stack. */
static vg_tensor **check_tensors(lua_State *L, int arg, int *n) {
  vg_tensor **t;
  luaL_checktype(L, arg, LUA_TTABLE);
  *n = (int)lua_objlen(L, arg);
  t = lua_newuserdata(L, (size_t)(*n + 1) * sizeof *t);
  for (int i = 0; i < *n; i++) {
    lua_rawgeti(L, arg, i + 1);
    t[i] = vglua_test_tensor(L, -1);
    if (!t[i]) luaL_error(L, "optim: element %d of the parameters is not a live tensor", i + 1);
    lua_pop(L, 1); /* the table keeps it */
  }
  return t;
}

/* The slot of state[name][i]: an existing handle, or a new empty one when a step will fill it. */
static vg_tensor **state_slot(lua_State *L, int arrays, int i, bool wanted) {
  static vg_tensor *none;
  vg_handle *h;
  lua_rawgeti(L, arrays, i);
  if (vglua_test_tensor(L, -1)) {
    h = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return &h->t;
  }
  lua_pop(L, 1);
  if (!wanted) return &none;
  h = (vg_handle *)(void *)vglua_new_tensor(L); /* the slot is the handle's first member */
  vg_handle_move(h, NULL);                      /* outlives the scope of this step */
  lua_rawseti(L, arrays, i);
  return &h->t;
}

static void push_array(lua_State *L, int arg, const char *name) {
  lua_getfield(L, arg, name);
  if (!lua_istable(L, -1)) luaL_error(L, "optim: state has no array '%s'", name);
}

/* Reads params (1) and state (2); leaves the step array at *steps of the stack. */
static vg_param *check_params(lua_State *L, const char *first, const char *second, bool stateful,
                              int *n, int *steps) {
  vg_tensor **t = check_tensors(L, 1, n);
  vg_param *q = lua_newuserdata(L, (size_t)(*n + 1) * sizeof *q);
  int m, v;
  push_array(L, 2, first);
  m = v = lua_gettop(L);
  if (second) {
    push_array(L, 2, second);
    v = lua_gettop(L);
  }
  push_array(L, 2, "step");
  *steps = lua_gettop(L);
  for (int i = 0; i < *n; i++) {
    bool wanted = stateful && t[i]->grad;
    q[i] = (vg_param){.p = t[i], .m = state_slot(L, m, i + 1, wanted)};
    q[i].v = second ? state_slot(L, v, i + 1, wanted) : q[i].m;
    lua_rawgeti(L, *steps, i + 1);
    q[i].step = (int64_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return q;
}

static int finish(lua_State *L, int n, const vg_param *q, int steps, vg_status st) {
  for (int i = 0; i < n; i++) {
    lua_pushnumber(L, (lua_Number)q[i].step);
    lua_rawseti(L, steps, i + 1);
  }
  return vglua_return_n(L, st, 0);
}

/* Options squares and max_norm; the tensor stays on the stack. */
static vg_grad_clip check_clip(lua_State *L, int arg) {
  vg_grad_clip c = {.max_norm = vglua_option_number(L, arg, "max_norm", 0)};
  lua_getfield(L, arg, "squares");
  if (!lua_isnil(L, -1)) c.squares = vglua_check_tensor(L, -1);
  return c;
}

/* adam(params, state, { lr, beta1, beta2, eps, weight_decay, decoupled, grad_scale, squares,
   max_norm }) */
static int l_adam(lua_State *L) {
  int n, steps;
  vg_adam_args a = {.lr = vglua_option_number(L, 3, "lr", 1e-3),
                    .beta1 = vglua_option_number(L, 3, "beta1", 0.9),
                    .beta2 = vglua_option_number(L, 3, "beta2", 0.999),
                    .eps = vglua_option_number(L, 3, "eps", 1e-8),
                    .weight_decay = vglua_option_number(L, 3, "weight_decay", 0),
                    .decoupled = vglua_option_bool(L, 3, "decoupled", false),
                    .grad_scale = vglua_option_number(L, 3, "grad_scale", 1),
                    .clip = check_clip(L, 3)};
  vg_param *q = check_params(L, "exp_avg", "exp_avg_sq", true, &n, &steps);
  return finish(L, n, q, steps, vg_adam_step(n, q, &a));
}

/* sgd(params, state, { lr, momentum, dampening, weight_decay, nesterov, grad_scale, squares,
   max_norm }) */
static int l_sgd(lua_State *L) {
  int n, steps;
  vg_sgd_args a = {.lr = vglua_option_number(L, 3, "lr", 1e-3),
                   .momentum = vglua_option_number(L, 3, "momentum", 0),
                   .dampening = vglua_option_number(L, 3, "dampening", 0),
                   .weight_decay = vglua_option_number(L, 3, "weight_decay", 0),
                   .nesterov = vglua_option_bool(L, 3, "nesterov", false),
                   .grad_scale = vglua_option_number(L, 3, "grad_scale", 1),
                   .clip = check_clip(L, 3)};
  vg_param *q = check_params(L, "momentum_buffer", NULL, a.momentum != 0, &n, &steps);
  return finish(L, n, q, steps, vg_sgd_step(n, q, &a));
}

static int l_zero_grad(lua_State *L) { /* zero_grad(params) */
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  vg_zero_grad(n, t);
  return 0;
}

static int l_grad_norm(lua_State *L) { /* grad_norm(params) -> norm */
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  double norm = 0;
  vg_status st = vg_grad_norm(n, t, &norm);
  lua_pushnumber(L, norm);
  return vglua_return(L, st);
}

static int l_clip_grad_norm(lua_State *L) { /* clip_grad_norm(params, max_norm) -> norm before */
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  double norm = 0;
  vg_status st = vg_clip_grad_norm(n, t, luaL_checknumber(L, 2), &norm);
  lua_pushnumber(L, norm);
  return vglua_return(L, st);
}

/* grad_norm_tensor(params) -> one number on the device, and the squares for a step; no waiting */
static int l_grad_norm_tensor(lua_State *L) {
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  vg_tensor **norm = vglua_new_tensor(L), **squares = vglua_new_tensor(L);
  return vglua_return_n(L, vg_grad_norm_tensor(norm, squares, n, t), 2);
}

static int l_clip_grad_value(lua_State *L) { /* clip_grad_value(params, bound) */
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  return vglua_return_n(L, vg_clip_grad_value(n, t, luaL_checknumber(L, 2)), 0);
}

/* same(params) -> i, j when parameters i and j are one tensor, else nil */
static int l_same(lua_State *L) {
  int n;
  vg_tensor **t = check_tensors(L, 1, &n);
  for (int j = 1; j < n; j++)
    for (int i = 0; i < j; i++) {
      if (t[i] != t[j]) continue;
      lua_pushinteger(L, i + 1);
      lua_pushinteger(L, j + 1);
      return 2;
    }
  return 0;
}

/* copy(tensor, parameter) -> its own memory where and how the parameter (of its shape) lies */
static int l_copy(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1), *p = vglua_check_tensor(L, 2);
  vg_tensor **out = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new_same_walk(out, p));
  VG_TRY(vg_copy_into(*out, x));
done:
  return vglua_return(L, st);
}

static const luaL_Reg functions[] = {{"adam", l_adam},
                                     {"sgd", l_sgd},
                                     {"zero_grad", l_zero_grad},
                                     {"grad_norm", l_grad_norm},
                                     {"grad_norm_tensor", l_grad_norm_tensor},
                                     {"clip_grad_norm", l_clip_grad_norm},
                                     {"clip_grad_value", l_clip_grad_value},
                                     {"same", l_same},
                                     {"copy", l_copy},
                                     {NULL, NULL}};

void vglua_open_optim(lua_State *L);
void vglua_open_optim(lua_State *L) { vglua_add_module(L, "optim", functions); }
