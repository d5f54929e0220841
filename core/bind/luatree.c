#include "bind/luatree.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind/module.h"

static char tree_key;

/* ---- finding it ---- */

static bool holds_tree(const char *dir) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/vgg/init.lua", dir);
  return access(path, R_OK) == 0;
}

/* Tries lua/ and share/vgglua/lua/ beside `dir` and up to three levels above it. */
static bool look_around(char out[PATH_MAX], const char *dir) {
  static const char *const places[] = {"lua", "share/vgglua/lua"};
  char base[PATH_MAX], path[PATH_MAX + 32];
  snprintf(base, sizeof base, "%s", dir);
  for (int level = 0; level < 4; level++) {
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
      snprintf(path, sizeof path, "%s/%s", base, places[i]);
      if (holds_tree(path) && realpath(path, out)) return true;
    }
    char *slash = strrchr(base, '/');
    if (!slash) break;
    *slash = 0;
  }
  return false;
}

static bool around_file(char out[PATH_MAX], const char *file) {
  char real[PATH_MAX], *slash;
  if (!realpath(file, real)) return false;
  slash = strrchr(real, '/');
  if (!slash) return false;
  *slash = 0;
  return look_around(out, real);
}

static vg_status find(char out[PATH_MAX], const char *tree) {
  Dl_info info;
  if (!tree) tree = getenv("VGG_LUA_PATH");
  if (tree && *tree) {
    if (!holds_tree(tree))
      return vg_fail(VG_EIO, "vgg: no vgg/init.lua in '%s' (VGG_LUA_PATH or lua_tree)", tree);
    return realpath(tree, out) ? VG_OK : vg_fail(VG_EIO, "vgg: cannot read '%s'", tree);
  }
  if (dladdr(&tree_key, &info) && info.dli_fname && around_file(out, info.dli_fname)) return VG_OK;
  if (around_file(out, "/proc/self/exe")) return VG_OK;
  return vg_fail(VG_EIO,
                 "vgg: the Lua files are not beside the library; set VGG_LUA_PATH to the "
                 "directory that holds vgg/init.lua");
}

/* ---- require ---- */

/* package.loaders entry: loads vgg and vgg.* from the tree (upvalue 1). */
static int searcher(lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *tree = lua_tostring(L, lua_upvalueindex(1));
  const char *file, *path;
  if (strncmp(name, "vgg", 3) != 0 || (name[3] && name[3] != '.')) return 0;
  file = luaL_gsub(L, name, ".", "/");
  for (int form = name[3] ? 0 : 1; form < 2; form++) {
    path = lua_pushfstring(L, form ? "%s/%s/init.lua" : "%s/%s.lua", tree, file);
    if (access(path, R_OK) != 0) continue;
    if (luaL_loadfile(L, path) != 0) return lua_error(L);
    return 1;
  }
  lua_pushfstring(L, "\n\tno file '%s/%s.lua'", tree, file);
  return 1;
}

static void add_searcher(lua_State *L, const char *tree) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_vgg_core);
  lua_setfield(L, -2, "vgg.core");
  lua_getfield(L, -2, "loaders");
  for (int i = (int)lua_objlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushstring(L, tree);
  lua_pushcclosure(L, searcher, 1);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 3);
}

static bool has_gc64(lua_State *L) {
  static const char code[] = "return require('ffi').abi('gc64')";
  bool yes = luaL_loadstring(L, code) == 0 && lua_pcall(L, 0, 1, 0) == 0 && lua_toboolean(L, -1);
  lua_pop(L, 1);
  return yes;
}

vg_status vglua_tree_install(lua_State *L, const char *tree) {
  char path[PATH_MAX];
  if (*vglua_tree(L)) return VG_OK;
  if (!has_gc64(L))
    return vg_fail(VG_EUNSUPPORTED,
                   "vgg: this LuaJIT was built without GC64 and could hold 2 GB at "
                   "most; use one with GC64 (Debian's has it)");
  vg_status st = find(path, tree);
  if (st != VG_OK) return st;
  lua_pushlightuserdata(L, &tree_key);
  lua_pushstring(L, path);
  lua_rawset(L, LUA_REGISTRYINDEX);
  add_searcher(L, path);
  return VG_OK;
}

const char *vglua_tree(lua_State *L) {
  const char *tree;
  lua_pushlightuserdata(L, &tree_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  tree = lua_tostring(L, -1); /* the registry keeps it */
  lua_pop(L, 1);
  return tree ? tree : "";
}
