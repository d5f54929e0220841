/* core.data: sources of labelled images, splits, epoch orders and batches. Positions are 1-based
 * here. */
#include "bind/data.h"

#include <string.h>

#include "base/alloc.h"
#include "data/batch.h"
#include "data/cifar10.h"
#include "data/synthetic.h"

#define SOURCE "vgg.data.Source"
#define ORDER "vgg.data.Order"

typedef vglua_source source;
typedef vglua_order order;

int64_t vglua_check_whole(lua_State *L, int arg, int64_t low, int64_t high) {
  double v = luaL_checknumber(L, arg);
  if (!(v >= (double)low && v <= (double)high) || v != (double)(int64_t)v) {
    lua_pushfstring(L, "want a whole number of %f..%f, got %f", (lua_Number)low, (lua_Number)high,
                    v);
    luaL_argerror(L, arg, lua_tostring(L, -1));
  }
  return (int64_t)v;
}

static uint64_t check_seed(lua_State *L, int arg) {
  return (uint64_t)vglua_check_whole(L, arg, 0, (int64_t)1 << 53);
}

static source *new_source(lua_State *L) {
  source *s = lua_newuserdata(L, sizeof *s);
  memset(s, 0, sizeof *s);
  luaL_getmetatable(L, SOURCE);
  lua_setmetatable(L, -2);
  return s;
}

vglua_source *vglua_check_source(lua_State *L, int arg) {
  source *s = luaL_checkudata(L, arg, SOURCE);
  if (!s->records) luaL_argerror(L, arg, "data source was closed");
  return s;
}

vglua_order *vglua_check_order(lua_State *L, int arg) { return luaL_checkudata(L, arg, ORDER); }

static int64_t check_position(lua_State *L, int arg, const source *s) {
  double v = luaL_checknumber(L, arg);
  if (v >= 1 && v <= (double)s->n && v == (double)(int64_t)v) return (int64_t)v - 1;
  return luaL_error(L, "data: no image %f, there are %d", v, (int)s->n);
}

static int64_t record_of(const source *s, int64_t i) { return s->index ? s->index[i] : i; }

/* ---- making sources ---- */

static const char *const forms[] = {"binary files", "Python pickles", "binary archive",
                                    "Python archive"};

static void push_place(lua_State *L, const vg_cifar_place *p) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, forms[p->form]);
  lua_setfield(L, -2, "form");
  lua_pushstring(L, p->path);
  lua_setfield(L, -2, "path");
}

/* find_cifar10(root) -> { form, path }, or nil and the reason */
static int l_find_cifar10(lua_State *L) {
  vg_cifar_place place;
  if (vg_cifar10_find(&place, luaL_checkstring(L, 1)) != VG_OK) {
    lua_pushnil(L);
    lua_pushstring(L, vg_error());
    return 2;
  }
  push_place(L, &place);
  return 1;
}

/* unpack(archive, root) -> true, or nil and the reason */
static int l_unpack(lua_State *L) {
  vg_cifar_place place;
  vg_status st;
  VG_TRY(vg_cifar10_find(&place, luaL_checkstring(L, 1)));
  VG_TRY(vg_cifar10_unpack(&place, luaL_checkstring(L, 2)));
done:
  if (st == VG_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, vg_error());
  return 2;
}

/* cifar10(root, train, partial) -> source, { form, path } */
static int l_cifar10(lua_State *L) {
  const char *root = luaL_checkstring(L, 1);
  bool train = lua_toboolean(L, 2), partial = lua_toboolean(L, 3);
  source *s = new_source(L);
  vg_cifar_place place;
  vg_status st;
  VG_TRY(vg_cifar10_find(&place, root));
  VG_TRY(vg_cifar10_read(&s->records, &place, train, partial));
  s->n = s->records->n;
  push_place(L, &place);
done:
  return vglua_return_n(L, st, 2);
}

/* synthetic(n, seed, part) -> source; part 0 for training, 1 for test images */
static int l_synthetic(lua_State *L) {
  int64_t n = vglua_check_whole(L, 1, 0, 10000000);
  uint64_t seed = check_seed(L, 2);
  uint32_t part = (uint32_t)vglua_check_whole(L, 3, 0, 1);
  source *s = new_source(L);
  vg_status st = vg_synthetic_new(&s->records, n, seed, part);
  s->n = n;
  return vglua_return(L, st);
}

static source *push_part(lua_State *L, const source *whole, int64_t n) {
  source *s = new_source(L);
  s->index = vg_alloc((size_t)n * sizeof *s->index);
  if (!s->index) vglua_raise(L, VG_ENOMEM);
  s->records = vg_records_retain(whole->records);
  s->n = n;
  return s;
}

/* Positions in a source to record numbers, for a source of a source. */
static void compose(int32_t *index, int64_t n, const source *whole) {
  if (!whole->index) return;
  for (int64_t i = 0; i < n; i++) index[i] = whole->index[index[i]];
}

/* source:split(n_val, seed) -> train, val: torch's random_split */
static int l_split(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  int64_t n_val = vglua_check_whole(L, 2, 0, s->n);
  uint64_t seed = check_seed(L, 3);
  source *train = push_part(L, s, s->n - n_val), *val = push_part(L, s, n_val);
  vg_status st = vg_data_split(train->index, val->index, s->n, n_val, seed);
  compose(train->index, train->n, s);
  compose(val->index, val->n, s);
  return vglua_return_n(L, st, 2);
}

/* source:subset{ positions } */
static int l_subset(lua_State *L) {
  source *s = vglua_check_source(L, 1), *part;
  int64_t n;
  luaL_checktype(L, 2, LUA_TTABLE);
  n = (int64_t)lua_objlen(L, 2);
  part = push_part(L, s, n);
  for (int64_t i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    part->index[i] = (int32_t)check_position(L, -1, s);
    lua_pop(L, 1);
  }
  compose(part->index, n, s);
  return 1;
}

/* ---- looking at sources ---- */

static int l_len(lua_State *L) {
  lua_pushnumber(L, (lua_Number)vglua_check_source(L, 1)->n);
  return 1;
}

/* source:label(i) -> 0-based class */
static int l_label(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  lua_pushinteger(L, *vg_record_at(s->records, record_of(s, check_position(L, 2, s))));
  return 1;
}

/* source:record(i) -> position of the image in the files it came from */
static int l_record(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  lua_pushnumber(L, (lua_Number)record_of(s, check_position(L, 2, s)) + 1);
  return 1;
}

/* source:counts(classes) -> images of each class, position 1 for class 0 */
static int l_counts(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  int64_t counts[256] = {0};
  int classes = (int)vglua_check_whole(L, 2, 1, 256);
  for (int64_t i = 0; i < s->n; i++) counts[*vg_record_at(s->records, record_of(s, i))]++;
  lua_createtable(L, classes, 0);
  for (int i = 0; i < classes; i++) {
    lua_pushnumber(L, (lua_Number)counts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* source:size() -> height, width, bytes held */
static int l_size(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  lua_pushinteger(L, s->records->height);
  lua_pushinteger(L, s->records->width);
  lua_pushnumber(L, (lua_Number)s->records->bytes);
  return 3;
}

static int l_source_close(lua_State *L) {
  source *s = luaL_checkudata(L, 1, SOURCE);
  vg_records_release(s->records);
  vg_free(s->index);
  memset(s, 0, sizeof *s);
  return 0;
}

/* ---- orders and batches ---- */

/* order(n, seed, epoch): the permutation of an epoch */
static int l_order(lua_State *L) {
  int64_t n = vglua_check_whole(L, 1, 0, 2147483647);
  uint64_t seed = check_seed(L, 2);
  uint32_t epoch = (uint32_t)vglua_check_whole(L, 3, 0, 0xffffffffu);
  order *o = lua_newuserdata(L, sizeof *o);
  *o = (order){0};
  luaL_getmetatable(L, ORDER);
  lua_setmetatable(L, -2);
  o->index = vg_alloc((size_t)n * sizeof *o->index);
  if (!o->index) return vglua_raise(L, VG_ENOMEM);
  o->n = n;
  vg_data_order(o->index, n, seed, epoch);
  return 1;
}

static int l_order_len(lua_State *L) {
  lua_pushnumber(L, (lua_Number)((order *)luaL_checkudata(L, 1, ORDER))->n);
  return 1;
}

/* order:at(i) -> position in the source */
static int l_order_at(lua_State *L) {
  order *o = luaL_checkudata(L, 1, ORDER);
  lua_pushinteger(L, o->index[vglua_check_whole(L, 2, 1, o->n) - 1] + 1);
  return 1;
}

static int l_order_gc(lua_State *L) {
  order *o = luaL_checkudata(L, 1, ORDER);
  vg_free(o->index);
  *o = (order){0};
  return 0;
}

/* Arguments of batch and batch_bytes: source, order or nil, first, count, pipeline, seed, epoch. */
static vg_batch_plan check_plan(lua_State *L, int64_t shape[4]) {
  source *s = vglua_check_source(L, 1);
  order *o = lua_isnoneornil(L, 2) ? NULL : luaL_checkudata(L, 2, ORDER);
  int size[2];
  vg_batch_plan b = {.records = s->records, .index = s->index, .order = o ? o->index : NULL};
  b.first = vglua_check_whole(L, 3, 1, s->n + 1) - 1;
  b.count = vglua_check_whole(L, 4, 0, s->n - b.first);
  b.pipeline = vglua_check_pipeline(L, 5, size);
  b.seed = check_seed(L, 6);
  b.epoch = (uint32_t)vglua_check_whole(L, 7, 0, 0xffffffffu);
  if (o && o->n != s->n)
    luaL_error(L, "data: the order is of %d images, the source has %d", (int)o->n, (int)s->n);
  shape[0] = b.count;
  shape[1] = 3;
  shape[2] = size[0];
  shape[3] = size[1];
  return b;
}

/* batch(source, order, first, count, pipeline, seed, epoch [, device [, threads]]) -> x, y */
static int l_batch(lua_State *L) {
  int64_t shape[4];
  vg_batch_plan b = check_plan(L, shape);
  b.threads = lua_isnoneornil(L, 9) ? 0 : (int)vglua_check_whole(L, 9, 0, 1024);
  vg_device *cpu = vg_cpu(vglua_context(L)), *dev = vglua_opt_device(L, 8);
  vg_tensor **x = vglua_new_tensor(L), **y = vglua_new_tensor(L), *host[2] = {NULL, NULL};
  vg_status st;
  VG_TRY(vg_new(&host[0], cpu, VG_F32, 4, shape));
  VG_TRY(vg_new(&host[1], cpu, VG_I64, 1, shape));
  vg_batch_fill(vg_data(host[0]), vg_data(host[1]), &b);
  VG_TRY(vg_to_device(x, host[0], dev));
  VG_TRY(vg_to_device(y, host[1], dev));
done:
  vg_release(host[0]);
  vg_release(host[1]);
  return vglua_return_n(L, st, 2);
}

/* batch_bytes(source, order, first, count, pipeline, seed, epoch) -> uint8 x */
static int l_batch_bytes(lua_State *L) {
  int64_t shape[4];
  vg_batch_plan b = check_plan(L, shape);
  vg_tensor **x = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new(x, vg_cpu(vglua_context(L)), VG_U8, 4, shape));
  vg_batch_fill_bytes(vg_data(*x), &b);
done:
  return vglua_return(L, st);
}

/* item(source, i, pipeline, seed, epoch) -> image (3, H, W), label */
static int l_item(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  int size[2];
  vg_batch_plan b = {.records = s->records, .index = s->index, .count = 1};
  b.first = check_position(L, 2, s);
  b.pipeline = vglua_check_pipeline(L, 3, size);
  b.seed = check_seed(L, 4);
  b.epoch = (uint32_t)vglua_check_whole(L, 5, 0, 0xffffffffu);
  int64_t label = 0, shape[3] = {3, size[0], size[1]};
  vg_tensor **x = vglua_new_tensor(L);
  vg_status st = vg_new(x, vg_cpu(vglua_context(L)), VG_F32, 3, shape);
  if (st != VG_OK) return vglua_raise(L, st);
  vg_batch_fill(vg_data(*x), &label, &b);
  lua_pushinteger(L, (lua_Integer)label);
  return 2;
}

/* pixels(source, i) -> the stored image, uint8 (3, H, W) */
static int l_pixels(lua_State *L) {
  source *s = vglua_check_source(L, 1);
  int64_t i = record_of(s, check_position(L, 2, s));
  int64_t shape[3] = {3, s->records->height, s->records->width};
  vg_tensor **x = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new(x, vg_cpu(vglua_context(L)), VG_U8, 3, shape));
  memcpy(vg_data(*x), vg_record_at(s->records, i) + 1, s->records->stride - 1);
done:
  return vglua_return(L, st);
}

static const luaL_Reg source_methods[] = {
    {"len", l_len},       {"label", l_label},        {"record", l_record},
    {"counts", l_counts}, {"size", l_size},          {"split", l_split},
    {"subset", l_subset}, {"close", l_source_close}, {NULL, NULL}};
static const luaL_Reg order_methods[] = {{"len", l_order_len}, {"at", l_order_at}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"find_cifar10", l_find_cifar10},
                                     {"cifar10", l_cifar10},
                                     {"unpack", l_unpack},
                                     {"synthetic", l_synthetic},
                                     {"order", l_order},
                                     {"batch", l_batch},
                                     {"batch_bytes", l_batch_bytes},
                                     {"item", l_item},
                                     {"pixels", l_pixels},
                                     {NULL, NULL}};

static void push_names(lua_State *L, const char *const names[10]) {
  lua_createtable(L, 10, 0);
  for (int i = 0; i < 10; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

void vglua_open_data(lua_State *L);
void vglua_open_data(lua_State *L) {
  vglua_add_class(L, SOURCE, source_methods, l_source_close);
  vglua_add_class(L, ORDER, order_methods, l_order_gc);
  vglua_add_module(L, "data", functions);
  lua_getfield(L, -1, "data");
  push_names(L, vg_cifar10_classes);
  lua_setfield(L, -2, "cifar10_classes");
  push_names(L, vg_synthetic_classes);
  lua_setfield(L, -2, "synthetic_classes");
  lua_pop(L, 1);
}
