/* core.wandb: the files of a W&B run and its way to the server, each on a thread. */
#include <string.h>

#include "base/alloc.h"
#include "base/protobuf.h"
#include "base/utf8.h"
#include "bind/bind.h"
#include "bind/refuse.h"
#include "device/interrupt.h"
#include "log/wandb_rest.h"
#include "log/wandb_schema.h"
#include "log/wandb_sender.h"
#include "log/wandb_writer.h"

#define HANDLE "vg.WandbRun"
#define SENDER "vg.WandbSender"

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

/* ---- the server ---- */

static const char *const news[] = {"history",  "summary", "event", "console", "config", "upload",
                                   "artifact", "resume",  "files", "start",   NULL};

static vg_wandb_news check_news(lua_State *L, int arg) {
  return (vg_wandb_news)(luaL_checkoption(L, arg, NULL, news) + 1);
}

static vg_wandb_sender *check_sender(lua_State *L, int arg) {
  vg_wandb_sender **s = luaL_checkudata(L, arg, SENDER);
  if (!*s) luaL_argerror(L, arg, "sender was closed");
  return *s;
}

/* run:send("history", text) -> true; news for the server, after everything before was written */
static int l_send(lua_State *L) {
  handle *h = check_handle(L);
  vg_wandb_news kind = check_news(L, 2);
  size_t n;
  const char *text = luaL_checklstring(L, 3, &n);
  return done(L, vg_wandb_writer_send(h->writer, kind, text, n));
}

static const char *text_option(lua_State *L, const char *name) {
  const char *s;
  lua_getfield(L, 1, name);
  s = lua_tostring(L, -1);
  if (!s) luaL_error(L, "wandb.sender: option '%s' must be text", name);
  return s; /* stays on the stack */
}

/* sender{ base_url =, key =, agent =, insecure =, interval =, heartbeat =, wait_min =,
   wait_max =, timeout =, finish_idle =, finish_total = } -> sender, or nil, message */
static int l_sender(lua_State *L) {
  static const char *const known[] = {"base_url", "key",         "agent",        "insecure",
                                      "interval", "heartbeat",   "wait_min",     "wait_max",
                                      "timeout",  "finish_idle", "finish_total", NULL};
  vg_wandb_sender_options o = {0};
  vg_wandb_sender **s;
  vglua_check_options(L, 1, "wandb.sender", known);
  o.base_url = text_option(L, "base_url");
  o.key = text_option(L, "key");
  o.agent = text_option(L, "agent");
  o.insecure = vglua_option_bool(L, 1, "insecure", false);
  o.interval = vglua_option_number(L, 1, "interval", 15);
  o.heartbeat = vglua_option_number(L, 1, "heartbeat", 30);
  o.wait_min = vglua_option_number(L, 1, "wait_min", 2);
  o.wait_max = vglua_option_number(L, 1, "wait_max", 60);
  o.timeout = vglua_option_number(L, 1, "timeout", 30);
  o.finish_idle = vglua_option_number(L, 1, "finish_idle", 30);
  o.finish_total = vglua_option_number(L, 1, "finish_total", 300);
  o.give_up = vg_interrupted;
  s = lua_newuserdata(L, sizeof *s);
  *s = NULL;
  luaL_getmetatable(L, SENDER);
  lua_setmetatable(L, -2);
  return vglua_or_refuse(L, vg_wandb_sender_open(s, &o), 1);
}

/* sender:tell("start", text), directly */
static int l_tell(lua_State *L) {
  vg_wandb_sender *s = check_sender(L, 1);
  vg_wandb_news kind = check_news(L, 2);
  size_t n;
  const char *text = luaL_checklstring(L, 3, &n);
  vg_wandb_sender_tell(s, kind, text, n);
  return 0;
}

/* sender:continue(rows, samples, console lines): what the server has of an earlier session */
static int l_continue(lua_State *L) {
  vg_wandb_sender_continue(check_sender(L, 1), (int64_t)luaL_checknumber(L, 2),
                           (int64_t)luaL_checknumber(L, 3), (int64_t)luaL_checknumber(L, 4));
  return 0;
}

/* sender:wait(seconds): until the first answer */
static int l_wait(lua_State *L) {
  vg_wandb_sender_wait(check_sender(L, 1), luaL_checknumber(L, 2));
  return 0;
}

/* sender:earlier() -> the answer to "resume" as JSON, or nil */
static int l_earlier(lua_State *L) {
  char *text = vg_wandb_sender_earlier(check_sender(L, 1));
  lua_pushstring(L, text);
  vg_free(text);
  return 1;
}

static int push_status(lua_State *L, const vg_wandb_status *s) {
  static const char *const states[] = {"connecting", "online", "waiting", "refused", "finished"};
  const struct {
    const char *name, *text;
  } texts[] = {{"state", states[s->state]},   {"why", s->why},
               {"id", s->place.id},           {"entity", s->place.entity},
               {"project", s->place.project}, {"name", s->place.name}};
  lua_createtable(L, 0, 12);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lua_pushstring(L, texts[i].text);
    lua_setfield(L, -2, texts[i].name);
  }
  lua_pushnumber(L, (lua_Number)s->rows);
  lua_setfield(L, -2, "rows");
  lua_pushnumber(L, (lua_Number)s->rows_sent);
  lua_setfield(L, -2, "rows_sent");
  lua_pushnumber(L, s->lost_files);
  lua_setfield(L, -2, "lost_files");
  lua_pushboolean(L, s->stop_asked);
  lua_setfield(L, -2, "stop_asked");
  return 1;
}

/* sender:status() -> { state, why, id, entity, project, name, rows, rows_sent, lost_files,
   stop_asked } */
static int l_status(lua_State *L) {
  vg_wandb_status s;
  vg_wandb_sender_look(check_sender(L, 1), &s);
  return push_status(L, &s);
}

static int end_sender(lua_State *L, int code) {
  vg_wandb_sender **box = luaL_checkudata(L, 1, SENDER), *s = *box;
  vg_wandb_status now = {0};
  *box = NULL;
  if (!s) return 0;
  vg_wandb_sender_close(s, code, &now);
  return push_status(L, &now);
}

/* sender:close(exit code) -> status at the end; nil when it was closed before */
static int l_end(lua_State *L) { return end_sender(L, (int)luaL_optinteger(L, 2, 0)); }

static int l_sender_gc(lua_State *L) {
  end_sender(L, 1);
  return 0;
}

/* ---- opening ---- */

/* open{ path = of the log, which must not exist, start = seconds since 1970, stats_interval = 0,
   sender = nil } -> run */
static int l_open(lua_State *L) {
  static const char *const known[] = {"path", "start", "stats_interval", "sender", NULL};
  vg_wandb_writer_options o = {0};
  handle *h;
  vglua_check_options(L, 1, "wandb.open", known);
  lua_settop(L, 1);
  lua_getfield(L, 1, "path");
  o.path = luaL_checkstring(L, 2);
  o.start = vglua_option_number(L, 1, "start", 0);
  o.stats_interval = vglua_option_number(L, 1, "stats_interval", 0);
  lua_newtable(L); /* keeps the sender as long as the thread may speak to it */
  lua_getfield(L, 1, "sender");
  if (!lua_isnil(L, 4)) {
    o.arg = check_sender(L, 4);
    o.tell = vg_wandb_sender_tell;
  }
  lua_rawseti(L, 3, 1);
  h = lua_newuserdata(L, sizeof *h);
  memset(h, 0, sizeof *h);
  luaL_getmetatable(L, HANDLE);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 3);
  lua_setfenv(L, -2);
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

/* rest(log, new log, rows) -> true; see wandb_rest.h */
static int l_rest(lua_State *L) {
  return done(L, vg_wandb_log_rest(luaL_checkstring(L, 1), luaL_checkstring(L, 2),
                                   (int64_t)luaL_checknumber(L, 3)));
}

static const luaL_Reg functions[] = {
    {"open", l_open}, {"sender", l_sender}, {"utf8", l_utf8}, {"rest", l_rest}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"record", l_record}, {"file", l_file},   {"link", l_link},
                                   {"flush", l_flush},   {"close", l_close}, {"send", l_send},
                                   {NULL, NULL}};

static const luaL_Reg sender_methods[] = {
    {"tell", l_tell},     {"continue", l_continue}, {"wait", l_wait}, {"earlier", l_earlier},
    {"status", l_status}, {"close", l_end},         {NULL, NULL}};

void vglua_open_wandb(lua_State *L);
void vglua_open_wandb(lua_State *L) {
  vglua_add_class(L, HANDLE, methods, l_gc);
  vglua_add_class(L, SENDER, sender_methods, l_sender_gc);
  vglua_add_module(L, "wandb", functions);
}
