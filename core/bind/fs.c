/* core.fs: the directory and file operations Lua lacks. nil, message when the system refuses. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind/bind.h"
#include "bind/refuse.h"
#include "io/file.h"

#define DIR_TYPE "vgg.Directory"

static int refused(lua_State *L, const char *op, const char *path) {
  return vglua_or_refuse(L, vg_fail(VG_EIO, "%s: '%s': %s", op, path, strerror(errno)), 0);
}

/* mkdir(path, new = false) -> true; with parents, fine if it exists. new: it must not exist, and
   its parent must */
static int l_mkdir(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (lua_toboolean(L, 2) && mkdir(path, 0777) != 0) return refused(L, "mkdir", path);
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_make_dirs(path), 1);
}

/* rename(from, to) -> true; replaces `to`, the directory is synced */
static int l_rename(lua_State *L) {
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_move(luaL_checkstring(L, 1), luaL_checkstring(L, 2)), 1);
}

/* link(from, to) -> true; `to` becomes a second name of `from` (a copy where that is impossible) */
static int l_link(lua_State *L) {
  const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_link_or_copy(from, to, "link"), 1);
}

/* symlink(target, path) -> true; replaces `path` */
static int l_symlink(lua_State *L) {
  const char *target = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
  const char *tmp = lua_pushfstring(L, "%s.%d", path, (int)getpid());
  if (symlink(target, tmp) != 0 && errno != EEXIST) return refused(L, "symlink", path);
  if (rename(tmp, path) != 0) return refused(L, "symlink", path);
  lua_pushboolean(L, 1);
  return 1;
}

/* write(path, text, what = "file") -> true; replaced atomically and on disk when it returns */
static int l_write(lua_State *L) {
  size_t n;
  const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &n);
  const char *what = luaL_optstring(L, 3, "file");
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_file_replace(path, text, n, what), 1);
}

/* remove(path) -> true; a file or an empty directory, also true if there is none */
static int l_remove(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (remove(path) != 0 && errno != ENOENT) return refused(L, "remove", path);
  lua_pushboolean(L, 1);
  return 1;
}

static const char *type_name(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  return "other";
}

/* stat(path) -> { type =, size =, mtime = seconds } */
static int l_stat(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat s;
  if (stat(path, &s) != 0) return refused(L, "stat", path);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, type_name(s.st_mode));
  lua_setfield(L, -2, "type");
  lua_pushnumber(L, (lua_Number)s.st_size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)s.st_mtim.tv_sec + (lua_Number)s.st_mtim.tv_nsec * 1e-9);
  lua_setfield(L, -2, "mtime");
  return 1;
}

static int l_exists(lua_State *L) {
  lua_pushboolean(L, access(luaL_checkstring(L, 1), F_OK) == 0);
  return 1;
}

static int close_dir(lua_State *L) {
  DIR **d = luaL_checkudata(L, 1, DIR_TYPE);
  if (*d) closedir(*d);
  *d = NULL;
  return 0;
}

/* list(path) -> names in byte order, without . and .. */
static int l_list(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  DIR **d = lua_newuserdata(L, sizeof *d);
  int n = 0;
  *d = NULL;
  luaL_getmetatable(L, DIR_TYPE);
  lua_setmetatable(L, -2);
  *d = opendir(path);
  if (!*d) return refused(L, "list", path);
  lua_getglobal(L, "table"); /* below the result, for its sort */
  lua_getfield(L, -1, "sort");
  lua_newtable(L);
  for (struct dirent *e; (e = readdir(*d));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    lua_pushstring(L, e->d_name);
    lua_rawseti(L, -2, ++n);
  }
  closedir(*d);
  *d = NULL;
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_call(L, 1, 0);
  return 1;
}

/* realpath(path) -> absolute path without links */
static int l_realpath(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  char real[PATH_MAX];
  if (!realpath(path, real)) return refused(L, "realpath", path);
  lua_pushstring(L, real);
  return 1;
}

/* sync(file) -> true; an open Lua file is flushed and on disk when it returns */
static int l_sync(lua_State *L) {
  FILE **f = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  if (!*f) luaL_argerror(L, 1, "file was closed");
  if (fflush(*f) != 0 || (fsync(fileno(*f)) != 0 && errno != EINVAL))
    return refused(L, "sync", "file");
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"mkdir", l_mkdir}, {"rename", l_rename}, {"link", l_link},         {"symlink", l_symlink},
    {"write", l_write}, {"remove", l_remove}, {"stat", l_stat},         {"exists", l_exists},
    {"list", l_list},   {"sync", l_sync},     {"realpath", l_realpath}, {NULL, NULL}};

void vglua_open_fs(lua_State *L);
void vglua_open_fs(lua_State *L) {
  luaL_newmetatable(L, DIR_TYPE);
  lua_pushcfunction(L, close_dir);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  vglua_add_module(L, "fs", functions);
}
