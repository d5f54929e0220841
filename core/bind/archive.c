/* core.archive: files put together from texts and tensors, for the formats that Lua composes. */
#include <string.h>

#include "bind/bind.h"
#include "bind/refuse.h"
#include "io/tensorfile.h"

/* The list at stack place `list`: { { name =, text = } or { name =, tensor = } ... }. The parts
   borrow from it. */
static vg_part *take_parts(lua_State *L, int list, size_t *n) {
  vg_part *parts;
  *n = lua_objlen(L, list);
  parts = lua_newuserdata(L, (*n + 1) * sizeof *parts);
  memset(parts, 0, (*n + 1) * sizeof *parts);
  for (size_t i = 0; i < *n; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_getfield(L, -1, "name");
    parts[i].name = lua_tostring(L, -1);
    lua_getfield(L, -2, "text");
    parts[i].data = lua_tolstring(L, -1, &parts[i].size);
    lua_getfield(L, -3, "tensor");
    parts[i].t = vglua_test_tensor(L, -1);
    if (!parts[i].name || (!parts[i].data && !parts[i].t))
      luaL_error(L, "archive: part %d wants a name, and a text or a live tensor", (int)i + 1);
    lua_pop(L, 4);
  }
  return parts;
}

typedef vg_status (*save)(const char *, const vg_part *, size_t, vg_st_dtype, const char *);

static int write_parts(lua_State *L, save to) {
  const char *path = luaL_checkstring(L, 1), *what = luaL_optstring(L, 3, "checkpoint");
  vg_st_dtype floats = vglua_opt_floats(L, 4);
  vg_part *parts;
  size_t n;
  luaL_checktype(L, 2, LUA_TTABLE);
  parts = take_parts(L, 2, &n);
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, to(path, parts, n, floats, what), 1);
}

/* zip(path, parts, what = "checkpoint", floats) -> true: entries begin at multiples of 64 bytes.
   floats: "float32", "float16", "bfloat16", what floating tensors are written as */
static int l_zip(lua_State *L) { return write_parts(L, vg_save_zip); }

/* raw(path, parts, what = "checkpoint", floats) -> true: one part after the other */
static int l_raw(lua_State *L) { return write_parts(L, vg_save_raw); }

static const luaL_Reg functions[] = {{"zip", l_zip}, {"raw", l_raw}, {NULL, NULL}};

void vglua_open_archive(lua_State *L);
void vglua_open_archive(lua_State *L) { vglua_add_module(L, "archive", functions); }
