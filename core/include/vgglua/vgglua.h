/* Embedding API: run vgglua scripts from a C program without touching lua.h.

   Threads: a state belongs to one thread at a time; several states in several threads are
   independent. Only vgglua_interrupt may be called from another thread or a signal handler. Worker
   threads of the library never run Lua. No function here exits the process or jumps out of a call.
 */
#ifndef VGGLUA_H
#define VGGLUA_H

#include <stddef.h>

#include "vgglua/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VGGLUA_ABI 1 /* raised whenever a caller compiled before would break */

typedef struct vgglua vgglua;
struct lua_State;

/* What a run came to; the same numbers are the exit codes of the command line. A script that calls
   for another exit code gives that code. */
enum {
  VGGLUA_OK = 0,
  VGGLUA_ERROR = 1,   /* Lua or internal error */
  VGGLUA_USAGE = 2,   /* wrong options */
  VGGLUA_INPUT = 3,   /* data, checkpoint or config missing, damaged or not fitting */
  VGGLUA_NUMBERS = 4, /* NaN, Inf, diverged */
  VGGLUA_DEVICE = 5,  /* device or memory */
  VGGLUA_INTERRUPTED = 130,
  VGGLUA_TERMINATED = 143
};

typedef struct vgglua_config {
  size_t size;          /* sizeof(vgglua_config) */
  unsigned abi;         /* VGGLUA_ABI */
  const char *lua_tree; /* directory that holds vgg/init.lua; NULL: found next to the library */
  int interruptible;    /* 1: no compilation, so that vgglua_interrupt also stops pure Lua loops */
} vgglua_config;

/* Fills in size, abi and the defaults. */
VG_API void vgglua_config_init(vgglua_config *config);

/* A new state, or NULL with the reason in vgglua_error(NULL). NULL config: defaults. */
VG_API vgglua *vgglua_create(const vgglua_config *config);
VG_API void vgglua_close(vgglua *v); /* NULL is fine */

/* Each returns one of the numbers above and never raises. The arguments are the script's `...` and,
   for a file, its global `arg`. "-" is standard input. */
VG_API int vgglua_dofile(vgglua *v, const char *path, int argc, char *const *argv);
VG_API int vgglua_dostring(vgglua *v, const char *text, size_t length, const char *chunk_name);
/* Requires a module that is a function, calls it with the arguments; a number it returns is the
   result. */
VG_API int vgglua_call_module(vgglua *v, const char *module, int argc, char *const *argv);

/* Text of the last failure of this state, with the Lua frames that led there; "" after a success.
   Valid until the next call on the state. vgglua_error(NULL): why vgglua_create failed. */
VG_API const char *vgglua_error(const vgglua *v);

/* Makes the running call return VGGLUA_INTERRUPTED at the next operation of the library or, in code
   that is not compiled, the next Lua instruction. From any thread or a signal handler. The flag
   that operations look at is one for the process: other states running just then stop, too. */
VG_API void vgglua_interrupt(vgglua *v);

VG_API const char *vgglua_version(void); /* "0.1.0" */
VG_API struct lua_State *vgglua_lua(vgglua *v);

#ifdef __cplusplus
}
#endif
#endif
