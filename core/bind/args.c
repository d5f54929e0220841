/* Argument and option checking. */
#include <string.h>

#include "bind/bind.h"

int vglua_check_dim(lua_State *L, int arg) {
  lua_Integer d = luaL_checkinteger(L, arg);
  if (d == 0) luaL_argerror(L, arg, "dimensions count from 1, or from -1 at the end");
  return (int)(d > 0 ? d - 1 : d);
}

vg_dtype vglua_check_dtype(lua_State *L, int arg) {
  static const char *const names[] = {"float32", "bfloat16", "int64", "uint8", NULL};
  return (vg_dtype)luaL_checkoption(L, arg, NULL, names);
}

vg_dtype vglua_opt_dtype(lua_State *L, int arg, vg_dtype otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : vglua_check_dtype(L, arg);
}

vg_device *vglua_check_device(lua_State *L, int arg) {
  vg_device *d = NULL;
  vg_status st = vg_device_open(&d, vglua_context(L), luaL_checkstring(L, arg));
  if (st != VG_OK) vglua_raise(L, st);
  return d;
}

vg_device *vglua_opt_device(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? vg_usual_device(vglua_context(L)) : vglua_check_device(L, arg);
}

static int64_t check_size(lua_State *L, int arg, int index) {
  double v = lua_tonumber(L, index);
  if (!lua_isnumber(L, index) || v != (double)(int64_t)v || v < -1)
    luaL_argerror(L, arg, "sizes are whole numbers");
  return (int64_t)v;
}

int vglua_check_shape(lua_State *L, int arg, int64_t *shape) {
  bool table = lua_istable(L, arg);
  int n = table ? (int)lua_objlen(L, arg) : lua_gettop(L) - arg + 1;
  if (n > VG_MAX_DIMS) luaL_argerror(L, arg, "at most 8 dimensions are possible");
  for (int i = 0; i < n; i++) {
    if (table) lua_rawgeti(L, arg, i + 1);
    shape[i] = check_size(L, arg, table ? -1 : arg + i);
    if (table) lua_pop(L, 1);
  }
  return n < 0 ? 0 : n;
}

/* ---- option tables ---- */

static size_t min3(size_t a, size_t b, size_t c) {
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

static size_t distance(const char *a, const char *b) {
  size_t row[33], na = strlen(a), nb = strlen(b);
  if (na > 32 || nb > 32) return 99;
  for (size_t j = 0; j <= nb; j++) row[j] = j;
  for (size_t i = 1; i <= na; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      size_t up = row[j];
      row[j] = min3(up + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
      corner = up;
    }
  }
  return row[nb];
}

void vglua_consider(vglua_suggestion *s, const char *candidate) {
  size_t d = distance(s->word, candidate);
  if (s->least == 0) s->least = 3; /* three slips are another word */
  if (strncmp(s->word, candidate, strlen(candidate)) == 0 && d > 2) d = 2; /* padding -> pad */
  if (d >= s->least) return;
  s->least = d;
  s->best = candidate;
}

static int unknown_option(lua_State *L, const char *op, const char *key, const char *const *known) {
  vglua_suggestion s = {.word = key};
  for (; *known; known++) vglua_consider(&s, *known);
  if (s.best) return luaL_error(L, "%s: unknown option '%s' (did you mean '%s'?)", op, key, s.best);
  return luaL_error(L, "%s: unknown option '%s'", op, key);
}

void vglua_check_options(lua_State *L, int arg, const char *op, const char *const *known) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -1);
      const char *const *k = known;
      while (*k && strcmp(*k, key) != 0) k++;
      if (!*k) unknown_option(L, op, key, known);
    }
  }
}

static int bad_option(lua_State *L, const char *name, const char *want) {
  return luaL_error(L, "option '%s': want %s, got %s", name, want, luaL_typename(L, -1));
}

static bool push_option(lua_State *L, int arg, const char *name) {
  if (!lua_istable(L, arg)) return false;
  lua_getfield(L, arg, name);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

double vglua_option_number(lua_State *L, int arg, const char *name, double otherwise) {
  double v;
  if (!push_option(L, arg, name)) return otherwise;
  if (lua_type(L, -1) != LUA_TNUMBER) bad_option(L, name, "a number");
  v = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

int64_t vglua_option_integer(lua_State *L, int arg, const char *name, int64_t otherwise) {
  double v;
  if (!push_option(L, arg, name)) return otherwise;
  v = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || v < -9.0e15 || v > 9.0e15 || v != (double)(int64_t)v)
    bad_option(L, name, "a whole number");
  lua_pop(L, 1);
  return (int64_t)v;
}

bool vglua_option_bool(lua_State *L, int arg, const char *name, bool otherwise) {
  bool v;
  if (!push_option(L, arg, name)) return otherwise;
  if (!lua_isboolean(L, -1)) bad_option(L, name, "true or false");
  v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

static int small_integer(lua_State *L, const char *name) {
  double v = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || v < -1e9 || v > 1e9 || v != (double)(int)v)
    bad_option(L, name, "a whole number or a pair of them");
  return (int)v;
}

void vglua_option_pair(lua_State *L, int arg, const char *name, int otherwise, int out[2]) {
  out[0] = out[1] = otherwise;
  if (!push_option(L, arg, name)) return;
  if (lua_istable(L, -1)) {
    if (lua_objlen(L, -1) != 2) bad_option(L, name, "a whole number or a pair of them");
    for (int i = 0; i < 2; i++) {
      lua_rawgeti(L, -1, i + 1);
      out[i] = small_integer(L, name);
      lua_pop(L, 1);
    }
  } else {
    out[0] = out[1] = small_integer(L, name);
  }
  lua_pop(L, 1);
}

vg_tensor *vglua_option_tensor(lua_State *L, int arg, const char *name) {
  vg_tensor *t;
  if (!push_option(L, arg, name)) return NULL;
  t = vglua_test_tensor(L, -1);
  if (!t) bad_option(L, name, "a tensor");
  lua_pop(L, 1); /* the table keeps it */
  return t;
}
