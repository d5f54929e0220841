/* vgg.so: the module for a stock luajit. With only this file on LUA_CPATH, `require "vgg"` finds
   the rest of the library; so does requiring one of the larger parts first (require "vgg.nn"). It
   sets no globals, no signal handlers, and leaves package.path alone. */
#include <lauxlib.h>
#include <unistd.h>

#include "bind/luatree.h"
#include "bind/module.h"

/* require has marked `name` as being loaded; the file is run here, so that require "vgg" gives what
   vgg/init.lua returns. */
static int open_part(lua_State *L, const char *name) {
  const char *file, *path;
  if (vglua_tree_install(L, NULL) != VG_OK) return luaL_error(L, "%s", vg_error());
  file = luaL_gsub(L, name, ".", "/");
  path = lua_pushfstring(L, "%s/%s.lua", vglua_tree(L), file);
  if (access(path, R_OK) != 0) path = lua_pushfstring(L, "%s/%s/init.lua", vglua_tree(L), file);
  if (luaL_loadfile(L, path) != 0) return lua_error(L);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  return 1;
}

#define PARTS(X)                                                                           \
  X(util)                                                                                  \
  X(cli)                                                                                   \
  X(pretty) X(nn) X(optim) X(data) X(train) X(metric) X(models) X(functional) X(callbacks) \
      X(checkpoint) X(errors)

#define PART(name)                             \
  VG_API int luaopen_vgg_##name(lua_State *L); \
  int luaopen_vgg_##name(lua_State *L) { return open_part(L, "vgg." #name); }

VG_API int luaopen_vgg(lua_State *L);
int luaopen_vgg(lua_State *L) { return open_part(L, "vgg"); }
PARTS(PART)
