#ifndef VG_BIND_MODULE_H
#define VG_BIND_MODULE_H

#include <lua.h>

#include "base/status.h"

/* The loader of `vgg.core`; leaves the table on the stack. */
VG_API int luaopen_vgg_core(lua_State *L);

#endif
