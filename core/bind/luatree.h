/* The Lua part of the library: where it lies and how require finds it. */
#ifndef VG_BIND_LUATREE_H
#define VG_BIND_LUATREE_H

#include <lua.h>

#include "base/status.h"

/* Makes require find `vgg.core`, `vgg` and `vgg.*` in this state without touching package.path: a
   searcher is put right behind package.preload. Idempotent. `tree` is the directory that holds
   vgg/init.lua, NULL to look: VGG_LUA_PATH, then ../lua and ../share/vgglua/lua around the
   library. Refuses a LuaJIT without GC64, whose tensors' owners would run out of memory at 2 GB. */
VG_API vg_status vglua_tree_install(lua_State *L, const char *tree);

/* The directory in use; "" before vglua_tree_install. */
VG_API const char *vglua_tree(lua_State *L);

#endif
