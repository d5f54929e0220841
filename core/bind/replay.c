/* core.replay: a step recorded on its device and replayed (lua/vgg/replay.lua is the way to it). */
#include "optim/replay.h"
#include "bind/bind.h"

#define RECORDING "vgg.Recording"

static vg_replay **check_box(lua_State *L, int arg) {
  vg_replay **box = luaL_checkudata(L, arg, RECORDING);
  if (!*box) luaL_argerror(L, arg, "the recording was freed");
  return box;
}
static vg_replay *check(lua_State *L, int arg) { return *check_box(L, arg); }

static int l_possible(lua_State *L) { /* possible(device) */
  lua_pushboolean(L, vg_replay_possible(vglua_check_device(L, 1)));
  return 1;
}

static int l_begin(lua_State *L) { /* begin(device) -> recording */
  vg_device *d = vglua_check_device(L, 1);
  vg_replay **box = lua_newuserdata(L, sizeof *box);
  *box = NULL;
  luaL_getmetatable(L, RECORDING);
  lua_setmetatable(L, -2);
  return vglua_return(L, vg_replay_begin(box, d));
}

static int l_watch(lua_State *L) { /* r:watch(tensor) */
  return vglua_return_n(L, vg_replay_watch(check(L, 1), vglua_check_tensor(L, 2)), 0);
}

static int l_finish(lua_State *L) { /* r:finish(parameters) */
  vg_replay *r = check(L, 1);
  vg_tensor **t;
  int n;
  luaL_checktype(L, 2, LUA_TTABLE);
  n = (int)lua_objlen(L, 2);
  t = lua_newuserdata(L, (size_t)(n + 1) * sizeof *t);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    t[i] = vglua_check_tensor(L, -1);
    lua_pop(L, 1); /* the table keeps it */
  }
  return vglua_return_n(L, vg_replay_end(r, n, t), 0);
}

static int l_refill(lua_State *L) { /* r:refill(true) ... r:refill(false) */
  return vglua_return_n(L, vg_replay_refill(check(L, 1), lua_toboolean(L, 2)), 0);
}

static int l_launch(lua_State *L) { /* r:launch() -> number */
  uint64_t number = 0;
  vg_status st = vg_replay_launch(check(L, 1), &number);
  lua_pushnumber(L, (lua_Number)number);
  return vglua_return(L, st);
}

static int l_read(lua_State *L) { /* r:read(number) -> the watched numbers */
  enum { MOST = 16 };
  vg_replay *r = check(L, 1);
  double values[MOST];
  int n = vg_replay_watched(r);
  vg_status st = vg_replay_read(r, (uint64_t)luaL_checknumber(L, 2), n, values);
  if (st != VG_OK) return vglua_raise(L, st);
  for (int i = 0; i < n; i++) lua_pushnumber(L, values[i]);
  return n;
}

static int l_free(lua_State *L) {
  vg_replay **box = luaL_checkudata(L, 1, RECORDING);
  vg_replay_free(*box);
  *box = NULL;
  return 0;
}

static const luaL_Reg functions[] = {{"possible", l_possible}, {"begin", l_begin}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"watch", l_watch},   {"finish", l_finish}, {"refill", l_refill},
                                   {"launch", l_launch}, {"read", l_read},     {"free", l_free},
                                   {NULL, NULL}};

void vglua_open_replay(lua_State *L);
void vglua_open_replay(lua_State *L) {
  vglua_add_class(L, RECORDING, methods, l_free);
  vglua_add_module(L, "replay", functions);
}
