/* The embedding API. Every run goes through one protected call whose message handler is Lua's
   vgg.errors; what it leaves is an error object { message, exit } that becomes text and status. */
#include <string.h>

#include "base/alloc.h"
#include "bind/bind.h"
#include "bind/luatree.h"
#include "bind/signals.h"
#include "vgglua/vgglua.h"

struct vgglua {
  lua_State *L;
  char *error; /* owned text, or NULL */
};

static _Thread_local char create_error[1024];

/* ---- errors ---- */

/* Message handler: vgg.errors.handler makes the object; without it the text as it is. */
static int on_error(lua_State *L) {
  lua_settop(L, 1);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "vgg.errors");
  if (lua_pcall(L, 1, 1, 0) != 0) return lua_settop(L, 1), 1;
  lua_getfield(L, -1, "handler");
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != 0) lua_settop(L, 1);
  return 1;
}

/* Reads status and text of the value on top of the stack; raw access, so nothing here raises. */
static int keep_error(vgglua *v, lua_State *L) {
  const char *text = NULL;
  int exit_code = VGGLUA_ERROR;
  if (lua_istable(L, -1)) {
    lua_pushliteral(L, "exit");
    lua_rawget(L, -2);
    if (lua_isnumber(L, -1)) exit_code = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushliteral(L, "message");
    lua_rawget(L, -2);
    text = lua_tostring(L, -1);
  } else {
    text = lua_tostring(L, -1);
  }
  v->error = vg_strdup(text ? text : "an error that is not a string");
  return exit_code;
}

/* The function and its arguments are on the stack. */
static int run(vgglua *v, int nargs) {
  lua_State *L = v->L;
  int status = VGGLUA_OK, base = lua_gettop(L) - nargs, rc;
  lua_pushcfunction(L, on_error);
  lua_insert(L, base);
  rc = lua_pcall(L, nargs, 1, base);
  if (rc != 0) {
    status = keep_error(v, L);
    if (rc == LUA_ERRMEM) status = VGGLUA_DEVICE;
  } else if (lua_type(L, -1) == LUA_TNUMBER) {
    status = (int)lua_tointeger(L, -1);
  }
  lua_settop(L, base - 1);
  if (rc != 0) {
    vglua_signals_reset(L);
    lua_gc(L, LUA_GCCOLLECT, 0); /* the next run starts with the memory this one left behind */
  }
  return status;
}

static void forget_error(vgglua *v) {
  vg_free(v->error);
  v->error = NULL;
}

/* ---- entry points ---- */

/* require(module)[field](strings...), or require(module)(strings...) when field is nil */
static int call_module(lua_State *L) {
  int n = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    lua_remove(L, -2);
  }
  lua_replace(L, 2);
  lua_call(L, n - 2, 1);
  return 1;
}

int vgglua_call_module(vgglua *v, const char *module, int argc, char *const *argv) {
  lua_State *L = v->L;
  forget_error(v);
  if (!lua_checkstack(L, argc + 8)) return VGGLUA_DEVICE;
  lua_pushcfunction(L, call_module);
  lua_pushstring(L, module);
  lua_pushnil(L);
  for (int i = 0; i < argc; i++) lua_pushstring(L, argv[i]);
  return run(v, argc + 2);
}

int vgglua_dofile(vgglua *v, const char *path, int argc, char *const *argv) {
  lua_State *L = v->L;
  forget_error(v);
  if (!lua_checkstack(L, argc + 8)) return VGGLUA_DEVICE;
  lua_pushcfunction(L, call_module);
  lua_pushliteral(L, "vgg.script");
  lua_pushliteral(L, "run");
  lua_pushstring(L, path);
  for (int i = 0; i < argc; i++) lua_pushstring(L, argv[i]);
  return run(v, argc + 3);
}

int vgglua_dostring(vgglua *v, const char *text, size_t length, const char *chunk_name) {
  lua_State *L = v->L;
  forget_error(v);
  lua_pushcfunction(L, call_module);
  lua_pushliteral(L, "vgg.script");
  lua_pushliteral(L, "run_text");
  lua_pushlstring(L, text, length);
  lua_pushstring(L, chunk_name ? chunk_name : "=(string)");
  return run(v, 4);
}

/* ---- life ---- */

void vgglua_config_init(vgglua_config *config) {
  *config = (vgglua_config){.size = sizeof *config, .abi = VGGLUA_ABI};
}

static int open_state(lua_State *L) {
  const vgglua_config *config = lua_touserdata(L, 1);
  luaL_openlibs(L);
  if (vglua_tree_install(L, config->lua_tree) != VG_OK) return luaL_error(L, "%s", vg_error());
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaded");
  lua_newtable(L);
  lua_setfield(L, -2, "vgg.host"); /* vgg.util.hosted(): error objects become exit codes here */
  if (config->interruptible && luaL_dostring(L, "require('jit').off()") != 0) return lua_error(L);
  return 0;
}

static vgglua *refuse(vgglua *v, const char *why) {
  strncpy(create_error, why ? why : "out of memory", sizeof create_error - 1);
  vgglua_close(v);
  return NULL;
}

vgglua *vgglua_create(const vgglua_config *config) {
  vgglua_config c;
  vgglua *v;
  vgglua_config_init(&c);
  if (config) {
    if (config->size != sizeof c || config->abi != VGGLUA_ABI)
      return refuse(NULL, "vgglua: the program was built against another version of vgglua.h");
    c = *config;
  }
  v = vg_calloc(1, sizeof *v);
  if (!v) return refuse(NULL, NULL);
  v->L = luaL_newstate();
  if (!v->L) return refuse(v, NULL);
  if (lua_cpcall(v->L, open_state, &c) != 0) return refuse(v, lua_tostring(v->L, -1));
  return v;
}

void vgglua_close(vgglua *v) {
  if (!v) return;
  if (v->L) lua_close(v->L);
  vg_free(v->error);
  vg_free(v);
}

const char *vgglua_error(const vgglua *v) {
  if (!v) return create_error;
  return v->error ? v->error : "";
}

void vgglua_interrupt(vgglua *v) { vglua_signals_interrupt(v->L); }
const char *vgglua_version(void) { return VGGLUA_VERSION; }
lua_State *vgglua_lua(vgglua *v) { return v->L; }
