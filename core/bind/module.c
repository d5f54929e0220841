/* luaopen_vgg_core: the table `vgg.core` that the Lua part of vgg is built on. */
#include "bind/module.h"
#include "bind/bind.h"

void vglua_add_methods(lua_State *L, const luaL_Reg *methods) {
  luaL_getmetatable(L, VGLUA_TENSOR);
  lua_getfield(L, -1, "methods");
  luaL_register(L, NULL, methods);
  lua_pop(L, 2);
}

void vglua_add_module(lua_State *L, const char *name, const luaL_Reg *functions) {
  lua_newtable(L);
  luaL_register(L, NULL, functions);
  lua_setfield(L, -2, name);
}

void vglua_add_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_register(L, NULL, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int l_error_text(lua_State *L) {
  lua_getfield(L, 1, "message");
  return 1;
}

static void open_errors(lua_State *L) {
  luaL_newmetatable(L, "vgg.Error");
  lua_pushcfunction(L, l_error_text);
  lua_setfield(L, -2, "__tostring");
  lua_setfield(L, -2, "Error"); /* core.Error: the metatable, for vgg.util.fail */
}

/* One line a file of the binding, handle first. */
#define OPENERS(X) \
  X(handle)        \
  X(tensor)        \
  X(create)        \
  X(arith)         \
  X(unary)         \
  X(reduce)        \
  X(views)         \
  X(index)         \
  X(device)        \
  X(signals)       \
  X(attach)        \
  X(print)         \
  X(data)          \
  X(augment)       \
  X(data_device)   \
  X(io)            \
  X(archive)       \
  X(fs)            \
  X(log)           \
  X(wandb)         \
  X(dense)         \
  X(loss)          \
  X(random)        \
  X(optim)         \
  X(replay)        \
  X(profile)       \
  X(metric)        \
  X(layer)         \
  X(image)

#define DECLARE(name) void vglua_open_##name(lua_State *L);
#define CALL(name) vglua_open_##name(L);
OPENERS(DECLARE)

int luaopen_vgg_core(lua_State *L) {
  lua_newtable(L);
  lua_pushstring(L, VGGLUA_VERSION);
  lua_setfield(L, -2, "version");
  open_errors(L);
  OPENERS(CALL)
  return 1;
}
