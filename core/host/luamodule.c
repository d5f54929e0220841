/* vgg.so: the module for a stock luajit. With only this file on LUA_CPATH, `require "vgg"` finds
   the rest of the library; so does requiring one of the larger parts first (require "vgg.nn"). It
   sets no globals, no signal handlers, and leaves package.path alone. */
#include <lauxlib.h>
#include <unistd.h>

#include "bind/luatree.h"
#include "bind/module.h"

/* require("vgg.nn") calls luaopen_vgg_nn; the file is run here and its result returned, so that
   require keeps that. */
static int open_part(lua_State *L, const char *name) {
  const char *file, *path;
  if (vglua_tree_install(L, NULL) != VG_OK) return luaL_error(L, "%s", vg_error());
  file = luaL_gsub(L, name, "_", "/");
  path = lua_pushfstring(L, "%s/%s.lua", vglua_tree(L), file);
  if (access(path, R_OK) != 0) path = lua_pushfstring(L, "%s/%s/init.lua", vglua_tree(L), file);
  if (luaL_loadfile(L, path) != 0) return lua_error(L);
  luaL_gsub(L, name, "_", ".");
  lua_call(L, 1, 1);
  return 1;
}

#define PART(name)                         \
  VG_API int luaopen_##name(lua_State *L); \
  int luaopen_##name(lua_State *L) { return open_part(L, #name); }

PART(vgg)
PART(vgg_util)
PART(vgg_cli)
PART(vgg_pretty)
PART(vgg_errors)
PART(vgg_nn)
PART(vgg_optim)
PART(vgg_data)
PART(vgg_train)
PART(vgg_metric)
PART(vgg_models)
PART(vgg_functional)
PART(vgg_callbacks)
PART(vgg_checkpoint)
PART(vgg_json)
PART(vgg_log)
