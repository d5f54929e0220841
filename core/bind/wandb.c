/* core.wandb: the files of a W&B run, written on a thread. */
#include <string.h>

#include "base/alloc.h"
#include "base/protobuf.h"
#include "base/utf8.h"
#include "bind/bind.h"
#include "bind/refuse.h"
#include "log/wandb_schema.h"
#include "log/wandb_writer.h"

#define HANDLE "vg.WandbRun"

/* The texts belong to the handle: what raises in between leaks nothing. */
typedef struct handle {
  vg_wandb_writer *writer;
  vg_text record, mended;
} handle;

static handle *check_handle(lua_State *L) {
  handle *h = luaL_checkudata(L, 1, HANDLE);
  if (!h->writer) luaL_error(L, "wandb: the run was closed");
  return h;
}

/* ---- encoding ---- */

static void encode_message(lua_State *L, handle *h, const vg_wandb_field *fields, const char *name);

/* The value at the top of the stack. */
static void encode_value(lua_State *L, handle *h, const vg_wandb_field *f) {
  size_t n, mark;
  const char *s;
  switch (f->type) {
    case VG_WANDB_INT:
      if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "wandb: field '%s' wants a number", f->name);
      if (f->repeated || lua_tonumber(L, -1) != 0)
        vg_pb_int(&h->record, f->number, (int64_t)lua_tonumber(L, -1));
      break;
    case VG_WANDB_BOOL:
      if (lua_toboolean(L, -1)) vg_pb_uint(&h->record, f->number, 1);
      break;
    case VG_WANDB_STRING:
      if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "wandb: field '%s' wants text", f->name);
      s = lua_tolstring(L, -1, &n);
      h->mended.len = 0;
      vg_utf8_add(&h->mended, s, n);
      if (n || f->repeated) vg_pb_bytes(&h->record, f->number, h->mended.data, h->mended.len);
      break;
    case VG_WANDB_MESSAGE:
    default:
      if (!lua_istable(L, -1)) luaL_error(L, "wandb: field '%s' wants a table", f->name);
      mark = vg_pb_begin(&h->record, f->number);
      encode_message(L, h, f->message, f->name);
      vg_pb_end(&h->record, mark);
  }
}

/* The table at the top of the stack. */
static void encode_message(lua_State *L, handle *h, const vg_wandb_field *fields,
                           const char *name) {
  int known = 0, given = 0;
  luaL_checkstack(L, 6, "wandb: nested too deeply");
  for (const vg_wandb_field *f = fields; f->name; f++) {
    lua_getfield(L, -1, f->name);
    if (!lua_isnil(L, -1)) {
      known++;
      if (f->repeated) {
        if (!lua_istable(L, -1)) luaL_error(L, "wandb: field '%s' wants a list", f->name);
        for (int i = 1, n = (int)lua_objlen(L, -1); i <= n; i++) {
          lua_rawgeti(L, -1, i);
          encode_value(L, h, f);
          lua_pop(L, 1);
        }
      } else {
        encode_value(L, h, f);
      }
    }
    lua_pop(L, 1);
  }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) given++;
  if (given != known) luaL_error(L, "wandb: message '%s' has a field that does not exist", name);
}

static const vg_wandb_field *find_record(lua_State *L, const char *name) {
  for (const vg_wandb_field *f = vg_wandb_record; f->name; f++)
    if (strcmp(f->name, name) == 0) return f;
  luaL_error(L, "wandb: no record '%s'", name);
  return NULL;
}

static int done(lua_State *L, vg_status st) {
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, st, 1);
}

/* run:record("history", { item = { ... } }) -> true; each text is made valid UTF-8 */
static int l_record(lua_State *L) {
  handle *h = check_handle(L);
  const vg_wandb_field *f = find_record(L, luaL_checkstring(L, 2));
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  h->record.len = 0;
  encode_value(L, h, f);
  if (h->record.failed || h->mended.failed) return vglua_return(L, VG_ENOMEM);
  return done(
      L, vg_wandb_writer_push(h->writer, VG_WANDB_RECORD, NULL, 0, h->record.data, h->record.len));
}

/* ---- the other jobs ---- */

/* run:file(path, bytes) -> true; directories are made */
static int l_file(lua_State *L) {
  handle *h = check_handle(L);
  size_t n, size;
  const char *path = luaL_checklstring(L, 2, &n), *data = luaL_checklstring(L, 3, &size);
  return done(L, vg_wandb_writer_push(h->writer, VG_WANDB_FILE, path, n + 1, data, size));
}

/* run:link(from, to) -> true; a second name of a file */
static int l_link(lua_State *L) {
  handle *h = check_handle(L);
  size_t n, k;
  const char *from = luaL_checklstring(L, 2, &n), *to = luaL_checklstring(L, 3, &k);
  return done(L, vg_wandb_writer_push(h->writer, VG_WANDB_LINK, from, n + 1, to, k + 1));
}

/* run:flush(seconds = 10) -> true; everything so far is written */
static int l_flush(lua_State *L) {
  handle *h = check_handle(L);
  return done(L, vg_wandb_writer_flush(h->writer, luaL_optnumber(L, 2, 10)));
}

static vg_status close_handle(handle *h, double seconds) {
  vg_wandb_writer *w = h->writer;
  h->writer = NULL;
  vg_text_free(&h->record);
  vg_text_free(&h->mended);
  return w ? vg_wandb_writer_close(w, seconds) : VG_OK;
}

/* run:close(seconds = 10) -> true; may be repeated */
static int l_close(lua_State *L) {
  handle *h = luaL_checkudata(L, 1, HANDLE);
  return done(L, close_handle(h, luaL_optnumber(L, 2, 10)));
}

static int l_gc(lua_State *L) {
  close_handle(luaL_checkudata(L, 1, HANDLE), 10);
  return 0;
}

/* open{ path = of the log, which must not exist, start = seconds since 1970, stats_interval = 0 }
   -> run */
static int l_open(lua_State *L) {
  static const char *const known[] = {"path", "start", "stats_interval", NULL};
  vg_wandb_writer_options o = {0};
  handle *h;
  vglua_check_options(L, 1, "wandb.open", known);
  lua_getfield(L, 1, "path");
  o.path = luaL_checkstring(L, -1);
  o.start = vglua_option_number(L, 1, "start", 0);
  o.stats_interval = vglua_option_number(L, 1, "stats_interval", 0);
  h = lua_newuserdata(L, sizeof *h);
  memset(h, 0, sizeof *h);
  luaL_getmetatable(L, HANDLE);
  lua_setmetatable(L, -2);
  return vglua_or_refuse(L, vg_wandb_writer_open(&h->writer, &o), 1);
}

/* utf8(text) -> text; what is no UTF-8 is replaced by U+FFFD */
static int l_utf8(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < n;) {
    size_t k = s[i] ? vg_utf8_length(s + i, n - i) : 0;
    luaL_addlstring(&b, k ? s + i : "\xEF\xBF\xBD", k ? k : 3);
    i += k ? k : 1;
  }
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg functions[] = {{"open", l_open}, {"utf8", l_utf8}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"record", l_record}, {"file", l_file},   {"link", l_link},
                                   {"flush", l_flush},   {"close", l_close}, {NULL, NULL}};

void vglua_open_wandb(lua_State *L);
void vglua_open_wandb(lua_State *L) {
  luaL_newmetatable(L, HANDLE);
  lua_newtable(L);
  luaL_register(L, NULL, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  vglua_add_module(L, "wandb", functions);
}
