/* Devices, memory statistics, seeds and switches of the context. */
#include "base/alloc.h"
#include "base/clock.h"
#include "bind/bind.h"
#include "device/registry.h"

static void set_number(lua_State *L, const char *k, double v) {
  lua_pushnumber(L, v);
  lua_setfield(L, -2, k);
}

/* device.memory([name]) -> { live, peak, cached, blocks, device_allocs, limit } in bytes */
static int l_memory(lua_State *L) {
  vg_pool_stats s = vg_pool_statistics(vglua_opt_device(L, 1));
  lua_newtable(L);
  set_number(L, "live", (double)s.live);
  set_number(L, "peak", (double)s.peak);
  set_number(L, "cached", (double)s.cached);
  set_number(L, "blocks", (double)s.live_blocks);
  set_number(L, "device_allocs", (double)s.device_allocs);
  set_number(L, "limit", (double)s.limit);
  return 1;
}

/* device.host_memory() -> { blocks, bytes, system_calls, tensors, caching } */
static int l_host_memory(lua_State *L) {
  vg_alloc_stats s = vg_alloc_statistics();
  lua_newtable(L);
  set_number(L, "blocks", (double)s.live_blocks);
  set_number(L, "bytes", (double)s.live_bytes);
  set_number(L, "system_calls", (double)s.system_calls);
  lua_pushboolean(L, s.caching);
  lua_setfield(L, -2, "caching");
  set_number(L, "tensors", (double)vglua_context(L)->live_tensors);
  return 1;
}

/* device.set_memory_limit(bytes [, soft_bytes [, device]]); 0: none */
static int l_set_memory_limit(lua_State *L) {
  double limit = luaL_checknumber(L, 1), soft = luaL_optnumber(L, 2, 0);
  if (limit < 0 || soft < 0) return luaL_error(L, "set_memory_limit: bytes are not negative");
  vg_pool_set_limit(vglua_opt_device(L, 3), (size_t)limit, (size_t)soft);
  return 0;
}

/* device.fail_alloc(n): the n-th request for memory from now fails, 0: none (for tests) */
static int l_fail_alloc(lua_State *L) {
  vg_alloc_fail_after((int64_t)luaL_checknumber(L, 1));
  return 0;
}

/* device.macs(name) -> multiply-accumulates since the device was opened; nil where nobody counts */
static int l_macs(lua_State *L) {
  vg_device *d = vglua_opt_device(L, 1);
  if (!d->be->device->macs) return 0;
  lua_pushnumber(L, d->be->device->macs(d));
  return 1;
}

static int l_reset_peak(lua_State *L) {
  vg_pool_reset_peak(vglua_opt_device(L, 1));
  return 0;
}

static int l_empty_cache(lua_State *L) {
  vg_pool_trim(vglua_opt_device(L, 1));
  return 0;
}

/* device.open(name) -> canonical name; raises when it cannot be used */
static int l_open(lua_State *L) {
  lua_pushstring(L, vglua_check_device(L, 1)->name);
  return 1;
}

/* set_default_device(name): where tensors and layers are made when no device is named */
static int l_set_default(lua_State *L) {
  vg_set_usual_device(vglua_check_device(L, 1));
  return 0;
}

static int l_get_default(lua_State *L) {
  lua_pushstring(L, vg_usual_device(vglua_context(L))->name);
  return 1;
}

static int l_describe(lua_State *L) {
  char text[256];
  vg_device *d = vglua_opt_device(L, 1);
  vg_status st = d->be->device->describe(d, text, sizeof text);
  lua_pushstring(L, st == VG_OK ? text : "");
  return vglua_return(L, st);
}

/* device.bf16([name]) -> what multiplies bfloat16 there ("AMX"), or nil, and why it is nil */
static int l_bf16(lua_State *L) {
  vg_device *d = vglua_opt_device(L, 1);
  const char *unit = d->be->device->bf16 ? d->be->device->bf16(d) : NULL;
  if (unit) {
    lua_pushstring(L, unit);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, d->be->device->bf16 ? "emulated" : "unsupported");
  return 2;
}

/* device.set_tf32(on): products of f32 numbers may round them to TF32 where a device has that */
static int l_set_tf32(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  vglua_context(L)->tf32 = lua_toboolean(L, 1);
  return 0;
}

static int l_report(lua_State *L) {
  lua_pushstring(L, vg_registry_report());
  return 1;
}

/* set_threads(n [, device]): the CPU's, when no device is named */
static int l_set_threads(lua_State *L) {
  vg_device *d = lua_isnoneornil(L, 2) ? vg_cpu(vglua_context(L)) : vglua_check_device(L, 2);
  if (!d->be->device->set_threads) return vglua_return(L, vg_unsupported(d, "set_threads"));
  return vglua_return_n(L, d->be->device->set_threads(d, (int)luaL_checkinteger(L, 1)), 0);
}

static int l_synchronise(lua_State *L) {
  return vglua_return_n(L, vg_device_synchronise(vglua_opt_device(L, 1)), 0);
}

/* Seeds are whole numbers up to 2^53. */
static int l_manual_seed(lua_State *L) {
  double seed = luaL_checknumber(L, 1);
  if (seed < 0 || seed > 9007199254740992.0 || seed != (double)(uint64_t)seed)
    return luaL_argerror(L, 1, "a seed is a whole number from 0 to 2^53");
  vg_manual_seed(vglua_context(L), (uint64_t)seed);
  return 0;
}

/* rng_state() -> seed, position; set_rng_state(seed, position) */
static int l_rng_state(lua_State *L) {
  vg_context *c = vglua_context(L);
  lua_pushnumber(L, (lua_Number)c->seed);
  lua_pushnumber(L, (lua_Number)c->rng_calls);
  return 2;
}

static int l_set_rng_state(lua_State *L) {
  vg_context *c = vglua_context(L);
  c->seed = (uint64_t)luaL_checknumber(L, 1);
  c->rng_calls = (uint64_t)luaL_checknumber(L, 2);
  return 0;
}

static int l_set_deterministic(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  vglua_context(L)->deterministic = lua_toboolean(L, 1);
  return 0;
}

/* constant_weights(true) ... constant_weights(false), nesting */
static int l_constant_weights(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  if (lua_toboolean(L, 1))
    vg_constant_weights_begin(vglua_context(L));
  else
    vg_constant_weights_end(vglua_context(L));
  return 0;
}

/* autocast("bf16" | "f32", fn, ...): fn(...) in that precision, and what it returns */
static int l_autocast(lua_State *L) {
  static const char *const names[] = {"f32", "bf16", "float32", "bfloat16", NULL};
  vg_context *c = vglua_context(L);
  int rc, before = c->autocast, wanted = luaL_checkoption(L, 1, NULL, names);
  if (luaL_getmetafield(L, 2, "__call")) /* a model, too */
    lua_pop(L, 1);
  else
    luaL_checktype(L, 2, LUA_TFUNCTION);
  c->autocast = wanted % 2 ? VG_BF16 : VG_F32;
  rc = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  c->autocast = before;
  return rc ? lua_error(L) : lua_gettop(L) - 1;
}

static int l_clock(lua_State *L) {
  lua_pushnumber(L, vg_clock());
  return 1;
}

static int l_wall_clock(lua_State *L) {
  lua_pushnumber(L, vg_wall_clock());
  return 1;
}

static const luaL_Reg functions[] = {{"memory", l_memory},
                                     {"host_memory", l_host_memory},
                                     {"set_memory_limit", l_set_memory_limit},
                                     {"macs", l_macs},
                                     {"reset_peak", l_reset_peak},
                                     {"fail_alloc", l_fail_alloc},
                                     {"empty_cache", l_empty_cache},
                                     {"open", l_open},
                                     {"describe", l_describe},
                                     {"bf16", l_bf16},
                                     {"set_tf32", l_set_tf32},
                                     {"report", l_report},
                                     {"set_threads", l_set_threads},
                                     {"synchronise", l_synchronise},
                                     {NULL, NULL}};
static const luaL_Reg top[] = {{"manual_seed", l_manual_seed},
                               {"rng_state", l_rng_state},
                               {"set_rng_state", l_set_rng_state},
                               {"set_deterministic", l_set_deterministic},
                               {"constant_weights", l_constant_weights},
                               {"autocast", l_autocast},
                               {"set_default_device", l_set_default},
                               {"get_default_device", l_get_default},
                               {"clock", l_clock},
                               {"wall_clock", l_wall_clock},
                               {NULL, NULL}};

void vglua_open_device(lua_State *L);
void vglua_open_device(lua_State *L) {
  vglua_add_module(L, "device", functions);
  luaL_register(L, NULL, top);
}
