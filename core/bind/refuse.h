/* For bindings to files and networks: nil, message instead of an error. */
#ifndef VG_BIND_REFUSE_H
#define VG_BIND_REFUSE_H

#include <lua.h>

#include "base/status.h"
#include "io/safetensors.h"

/* n results on the stack; VG_EIO and VG_EDATA give nil, message; anything else raises. */
int vglua_or_refuse(lua_State *L, vg_status st, int n);

/* "float32", "float16", "bfloat16" at `arg`; VG_ST_DTYPES for nil. */
vg_st_dtype vglua_opt_floats(lua_State *L, int arg);

#endif
