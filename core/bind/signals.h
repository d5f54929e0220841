/* SIGINT, SIGTERM, SIGUSR1 and SIGQUIT. Nothing is installed until a host or a trainer asks for it.

   watch: SIGINT stops the running code (core calls return VG_EINTR, Lua code that is not compiled
   meets a hook); a second one within two seconds, with the code still running, ends the process.
   defer: SIGINT and SIGTERM only note themselves, so that the trainer can finish its step. SIGQUIT
   stays the system's unless the trainer asks for it: it opens a prompt between two steps. */
#ifndef VG_BIND_SIGNALS_H
#define VG_BIND_SIGNALS_H

#include <lua.h>

#include "base/status.h"

/* Sends SIGINT to this state from now on (the calling thread runs it); left alone where the parent
   had SIGINT ignored. */
VG_API void vglua_signals_watch(lua_State *L);
/* Puts every handler back to what it was; also when the state closes. */
VG_API void vglua_signals_unwatch(void);
/* Whether one has been asked for and not been delivered yet. */
VG_API bool vglua_signals_pressed(void);
/* Whether SIGTERM (or a deferred SIGINT) waits to be looked at by a training. */
VG_API bool vglua_signals_ending(void);
/* An interruption is being delivered: takes down the flag and the hook. */
VG_API void vglua_signals_clear(lua_State *L);
/* The same, and forgets when SIGINT came: what ran has ended. */
VG_API void vglua_signals_reset(lua_State *L);
/* While the prompt reads, a quick second SIGINT does not end the process. */
VG_API void vglua_signals_reading(bool on);
/* Asks for an interruption of the state, as SIGINT does; any thread, async-signal-safe. */
VG_API void vglua_signals_interrupt(lua_State *L);

#endif
