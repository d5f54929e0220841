/* tostring(x), x:summary() and x:stats(). */
#include "tensor/print.h"

#include "bind/bind.h"

/* The text is copied into Lua in a protected call, so that a long jump leaks nothing. */
static int push_copy(lua_State *L) {
  const vg_text *t = lua_touserdata(L, 1);
  lua_pushlstring(L, vg_text_str(t), t->len);
  return 1;
}

static int return_text(lua_State *L, vg_status (*write)(vg_text *, const vg_tensor *)) {
  vg_tensor *t = vglua_check_tensor(L, 1);
  vg_text text = {0};
  vg_status st;
  int rc = 0;
  lua_pushcfunction(L, push_copy);
  st = write(&text, t);
  if (st == VG_OK) {
    lua_pushlightuserdata(L, &text);
    rc = lua_pcall(L, 1, 1, 0);
  }
  vg_text_free(&text);
  if (rc != 0) return lua_error(L);
  return vglua_return(L, st);
}

static int l_summary(lua_State *L) { return return_text(L, vg_tensor_summary); }

static int l_tostring(lua_State *L) {
  if (!vglua_test_tensor(L, 1)) return lua_pushliteral(L, "Tensor (released)"), 1;
  return return_text(L, vg_tensor_text);
}

static void set_number(lua_State *L, const char *k, double v) {
  lua_pushnumber(L, v);
  lua_setfield(L, -2, k);
}

static void push_stats(lua_State *L, const vg_stats *s) {
  lua_createtable(L, 0, 7);
  set_number(L, "min", s->min);
  set_number(L, "max", s->max);
  set_number(L, "mean", s->mean);
  set_number(L, "std", s->std);
  set_number(L, "nan", (double)s->nan);
  set_number(L, "zeros", (double)s->zeros);
  set_number(L, "infinite", (double)s->infinite);
}

/* x:stats() -> { min, max, mean, std, nan, zeros, infinite }: of the elements that are not NaN, and
   how many are NaN, 0, infinite */
static int l_stats(lua_State *L) {
  vg_stats s;
  vg_status st = vg_tensor_stats(&s, vglua_check_tensor(L, 1));
  if (st != VG_OK) return vglua_raise(L, st);
  push_stats(L, &s);
  return 1;
}

/* x:channel_stats() -> the same of every channel of N x C x ... */
static int l_channel_stats(lua_State *L) {
  vg_tensor *t = vglua_check_tensor(L, 1);
  int64_t n = t->ndim > 1 ? t->shape[1] : 1;
  vg_stats *s = lua_newuserdata(L, (size_t)(n + 1) * sizeof *s);
  vg_status st = vg_channel_stats(s, t);
  if (st != VG_OK) return vglua_raise(L, st);
  lua_createtable(L, (int)n, 0);
  for (int64_t i = 0; i < n; i++) {
    push_stats(L, &s[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static const luaL_Reg methods[] = {
    {"summary", l_summary}, {"stats", l_stats}, {"channel_stats", l_channel_stats}, {NULL, NULL}};

void vglua_open_print(lua_State *L);
void vglua_open_print(lua_State *L) {
  vglua_add_methods(L, methods);
  luaL_getmetatable(L, VGLUA_TENSOR);
  lua_pushcfunction(L, l_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "vgg.Tensor");
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}
