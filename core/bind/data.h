/* Shared by bind/data.c and bind/augment.c. */
#ifndef VG_BIND_DATA_H
#define VG_BIND_DATA_H

#include "bind/bind.h"
#include "data/augment.h"

/* The checked pipeline at `arg` and, if `size` is given, the height and width of its result. */
const vg_pipeline *vglua_check_pipeline(lua_State *L, int arg, int size[2]);

/* A whole number within low..high at `arg`. */
int64_t vglua_check_whole(lua_State *L, int arg, int64_t low, int64_t high);

#endif
