/* Joining, gathering and ranking: cat, stack, x:gather, x:index_select, x:topk. Index tensors hold
   data: they count from 0, like class labels. */
#include "bind/bind.h"
#include "ops/ops.h"

/* The tensors of the table at argument 1; the array lives on the Lua stack. */
static vg_tensor **check_list(lua_State *L, int *n) {
  vg_tensor **x;
  luaL_checktype(L, 1, LUA_TTABLE);
  *n = (int)lua_objlen(L, 1);
  x = lua_newuserdata(L, (size_t)*n * sizeof(vg_tensor *) + 1);
  for (int i = 0; i < *n; i++) {
    lua_rawgeti(L, 1, i + 1);
    x[i] = vglua_check_tensor(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  return x;
}

static int opt_dim(lua_State *L, int arg, int otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : vglua_check_dim(L, arg);
}

static int l_cat(lua_State *L) { /* cat({ a, b, ... } [, dim]) */
  int n, dim = opt_dim(L, 2, 0);
  vg_tensor **x = check_list(L, &n);
  return vglua_return(L, vg_cat(vglua_new_tensor(L), n, x, dim));
}

static int l_stack(lua_State *L) {
  int n, dim = opt_dim(L, 2, 0);
  vg_tensor **x = check_list(L, &n);
  return vglua_return(L, vg_stack(vglua_new_tensor(L), n, x, dim));
}

static int l_gather(lua_State *L) { /* x:gather(dim, index) */
  vg_tensor *x = vglua_check_tensor(L, 1), *index = vglua_check_tensor(L, 3);
  int dim = vglua_check_dim(L, 2);
  return vglua_return(L, vg_gather(vglua_new_tensor(L), x, dim, index));
}

static int l_index_select(lua_State *L) { /* x:index_select(dim, index) */
  vg_tensor *x = vglua_check_tensor(L, 1), *index = vglua_check_tensor(L, 3);
  int dim = vglua_check_dim(L, 2);
  return vglua_return(L, vg_index_select(vglua_new_tensor(L), x, dim, index));
}

/* x:topk(k [, dim [, { largest = true }]]) -> values, indices; sorted */
static int l_topk(lua_State *L) {
  static const char *const known[] = {"largest", NULL};
  vg_tensor *x = vglua_check_tensor(L, 1), **values, **indices;
  int64_t k = luaL_checkinteger(L, 2);
  int dim = opt_dim(L, 3, -1);
  bool largest;
  vglua_check_options(L, 4, "topk", known);
  largest = vglua_option_bool(L, 4, "largest", true);
  values = vglua_new_tensor(L);
  indices = vglua_new_tensor(L);
  return vglua_return_n(L, vg_topk(values, indices, x, k, dim, largest), 2);
}

static const luaL_Reg methods[] = {
    {"gather", l_gather}, {"index_select", l_index_select}, {"topk", l_topk}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"cat", l_cat}, {"stack", l_stack}, {NULL, NULL}};

void vglua_open_index(lua_State *L);
void vglua_open_index(lua_State *L) {
  vglua_add_methods(L, methods);
  luaL_register(L, NULL, functions);
}
