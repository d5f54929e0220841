/* Tensor handles, the context of a state, results and errors. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bind/bind.h"
#include "bind/signals.h"
#include "device/pool.h"

static char context_key;

static int context_gc(lua_State *L) {
  vg_context **box = lua_touserdata(L, 1);
  vg_context *c = *box;
  *box = NULL;
  if (c) vg_context_free(c);
  return 0;
}

vg_context *vglua_context(lua_State *L) {
  vg_context **box;
  lua_pushlightuserdata(L, &context_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (box && *box) return *box;
  lua_pushlightuserdata(L, &context_key);
  box = lua_newuserdata(L, sizeof *box);
  *box = NULL;
  lua_newtable(L);
  lua_pushcfunction(L, context_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  vg_status st = vg_context_new(box);
  if (st != VG_OK) vglua_raise(L, st);
  return *box;
}

bool vglua_is_open(lua_State *L) {
  vg_context **box;
  lua_pushlightuserdata(L, &context_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return box && *box;
}

/* ---- results ---- */

static bool is_misuse(vg_status st) {
  return st == VG_EINVAL || st == VG_ESHAPE || st == VG_EDTYPE || st == VG_ESTATE ||
         st == VG_EUNSUPPORTED;
}

int vglua_raise(lua_State *L, vg_status st) {
  if (st == VG_EINTR) vglua_signals_clear(L); /* or the message handler would be interrupted, too */
  if (is_misuse(st)) return luaL_error(L, "%s", vg_error());
  lua_createtable(L, 0, 3);
  lua_pushstring(L, vg_error());
  lua_setfield(L, -2, "message");
  lua_pushstring(L, vg_status_name(st));
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, vg_exit_code(st));
  lua_setfield(L, -2, "exit");
  luaL_getmetatable(L, "vgg.Error");
  lua_setmetatable(L, -2);
  return lua_error(L);
}

int vglua_return_n(lua_State *L, vg_status st, int n) {
  return st == VG_OK ? n : vglua_raise(L, st);
}

int vglua_return(lua_State *L, vg_status st) { return vglua_return_n(L, st, 1); }

/* ---- handles ---- */

/* VG_GC_STRESS=1: a full collection before every new tensor, so that what is not anchored dies. */
static bool stress(void) {
  static int on = -1;
  if (on < 0) {
    const char *env = getenv("VG_GC_STRESS");
    on = env && *env && *env != '0';
  }
  return on == 1;
}

static vg_handle *push_handle(lua_State *L) {
  vg_context *c = vglua_context(L);
  vg_handle *h;
  if (c->want_collect || stress()) { /* the safety net: here, never from inside an allocator */
    c->want_collect = false;
    lua_gc(L, LUA_GCCOLLECT, 0);
    for (int i = 0; i < c->ndevices; i++) vg_pool_collected(c->devices[i]);
  }
  h = lua_newuserdata(L, sizeof *h);
  h->ctx = NULL;
  luaL_getmetatable(L, VGLUA_TENSOR);
  lua_setmetatable(L, -2);
  vg_handle_init(h, c);
  return h;
}

vg_tensor **vglua_new_tensor(lua_State *L) { return &push_handle(L)->t; }

void vglua_push_tensor(lua_State *L, vg_tensor *t) {
  if (!t) {
    lua_pushnil(L);
    return;
  }
  push_handle(L)->t = vg_retain(t);
}

static vg_handle *test_handle(lua_State *L, int arg) {
  void *p = lua_touserdata(L, arg);
  bool same;
  if (!p || !lua_getmetatable(L, arg)) return NULL;
  luaL_getmetatable(L, VGLUA_TENSOR);
  same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? p : NULL;
}

vg_tensor *vglua_test_tensor(lua_State *L, int arg) {
  vg_handle *h = test_handle(L, arg);
  return h ? h->t : NULL;
}

vg_tensor *vglua_check_tensor(lua_State *L, int arg) {
  vg_handle *h = luaL_checkudata(L, arg, VGLUA_TENSOR);
  if (!h->t)
    luaL_argerror(L, arg,
                  "tensor was released (its scope ended, or it was freed); keep it with "
                  "tensor:keep() or return it from the scope");
  return h->t;
}

vg_tensor *vglua_opt_tensor(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? NULL : vglua_check_tensor(L, arg);
}

static int l_gc(lua_State *L) {
  vg_handle *h = luaL_checkudata(L, 1, VGLUA_TENSOR);
  lua_pushlightuserdata(L, &context_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  vg_context **box = lua_touserdata(L, -1);
  if (box && *box) vg_handle_drop(h); /* after the context closed there is nothing left to free */
  return 0;
}

static int l_free(lua_State *L) {
  vg_handle_release(luaL_checkudata(L, 1, VGLUA_TENSOR));
  return 0;
}

static int l_keep(lua_State *L) {
  vg_handle *h = luaL_checkudata(L, 1, VGLUA_TENSOR);
  vglua_check_tensor(L, 1);
  vg_handle_move(h, NULL);
  lua_settop(L, 1);
  return 1;
}

static int l_is_released(lua_State *L) {
  vg_handle *h = luaL_checkudata(L, 1, VGLUA_TENSOR);
  lua_pushboolean(L, h->t == NULL);
  return 1;
}

/* scope(fn, ...): results that are tensors, also inside returned tables (one level), move to the
   enclosing scope; everything else born inside is released, also after an error. */
static void keep_value(lua_State *L, int index, vg_scope *to) {
  vg_handle *h = test_handle(L, index);
  if (h && h->t && h->scope && h->scope != to) vg_handle_move(h, to);
}

static void keep_results(lua_State *L, int first, vg_scope *to) {
  for (int i = first; i <= lua_gettop(L); i++) {
    keep_value(L, i, to);
    if (!lua_istable(L, i)) continue;
    lua_pushnil(L);
    while (lua_next(L, i)) {
      keep_value(L, lua_gettop(L), to);
      lua_pop(L, 1);
    }
  }
}

static int l_scope(lua_State *L) {
  vg_context *c = vglua_context(L);
  vg_scope *s;
  int rc, base;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  s = lua_newuserdata(L, sizeof *s); /* anchored below the call */
  lua_insert(L, 1);
  base = 2;
  vg_scope_open(s, c);
  rc = lua_pcall(L, lua_gettop(L) - base, LUA_MULTRET, 0);
  if (rc == 0) keep_results(L, base, s->parent);
  vg_scope_close(s, c);
  if (rc != 0) return lua_error(L);
  return lua_gettop(L) - 1;
}

static const luaL_Reg methods[] = {
    {"free", l_free}, {"keep", l_keep}, {"is_released", l_is_released}, {NULL, NULL}};

void vglua_open_handle(lua_State *L);
void vglua_open_handle(lua_State *L) {
  luaL_newmetatable(L, VGLUA_TENSOR);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_setfield(L, -2, "methods");
  lua_pop(L, 1);
  vglua_add_methods(L, methods);
  lua_pushcfunction(L, l_scope);
  lua_setfield(L, -2, "scope");
}
