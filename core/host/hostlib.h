/* package.loaded["vgg.host"]: what the Lua side of the host needs from the system. */
#ifndef VG_HOST_HOSTLIB_H
#define VG_HOST_HOSTLIB_H

#include <lua.h>

/* Fills the table with isatty, columns, list, mkdir, readline, remember. */
void host_open(lua_State *L);

/* readline(prompt [, complete]) and remember(text) of lineedit.c */
int host_readline(lua_State *L);
int host_remember(lua_State *L);

#endif
