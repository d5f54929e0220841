/* core.profile: where the time goes (device/profile.h). */
#include "device/profile.h"

#include "bind/bind.h"

static int l_start(lua_State *L) { /* start([device]) */
  return vglua_return_n(L, vg_profile_start(vglua_opt_device(L, 1)), 0);
}

static int l_switch(lua_State *L) { /* switch(on [, device]) */
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  vg_profile_switch(vglua_opt_device(L, 2), lua_toboolean(L, 1));
  return 0;
}

static int l_name(lua_State *L) { /* name(tensor, label): of the tensor's device */
  vg_tensor *t = vglua_check_tensor(L, 1);
  return vglua_return_n(L, vg_profile_name(t->dev, t, luaL_checkstring(L, 2)), 0);
}

static int l_stop(lua_State *L) { /* stop([device]) */
  vg_profile_stop(vglua_opt_device(L, 1));
  return 0;
}

static void text(lua_State *L, const char *k, const char *v) {
  lua_pushstring(L, v);
  lua_setfield(L, -2, k);
}
static void number(lua_State *L, const char *k, double v) {
  lua_pushnumber(L, v);
  lua_setfield(L, -2, k);
}

/* rows([device]) -> { { label, op, pass, shape, dtype, layout, kernel, calls, seconds, flops, bytes
   }
   ... }, { reorders, reorder_bytes, taken, device_allocs } */
static int l_rows(lua_State *L) {
  vg_device *d = vglua_opt_device(L, 1);
  const vg_profile_row *r;
  int n = vg_profile_rows(d, &r);
  vg_profile_totals t = vg_profile_count(d);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++, r++) {
    lua_createtable(L, 0, 11);
    text(L, "label", r->label);
    text(L, "op", r->op);
    text(L, "pass", r->pass);
    text(L, "shape", r->shape);
    text(L, "dtype", r->dtype);
    text(L, "layout", r->layout);
    text(L, "kernel", r->kernel);
    number(L, "calls", (double)r->calls);
    number(L, "seconds", r->seconds);
    number(L, "flops", r->flops);
    number(L, "bytes", r->bytes);
    lua_rawseti(L, -2, i + 1);
  }
  lua_createtable(L, 0, 4);
  number(L, "reorders", (double)t.reorders);
  number(L, "reorder_bytes", t.reorder_bytes);
  number(L, "taken", (double)t.taken);
  number(L, "device_allocs", (double)t.device_allocs);
  return 2;
}

static const luaL_Reg functions[] = {{"start", l_start}, {"switch", l_switch}, {"name", l_name},
                                     {"stop", l_stop},   {"rows", l_rows},     {NULL, NULL}};

void vglua_open_profile(lua_State *L);
void vglua_open_profile(lua_State *L) { vglua_add_module(L, "profile", functions); }
