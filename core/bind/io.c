/* core.io: files of tensors, downloads, check sums. What the world refuses comes back as
   nil, message; misuse raises. */
#include <string.h>

#include "bind/bind.h"
#include "bind/refuse.h"
#include "io/download.h"
#include "io/hash.h"
#include "io/tensorfile.h"

#define FILE_TYPE "vgg.WeightsFile"

int vglua_or_refuse(lua_State *L, vg_status st, int n) {
  if (st != VG_EIO && st != VG_EDATA) return vglua_return_n(L, st, n);
  lua_pushnil(L);
  lua_pushstring(L, vg_error());
  return 2;
}

/* ---- saving ---- */

static const char *check_key(lua_State *L, const char *what) {
  if (lua_type(L, -2) != LUA_TSTRING || strlen(lua_tostring(L, -2)) != lua_objlen(L, -2))
    luaL_error(L, "save: %s want text as keys", what);
  return lua_tostring(L, -2);
}

static size_t count_pairs(lua_State *L, int table) {
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
  return n;
}

/* Borrows the names from the table's keys, which outlive the call. */
static vg_named_tensor *take_tensors(lua_State *L, int table, size_t *n) {
  vg_named_tensor *list;
  size_t count = count_pairs(L, table), i = 0;
  list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    const char *name = check_key(L, "tensors");
    vg_tensor *t = vglua_test_tensor(L, -1);
    if (!t) luaL_error(L, "save: '%s' is not a live tensor", name);
    list[i++] = (vg_named_tensor){.name = name, .t = t};
  }
  *n = count;
  return list;
}

static vg_st_meta *take_meta(lua_State *L, int table, size_t *n) {
  vg_st_meta *list;
  size_t count = count_pairs(L, table), i = 0;
  list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    const char *key = check_key(L, "metadata");
    if (lua_type(L, -1) != LUA_TSTRING || strlen(lua_tostring(L, -1)) != lua_objlen(L, -1))
      luaL_error(L, "save: metadata '%s' is not text", key);
    list[i++] = (vg_st_meta){.key = key, .value = lua_tostring(L, -1)};
  }
  *n = count;
  return list;
}

vg_st_dtype vglua_opt_floats(lua_State *L, int arg) {
  static const char *const names[] = {"float32", "float16", "bfloat16", NULL};
  static const vg_st_dtype types[] = {VG_ST_F32, VG_ST_F16, VG_ST_BF16};
  if (lua_isnoneornil(L, arg)) return VG_ST_DTYPES;
  return types[luaL_checkoption(L, arg, NULL, names)];
}

/* save(path, { name = tensor }, { key = text } or nil, what = "checkpoint", floats) -> true;
   floats: "float32", "float16", "bfloat16", what floating tensors are written as; nil: as they are
 */
static int l_save(lua_State *L) {
  const char *path = luaL_checkstring(L, 1), *what = luaL_optstring(L, 4, "checkpoint");
  vg_st_dtype floats = vglua_opt_floats(L, 5);
  vg_named_tensor *tensors;
  vg_st_meta *meta;
  size_t n, n_meta;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 4);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  luaL_checktype(L, 3, LUA_TTABLE);
  tensors = take_tensors(L, 2, &n);
  meta = take_meta(L, 3, &n_meta);
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_save_tensors(path, tensors, n, meta, n_meta, floats, what), 1);
}

/* ---- reading ---- */

static vg_weights **box(lua_State *L) { return luaL_checkudata(L, 1, FILE_TYPE); }

static vg_weights *check_file(lua_State *L) {
  vg_weights *f = *box(L);
  if (!f) luaL_argerror(L, 1, "file was closed");
  return f;
}

/* open(path, what = "checkpoint") -> file; its header is checked, the CRCs when tensors are read */
static int l_open(lua_State *L) {
  const char *path = luaL_checkstring(L, 1), *what = luaL_optstring(L, 2, "checkpoint");
  vg_weights **b = lua_newuserdata(L, sizeof *b);
  *b = NULL;
  luaL_getmetatable(L, FILE_TYPE);
  lua_setmetatable(L, -2);
  return vglua_or_refuse(L, vg_weights_open(b, path, what), 1);
}

static int l_close(lua_State *L) {
  vg_weights **b = box(L);
  vg_weights_close(*b);
  *b = NULL;
  return 0;
}

static void push_shape(lua_State *L, const vg_st_tensor *t) {
  lua_createtable(L, t->ndim, 0);
  for (int d = 0; d < t->ndim; d++) {
    lua_pushnumber(L, (lua_Number)t->shape[d]);
    lua_rawseti(L, -2, d + 1);
  }
}

/* file:entries() -> { { name =, dtype = "F32", shape = { ... }, bytes = } ... } in file order */
static int l_entries(lua_State *L) {
  vg_weights *f = check_file(L);
  size_t n = vg_weights_count(f);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    const vg_st_tensor *t = vg_weights_at(f, i);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, t->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, vg_st_dtype_name(t->dtype));
    lua_setfield(L, -2, "dtype");
    push_shape(L, t);
    lua_setfield(L, -2, "shape");
    lua_pushnumber(L, (lua_Number)t->bytes);
    lua_setfield(L, -2, "bytes");
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

/* file:format() -> "safetensors", "torch zip" or "torch legacy" */
static int l_format(lua_State *L) {
  static const char *const names[] = {[VG_WEIGHTS_SAFETENSORS] = "safetensors",
                                      [VG_WEIGHTS_TORCH_ZIP] = "torch zip",
                                      [VG_WEIGHTS_TORCH_LEGACY] = "torch legacy"};
  lua_pushstring(L, names[vg_weights_format_of(check_file(L))]);
  return 1;
}

/* file:meta() -> { key = text } */
static int l_meta(lua_State *L) {
  vg_weights *f = check_file(L);
  lua_newtable(L);
  for (size_t i = 0; i < vg_weights_meta_count(f); i++) {
    vg_st_meta m = vg_weights_meta_at(f, i);
    lua_pushstring(L, m.value);
    lua_setfield(L, -2, m.key);
  }
  return 1;
}

static const vg_st_tensor *check_entry(lua_State *L, const vg_weights *f) {
  const vg_st_tensor *t = vg_weights_find(f, luaL_checkstring(L, 2));
  if (!t) luaL_error(L, "load: no tensor '%s' in the file", lua_tostring(L, 2));
  return t;
}

/* file:load(name, mapped = false) -> tensor on the CPU; mapped: its elements stay in the file */
static int l_load(lua_State *L) {
  vg_weights *f = check_file(L);
  const vg_st_tensor *t = check_entry(L, f);
  vg_device *cpu = vg_cpu(vglua_context(L));
  bool mapped = lua_toboolean(L, 3);
  vg_tensor **y = vglua_new_tensor(L);
  return vglua_or_refuse(L, mapped ? vg_map_tensor(y, cpu, f, t) : vg_load_tensor(y, cpu, f, t), 1);
}

/* file:load_into(name, tensor) -> true; shapes must be equal, the type may differ */
static int l_load_into(lua_State *L) {
  vg_weights *f = check_file(L);
  const vg_st_tensor *t = check_entry(L, f);
  vg_tensor *to = vglua_check_tensor(L, 3);
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, vg_load_tensor_into(to, f, t), 1);
}

/* file:verify(name) -> true when the tensor's CRC holds (or the file has none); without a name: all
 */
static int l_verify(lua_State *L) {
  vg_weights *f = check_file(L);
  vg_status st = VG_OK;
  if (!lua_isnoneornil(L, 2)) {
    st = vg_weights_verify(f, check_entry(L, f));
    lua_pushboolean(L, 1);
    return vglua_or_refuse(L, st, 1);
  }
  for (size_t i = 0; i < vg_weights_count(f) && st == VG_OK; i++)
    st = vg_weights_verify(f, vg_weights_at(f, i));
  lua_pushboolean(L, 1);
  return vglua_or_refuse(L, st, 1);
}

/* ---- downloads ---- */

typedef struct progress {
  lua_State *L;
  bool raised; /* the callback failed; its error is on top of the stack */
} progress;

static int tell(void *arg, int64_t done, int64_t total) {
  progress *p = arg;
  bool stop;
  if (p->raised) return 1;
  lua_getfield(p->L, 1, "progress");
  lua_pushnumber(p->L, (lua_Number)done);
  lua_pushnumber(p->L, (lua_Number)total);
  if (lua_pcall(p->L, 2, 1, 0) != 0) {
    p->raised = true;
    return 1;
  }
  stop = lua_isboolean(p->L, -1) && !lua_toboolean(p->L, -1);
  lua_pop(p->L, 1);
  return stop;
}

static const char *text_option(lua_State *L, const char *name, bool required) {
  const char *s;
  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1) && !required) {
    lua_pop(L, 1);
    return NULL;
  }
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "download: option '%s' must be text", name);
  s = lua_tostring(L, -1);
  lua_pop(L, 1); /* the options table keeps it */
  return s;
}

/* download{ url =, path =, md5 =, sha256 =, what = "download", retries =, backoff =, timeout =,
   progress = function(done, total) } -> true; a progress function that returns false stops it */
static int l_download(lua_State *L) {
  static const char *const known[] = {"url",     "path",    "md5",     "sha256",   "what",
                                      "retries", "backoff", "timeout", "progress", NULL};
  progress p = {.L = L};
  vg_download_request q = {.arg = &p};
  vg_status st;
  luaL_checktype(L, 1, LUA_TTABLE);
  vglua_check_options(L, 1, "download", known);
  q.url = text_option(L, "url", true);
  q.path = text_option(L, "path", true);
  q.md5 = text_option(L, "md5", false);
  q.sha256 = text_option(L, "sha256", false);
  q.what = text_option(L, "what", false);
  if (!q.what) q.what = "download";
  q.retries = (int)vglua_option_integer(L, 1, "retries", 0);
  q.backoff = vglua_option_number(L, 1, "backoff", 0);
  q.timeout = (int)vglua_option_integer(L, 1, "timeout", 0);
  lua_getfield(L, 1, "progress");
  if (!lua_isnil(L, -1)) {
    luaL_checktype(L, -1, LUA_TFUNCTION);
    q.progress = tell;
  }
  lua_settop(L, 1);
  luaL_checkstack(L, 8, NULL);
  lua_pushboolean(L, 1);
  st = vg_download(&q);
  if (p.raised) return lua_error(L);
  return vglua_or_refuse(L, st, 1);
}

static int digest(lua_State *L, vg_status (*sum)(vg_digest *, const char *)) {
  vg_digest d = {{0}};
  vg_status st = sum(&d, luaL_checkstring(L, 1));
  lua_pushstring(L, d.hex);
  return vglua_or_refuse(L, st, 1);
}

static int l_md5(lua_State *L) { return digest(L, vg_file_md5); }
static int l_sha256(lua_State *L) { return digest(L, vg_file_sha256); }

/* digest("md5" or "sha256", bytes) -> lower-case hex */
static int l_digest(lua_State *L) {
  static const char *const kinds[] = {"md5", "sha256", NULL};
  int kind = luaL_checkoption(L, 1, NULL, kinds);
  vg_digest d = {{0}};
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  (kind == 0 ? vg_md5 : vg_sha256)(&d, data, n);
  lua_pushstring(L, d.hex);
  return 1;
}

static const luaL_Reg functions[] = {
    {"save", l_save}, {"open", l_open},     {"download", l_download},
    {"md5", l_md5},   {"sha256", l_sha256}, {"digest", l_digest},
    {NULL, NULL}};

static const luaL_Reg methods[] = {
    {"entries", l_entries},     {"format", l_format}, {"meta", l_meta},   {"load", l_load},
    {"load_into", l_load_into}, {"verify", l_verify}, {"close", l_close}, {NULL, NULL}};

void vglua_open_io(lua_State *L);
void vglua_open_io(lua_State *L) {
  vglua_add_class(L, FILE_TYPE, methods, l_close);
  vglua_add_module(L, "io", functions);
}
