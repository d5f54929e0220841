/* package.loaded["vgg.host"]: what the Lua side of the host needs from the system. */
#ifndef VG_HOST_HOSTLIB_H
#define VG_HOST_HOSTLIB_H

#include <lua.h>

/* Fills the table with isatty, columns, ask, list, mkdir, readline, remember. */
void host_open(lua_State *L);

/* readline(prompt [, complete]) and remember(text) of lineedit.c */
int host_readline(lua_State *L);
int host_remember(lua_State *L);

/* ask(text, final, seconds) -> what the terminal answers up to the character `final`, nil when it
   does not (or is none). Keys pressed meanwhile are lost. */
int host_ask(lua_State *L);

#endif
