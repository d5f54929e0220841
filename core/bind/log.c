/* core.log: the background writer. Its methods never raise because of the disk. */
#include "bind/log.h"

#include "bind/bind.h"
#include "log/writer.h"

#define WRITER "vgg.log.Writer"

static const double CLOSE_SECONDS = 3;

typedef struct box {
  vg_writer *w;
  bool told; /* the first failure was handed to Lua */
} box;

static box *check(lua_State *L) { return luaL_checkudata(L, 1, WRITER); }

static vg_writer *check_open(lua_State *L) {
  box *b = check(L);
  if (!b->w) luaL_argerror(L, 1, "writer was closed");
  return b->w;
}

/* writer(room = 16 MiB): bytes that may wait for the disk */
static int l_writer(lua_State *L) {
  size_t room = (size_t)luaL_optnumber(L, 1, 0);
  box *b = lua_newuserdata(L, sizeof *b);
  *b = (box){0};
  luaL_getmetatable(L, WRITER);
  lua_setmetatable(L, -2);
  return vglua_return(L, vg_writer_new(&b->w, room));
}

typedef bool hand(vg_writer *w, const char *path, const void *data, size_t n);

static int hand_over(lua_State *L, hand *f) {
  vg_writer *w = check_open(L);
  const char *path = luaL_checkstring(L, 2);
  size_t n;
  const char *data = luaL_checklstring(L, 3, &n);
  lua_pushboolean(L, f(w, path, data, n));
  return 1;
}

/* w:append(path, bytes), w:put(path, bytes) -> false when dropped */
static int l_append(lua_State *L) { return hand_over(L, vg_writer_append); }
static int l_put(lua_State *L) { return hand_over(L, vg_writer_put); }

static int l_forget(lua_State *L) { /* w:forget(path) -> false when it stays open */
  lua_pushboolean(L, vg_writer_forget(check_open(L), luaL_checkstring(L, 2)));
  return 1;
}

static int l_flush(lua_State *L) { /* w:flush(seconds, sync) -> false when something waits */
  vg_writer *w = check_open(L);
  lua_pushboolean(L, vg_writer_flush(w, luaL_checknumber(L, 2), lua_toboolean(L, 3)));
  return 1;
}

static void push_status(lua_State *L, const vg_writer_status *s) {
  lua_createtable(L, 0, 5);
  lua_pushnumber(L, (lua_Number)s->written);
  lua_setfield(L, -2, "written");
  lua_pushnumber(L, (lua_Number)s->waiting);
  lua_setfield(L, -2, "waiting");
  lua_pushnumber(L, (lua_Number)s->lost);
  lua_setfield(L, -2, "lost");
  lua_pushnumber(L, (lua_Number)s->lost_bytes);
  lua_setfield(L, -2, "lost_bytes");
  if (*s->message) {
    lua_pushstring(L, s->message);
    lua_setfield(L, -2, "message");
  }
}

static int l_status(
    lua_State *L) { /* w:status() -> { written, waiting, lost, lost_bytes, message } */
  vg_writer_status s;
  vg_writer_look(check_open(L), &s);
  push_status(L, &s);
  return 1;
}

static int l_trouble(lua_State *L) { /* w:trouble() -> the first failure, once; then nil */
  box *b = check(L);
  vg_writer_status s;
  if (b->told || !b->w) return 0;
  vg_writer_look(b->w, &s);
  b->told = *s.message != 0;
  if (!b->told) return 0;
  lua_pushstring(L, s.message);
  return 1;
}

static int l_close(lua_State *L) { /* w:close(seconds = 3) -> as status(); nil when it was closed */
  box *b = check(L);
  double seconds = luaL_optnumber(L, 2, CLOSE_SECONDS);
  vg_writer *w = b->w;
  vg_writer_status s;
  if (!w) return 0;
  b->w = NULL;
  vg_writer_close(w, seconds, &s);
  push_status(L, &s);
  return 1;
}

static int l_gc(lua_State *L) {
  box *b = check(L);
  vg_writer *w = b->w;
  b->w = NULL;
  if (w) vg_writer_close(w, CLOSE_SECONDS, NULL);
  return 0;
}

static const luaL_Reg methods[] = {
    {"append", l_append},   {"put", l_put},       {"forget", l_forget},
    {"flush", l_flush},     {"status", l_status}, {"close", l_close},
    {"trouble", l_trouble}, {"__gc", l_gc},       {NULL, NULL}};

static const luaL_Reg functions[] = {{"writer", l_writer}, {NULL, NULL}};

void vglua_open_log(lua_State *L);
void vglua_open_log(lua_State *L) {
  luaL_newmetatable(L, WRITER);
  luaL_register(L, NULL, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  vglua_add_module(L, "log", functions);
  lua_getfield(L, -1, "log");
  luaL_register(L, NULL, vglua_log_events);
  lua_pop(L, 1);
  vglua_log_events_open(L);
}
