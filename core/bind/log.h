/* The parts of core.log, joined in log.c. */
#ifndef VG_BIND_LOG_H
#define VG_BIND_LOG_H

#include <lauxlib.h>

extern const luaL_Reg vglua_log_events[];
void vglua_log_events_open(lua_State *L);

#endif
