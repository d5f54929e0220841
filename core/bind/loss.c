/* Softmax, losses and dropout as Tensor methods. */
#include "bind/bind.h"
#include "ops/ops.h"

/* x:softmax([dim = -1]), x:log_softmax([dim = -1]) */
static int softmax(lua_State *L, bool log_too) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int dim = lua_isnoneornil(L, 2) ? -1 : vglua_check_dim(L, 2);
  return vglua_return(L, vg_softmax(vglua_new_tensor(L), x, dim, log_too));
}

static int l_softmax(lua_State *L) { return softmax(L, false); }
static int l_log_softmax(lua_State *L) { return softmax(L, true); }

static vg_mean_or_sum check_reduction(lua_State *L, int arg) {
  static const char *const names[] = {"none", "mean", "sum", NULL};
  int r = VG_LOSS_MEAN;
  if (!lua_istable(L, arg)) return VG_LOSS_MEAN;
  lua_getfield(L, arg, "reduction");
  if (!lua_isnil(L, -1)) r = luaL_checkoption(L, -1, NULL, names);
  lua_pop(L, 1);
  return (vg_mean_or_sum)r;
}

/* logits:cross_entropy(target [, { reduction = "mean", label_smoothing = 0, ignore_index = -100 }])
 */
static int l_cross_entropy(lua_State *L) {
  static const char *const known[] = {"reduction", "label_smoothing", "ignore_index", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), *t = vglua_check_tensor(L, 2);
  vglua_check_options(L, 3, "cross_entropy", known);
  vg_loss p = {.ignore_index = vglua_option_integer(L, 3, "ignore_index", -100),
               .label_smoothing = (float)vglua_option_number(L, 3, "label_smoothing", 0),
               .reduction = check_reduction(L, 3)};
  return vglua_return(L, vg_cross_entropy(vglua_new_tensor(L), x, t, &p));
}

/* log_probs:nll_loss(target [, { reduction, ignore_index }]) */
static int l_nll_loss(lua_State *L) {
  static const char *const known[] = {"reduction", "ignore_index", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), *t = vglua_check_tensor(L, 2);
  vglua_check_options(L, 3, "nll_loss", known);
  vg_loss p = {.ignore_index = vglua_option_integer(L, 3, "ignore_index", -100),
               .reduction = check_reduction(L, 3)};
  return vglua_return(L, vg_nll_loss(vglua_new_tensor(L), x, t, &p));
}

/* x:mse_loss(target [, { reduction }]) */
static int l_mse_loss(lua_State *L) {
  static const char *const known[] = {"reduction", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), *t = vglua_check_tensor(L, 2);
  vglua_check_options(L, 3, "mse_loss", known);
  vg_mean_or_sum r = check_reduction(L, 3);
  return vglua_return(L, vg_mse_loss(vglua_new_tensor(L), x, t, r));
}

/* x:dropout([p = 0.5 [, training = true]]) */
static int l_dropout(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  double p = luaL_optnumber(L, 2, 0.5);
  bool training = lua_isnoneornil(L, 3) || lua_toboolean(L, 3);
  return vglua_return(L, vg_dropout(vglua_new_tensor(L), x, p, training));
}

static const luaL_Reg methods[] = {{"softmax", l_softmax},
                                   {"log_softmax", l_log_softmax},
                                   {"cross_entropy", l_cross_entropy},
                                   {"nll_loss", l_nll_loss},
                                   {"mse_loss", l_mse_loss},
                                   {"dropout", l_dropout},
                                   {NULL, NULL}};

void vglua_open_loss(lua_State *L);
void vglua_open_loss(lua_State *L) { vglua_add_methods(L, methods); }
