/* The host: runs a script or a chunk with vgg.core preloaded. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "bind/module.h"

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  int rc;
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_vgg_core);
  lua_setfield(L, -2, "vgg.core");
  lua_pushstring(L, VGGLUA_SOURCE_DIR "/lua/?.lua;" VGGLUA_SOURCE_DIR "/lua/?/init.lua;");
  lua_getfield(L, 1, "path");
  lua_concat(L, 2);
  lua_setfield(L, 1, "path");
  rc = argc > 2 && !strcmp(argv[1], "-e") ? luaL_dostring(L, argv[2]) : luaL_dofile(L, argv[1]);
  if (rc) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_close(L);
  return rc;
}
