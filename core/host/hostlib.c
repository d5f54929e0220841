#include "host/hostlib.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int l_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/* columns() -> width of the terminal, nil without one */
static int l_columns(lua_State *L) {
  struct winsize w;
  for (int fd = 2; fd >= 0; fd--)
    if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) return lua_pushinteger(L, w.ws_col), 1;
  return 0;
}

static int close_dir(lua_State *L) {
  DIR **box = lua_touserdata(L, 1);
  if (*box) closedir(*box);
  *box = NULL;
  return 0;
}

static DIR **new_dir(lua_State *L) {
  DIR **box = lua_newuserdata(L, sizeof(DIR *));
  *box = NULL;
  if (luaL_newmetatable(L, "vgg.host.dir")) {
    lua_pushcfunction(L, close_dir);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return box;
}

static int is_directory(const char *dir, const struct dirent *e) {
  struct stat st;
  char path[4096];
  if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK) return e->d_type == DT_DIR;
  snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* list(directory) -> names without . and .., directories with a slash at the end; nil, why */
static int l_list(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  DIR **box = new_dir(L);
  int n = 0;
  *box = opendir(path);
  if (!*box) return lua_pushnil(L), lua_pushfstring(L, "%s: %s", path, strerror(errno)), 2;
  lua_newtable(L);
  for (struct dirent *e; (e = readdir(*box));) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    lua_pushfstring(L, is_directory(path, e) ? "%s/" : "%s", e->d_name);
    lua_rawseti(L, -2, ++n);
  }
  closedir(*box);
  *box = NULL;
  return 1;
}

/* mkdir(path) -> true, also when it is there; makes parents; nil, why */
static int l_mkdir(lua_State *L) {
  char path[4096];
  size_t n = strlen(luaL_checkstring(L, 1));
  if (n == 0 || n >= sizeof path) return luaL_argerror(L, 1, "a path");
  memcpy(path, lua_tostring(L, 1), n + 1);
  for (char *p = path + 1;; p++) {
    char c = *p;
    if (c != '/' && c) continue;
    *p = 0;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
      return lua_pushnil(L), lua_pushfstring(L, "%s: %s", path, strerror(errno)), 2;
    if (!c) break;
    *p = c;
  }
  lua_pushboolean(L, 1);
  return 1;
}

void host_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"isatty", l_isatty},
                                       {"columns", l_columns},
                                       {"list", l_list},
                                       {"mkdir", l_mkdir},
                                       {"readline", host_readline},
                                       {"remember", host_remember},
                                       {"ask", host_ask},
                                       {NULL, NULL}};
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaded");
  lua_getfield(L, -1, "vgg.host");
  luaL_register(L, NULL, functions);
  lua_pop(L, 3);
}
