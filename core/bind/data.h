/* Shared by bind/data.c and bind/augment.c. */
#ifndef VG_BIND_DATA_H
#define VG_BIND_DATA_H

#include "bind/bind.h"
#include "data/augment.h"
#include "data/records.h"

typedef struct vglua_source {
  vg_records *records;
  int32_t *index; /* NULL: all records in order */
  int64_t n;
} vglua_source;

typedef struct vglua_order {
  int32_t *index;
  int64_t n;
} vglua_order;

vglua_source *vglua_check_source(lua_State *L, int arg);
vglua_order *vglua_check_order(lua_State *L, int arg);

/* The checked pipeline at `arg` and, if `size` is given, the height and width of its result. */
const vg_pipeline *vglua_check_pipeline(lua_State *L, int arg, int size[2]);

/* A whole number within low..high at `arg`. */
int64_t vglua_check_whole(lua_State *L, int arg, int64_t low, int64_t high);

#endif
