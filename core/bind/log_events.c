/* core.log: TensorBoard events and protocol buffers as strings. */
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/protobuf.h"
#include "bind/bind.h"
#include "bind/log.h"
#include "log/tensorboard.h"

#define BUFFER "vgg.log.Buffer"

enum { MOST_VALUES = 1024 };

/* ---- a text that survives errors ---- */

static int free_buffer(lua_State *L) {
  vg_text_free(lua_touserdata(L, 1));
  return 0;
}

static vg_text *new_buffer(lua_State *L) {
  vg_text *t = lua_newuserdata(L, sizeof *t);
  *t = (vg_text){0};
  luaL_getmetatable(L, BUFFER);
  lua_setmetatable(L, -2);
  return t;
}

static int push_buffer(lua_State *L, vg_text *t) {
  if (t->failed) return vglua_raise(L, vg_fail(VG_ENOMEM, "log: no memory for an event"));
  lua_pushlstring(L, t->len ? t->data : "", t->len);
  vg_text_free(t);
  return 1;
}

static int64_t check_step(lua_State *L, int arg) { return (int64_t)luaL_optnumber(L, arg, 0); }

/* ---- events: wall (nil: now), step, ... -> bytes of one record ---- */

static double check_wall(lua_State *L, int arg) { return luaL_optnumber(L, arg, vg_wall_clock()); }

static int l_version(lua_State *L) { /* tb_version(wall) */
  double wall = check_wall(L, 1);
  vg_text *t = new_buffer(L);
  vg_tb_version(t, wall);
  return push_buffer(L, t);
}

static int l_restart(lua_State *L) { /* tb_restart(wall, step) */
  double wall = check_wall(L, 1);
  int64_t step = check_step(L, 2);
  vg_text *t = new_buffer(L);
  vg_tb_restart(t, wall, step);
  return push_buffer(L, t);
}

static int l_scalars(lua_State *L) { /* tb_scalars(wall, step, { tag = value }) */
  vg_tb_scalar s[MOST_VALUES];
  size_t n = 0;
  double wall = check_wall(L, 1);
  int64_t step = check_step(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  vg_text *t = new_buffer(L);
  lua_pushnil(L);
  while (lua_next(L, 3)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TNUMBER && n < MOST_VALUES)
      s[n++] = (vg_tb_scalar){lua_tostring(L, -2), lua_tonumber(L, -1)};
    lua_pop(L, 1);
  }
  vg_tb_scalars(t, wall, step, s, n);
  return push_buffer(L, t);
}

static int l_png(lua_State *L) { /* tb_png(wall, step, tag, png, width, height) */
  double wall = check_wall(L, 1);
  int64_t step = check_step(L, 2);
  vg_tb_image m = {.tag = luaL_checkstring(L, 3),
                   .width = (int64_t)luaL_checknumber(L, 5),
                   .height = (int64_t)luaL_checknumber(L, 6)};
  m.png = luaL_checklstring(L, 4, &m.bytes);
  vg_text *t = new_buffer(L);
  vg_tb_png(t, wall, step, &m);
  return push_buffer(L, t);
}

/* An array of numbers in memory that lives on the Lua stack. */
static double *check_numbers(lua_State *L, int table, const char *name, size_t *n) {
  double *v;
  lua_getfield(L, table, name);
  luaL_checktype(L, -1, LUA_TTABLE);
  *n = lua_objlen(L, -1);
  v = lua_newuserdata(L, (*n + 1) * sizeof *v);
  for (size_t i = 0; i < *n; i++) {
    lua_rawgeti(L, -2, (int)i + 1);
    v[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return v;
}

static double field(lua_State *L, int table, const char *name) {
  double v;
  lua_getfield(L, table, name);
  v = luaL_optnumber(L, -1, 0);
  lua_pop(L, 1);
  return v;
}

/* tb_histogram(wall, step, tag, { bins = edges, counts =, min =, max =, num =, sum =, sum_squares =
   }) */
static int l_tb_histogram(lua_State *L) {
  double wall = check_wall(L, 1);
  int64_t step = check_step(L, 2);
  const char *tag = luaL_checkstring(L, 3);
  size_t edges;
  luaL_checktype(L, 4, LUA_TTABLE);
  vg_histogram h = {.min = field(L, 4, "min"),
                    .max = field(L, 4, "max"),
                    .num = field(L, 4, "num"),
                    .sum = field(L, 4, "sum"),
                    .sum_squares = field(L, 4, "sum_squares")};
  h.edges = check_numbers(L, 4, "bins", &edges);
  h.counts = check_numbers(L, 4, "counts", &h.n);
  if (edges != h.n + 1)
    return luaL_error(L, "histogram: want one edge more than counts, got %d and %d", (int)edges,
                      (int)h.n);
  vg_text *t = new_buffer(L);
  vg_tb_histogram(t, wall, step, tag, &h);
  return push_buffer(L, t);
}

static void set_numbers(lua_State *L, const char *name, const double *v, size_t n) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushnumber(L, v[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double v) {
  lua_pushnumber(L, v);
  lua_setfield(L, -2, name);
}

/* histogram(float32 bytes, bins = 64) -> { bins =, counts =, min =, ... } as for tb_histogram */
static int l_histogram(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  int bins = luaL_optint(L, 2, 64);
  double *edges, *counts;
  float *v;
  vg_histogram h;
  luaL_argcheck(L, bins > 0 && bins <= 65536, 2, "want 1 to 65536 bins");
  v = lua_newuserdata(L, n + 1); /* a string's bytes may lie anywhere */
  memcpy(v, bytes, n);
  edges = lua_newuserdata(L, ((size_t)bins + 1) * sizeof *edges);
  counts = lua_newuserdata(L, (size_t)bins * sizeof *counts);
  vg_histogram_count(&h, edges, counts, (size_t)bins, v, n / sizeof *v);
  lua_createtable(L, 0, 7);
  set_numbers(L, "bins", edges, (size_t)bins + 1);
  set_numbers(L, "counts", counts, (size_t)bins);
  set_number(L, "min", h.min);
  set_number(L, "max", h.max);
  set_number(L, "num", h.num);
  set_number(L, "sum", h.sum);
  set_number(L, "sum_squares", h.sum_squares);
  return 1;
}

/* tb_tensor(wall, step, tag, plugin, content, strings): strings is one string, an array of them, or
   nil */
static int l_tensor(lua_State *L) {
  double wall = check_wall(L, 1);
  int64_t step = check_step(L, 2);
  vg_text *strings;
  vg_tb_plugin p = {.tag = luaL_checkstring(L, 3), .name = luaL_checkstring(L, 4), .n = -1};
  p.content = luaL_optlstring(L, 5, "", &p.content_bytes);
  p.is_vector = lua_istable(L, 6);
  if (p.is_vector) p.n = (int)lua_objlen(L, 6);
  if (lua_type(L, 6) == LUA_TSTRING) p.n = 1;
  strings = lua_newuserdata(L, (size_t)(p.n > 0 ? p.n : 1) * sizeof *strings);
  for (int i = 0; i < p.n; i++) { /* borrowed: the strings stay in the table */
    if (p.is_vector) lua_rawgeti(L, 6, i + 1);
    strings[i] = (vg_text){0};
    strings[i].data =
        (char *)(uintptr_t)luaL_checklstring(L, p.is_vector ? -1 : 6, &strings[i].len);
    if (p.is_vector) lua_pop(L, 1);
  }
  p.strings = strings;
  vg_text *t = new_buffer(L);
  vg_tb_tensor(t, wall, step, &p);
  return push_buffer(L, t);
}

static int l_graph(lua_State *L) { /* tb_graph(wall, graph_def) */
  double wall = check_wall(L, 1);
  size_t n;
  const char *graph = luaL_checklstring(L, 2, &n);
  vg_text *t = new_buffer(L);
  vg_tb_graph(t, wall, graph, n);
  return push_buffer(L, t);
}

/* ---- protocol buffers of any kind ---- */

static void encode(lua_State *L, vg_text *t, int table, int depth);

/* One field: { number, kind, value } on top of the stack. */
static void encode_field(lua_State *L, vg_text *t, int depth) {
  static const char *const kinds[] = {"uint",  "int",    "sint",   "bool",    "fixed32", "fixed64",
                                      "float", "double", "string", "message", NULL};
  enum { UINT, INT, SINT, BOOL, FIXED32, FIXED64, FLOAT, DOUBLE, STRING, MESSAGE };
  int f = lua_gettop(L), kind;
  lua_rawgeti(L, f, 1);
  lua_rawgeti(L, f, 2);
  lua_rawgeti(L, f, 3);
  uint32_t number = (uint32_t)luaL_checknumber(L, f + 1);
  kind = luaL_checkoption(L, f + 2, NULL, kinds);
  size_t n, mark;
  const char *s;
  switch (kind) {
    case UINT: vg_pb_uint(t, number, (uint64_t)luaL_checknumber(L, f + 3)); break;
    case INT: vg_pb_int(t, number, (int64_t)luaL_checknumber(L, f + 3)); break;
    case SINT: vg_pb_sint(t, number, (int64_t)luaL_checknumber(L, f + 3)); break;
    case BOOL: vg_pb_uint(t, number, lua_toboolean(L, f + 3) != 0); break;
    case FIXED32: vg_pb_fixed32(t, number, (uint32_t)luaL_checknumber(L, f + 3)); break;
    case FIXED64: vg_pb_fixed64(t, number, (uint64_t)luaL_checknumber(L, f + 3)); break;
    case FLOAT: vg_pb_float(t, number, (float)luaL_checknumber(L, f + 3)); break;
    case DOUBLE: vg_pb_double(t, number, luaL_checknumber(L, f + 3)); break;
    case STRING:
      s = luaL_checklstring(L, f + 3, &n);
      vg_pb_bytes(t, number, s, n);
      break;
    default:
      luaL_checktype(L, f + 3, LUA_TTABLE);
      mark = vg_pb_begin(t, number);
      encode(L, t, f + 3, depth + 1);
      vg_pb_end(t, mark);
  }
  lua_settop(L, f);
}

static void encode(lua_State *L, vg_text *t, int table, int depth) {
  int n = (int)lua_objlen(L, table);
  if (depth > 32) luaL_error(L, "protobuf: messages nested too deeply");
  luaL_checkstack(L, 8, "protobuf");
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, table, i);
    luaL_checktype(L, -1, LUA_TTABLE);
    encode_field(L, t, depth);
    lua_pop(L, 1);
  }
}

/* protobuf { { 1, "string", "x" }, { 2, "message", { ... } } } -> bytes. Kinds: uint int sint bool
   fixed32 fixed64 float double string message */
static int l_protobuf(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  vg_text *t = new_buffer(L);
  encode(L, t, 1, 0);
  return push_buffer(L, t);
}

static int l_crc32c(lua_State *L) { /* crc32c(bytes) */
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  lua_pushnumber(L, vg_crc32c(0, bytes, n));
  return 1;
}

const luaL_Reg vglua_log_events[] = {{"tb_version", l_version},
                                     {"tb_restart", l_restart},
                                     {"tb_scalars", l_scalars},
                                     {"tb_png", l_png},
                                     {"tb_tensor", l_tensor},
                                     {"tb_histogram", l_tb_histogram},
                                     {"tb_graph", l_graph},
                                     {"histogram", l_histogram},
                                     {"protobuf", l_protobuf},
                                     {"crc32c", l_crc32c},
                                     {NULL, NULL}};

void vglua_log_events_open(lua_State *L) {
  luaL_newmetatable(L, BUFFER);
  lua_pushcfunction(L, free_buffer);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
