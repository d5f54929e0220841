/* vgg.so: the module for a stock luajit. */
#include "bind/module.h"

VG_API int luaopen_vgg(lua_State *L);
int luaopen_vgg(lua_State *L) { return luaopen_vgg_core(L); }
