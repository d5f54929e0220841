/* core.data.pipeline: augmentation operations from tables, and what they draw. */
#include <string.h>

#include "bind/data.h"

#define PIPELINE "vgg.data.Pipeline"

typedef struct pipeline {
  vg_pipeline p;
  int in[2], out[2]; /* height, width before and after */
} pipeline;

static const char *const kinds[] = {
    "pad",    "crop",         "hflip",          "vflip",  "jitter", "pil_jitter",
    "rotate", "resized_crop", "coarse_dropout", "resize", NULL};
static const char *const borders[] = {"constant", "reflect101", NULL};
static const char *const styles[] = {"albumentations", "torchvision", NULL};

/* Position of the string field `name` among `names`; the first when absent. */
static int choice(lua_State *L, int table, const char *name, const char *const *names) {
  int i = 0;
  lua_getfield(L, table, name);
  const char *v = lua_isnil(L, -1) ? names[0] : lua_tostring(L, -1);
  while (names[i] && (!v || strcmp(v, names[i]) != 0)) i++;
  if (!names[i]) luaL_error(L, "pipeline: no %s '%s'", name, v ? v : luaL_typename(L, -1));
  lua_pop(L, 1);
  return i;
}

static void read_numbers(lua_State *L, int n, double *out) {
  if (!lua_istable(L, -1) || (int)lua_objlen(L, -1) != n)
    luaL_error(L, "pipeline: want a list of %d numbers", n);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_error(L, "pipeline: want a list of %d numbers", n);
    out[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* { kind =, p =, size = {h, w}, border =, fill =, range = {{low, high}, ...} } on top of the stack
 */
static void read_op(lua_State *L, vg_aug_op *op) {
  int t = lua_gettop(L);
  luaL_checktype(L, t, LUA_TTABLE);
  op->kind = (vg_aug_kind)choice(L, t, "kind", kinds);
  op->p = vglua_option_number(L, t, "p", 1);
  vglua_option_pair(L, t, "size", 0, op->size);
  op->border = (vg_border)choice(L, t, "border", borders);
  op->fill = (int)vglua_option_integer(L, t, "fill", 0);
  lua_getfield(L, t, "range");
  for (int i = 0; lua_istable(L, -1) && i < (int)lua_objlen(L, -1) && i < 4; i++) {
    lua_rawgeti(L, -1, i + 1);
    read_numbers(L, 2, op->range[i]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_table(lua_State *L, int t, vg_pipeline *p) {
  double mean[3], std[3];
  int style = choice(L, t, "style", styles);
  lua_getfield(L, t, "mean");
  read_numbers(L, 3, mean);
  lua_getfield(L, t, "std");
  read_numbers(L, 3, std);
  lua_pop(L, 2);
  for (int c = 0; c < 3; c++)
    if (!(std[c] > 0)) luaL_error(L, "Normalize: want positive deviations, got %f", std[c]);
  (style ? vg_pipeline_torchvision_table : vg_pipeline_albumentations_table)(p, mean, std);
}

/* pipeline{ operation, ..., mean =, std =, style =, height = 32, width = 32 } */
static int l_pipeline(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int n = (int)lua_objlen(L, 1);
  pipeline *u = lua_newuserdata(L, sizeof *u);
  memset(u, 0, sizeof *u);
  luaL_getmetatable(L, PIPELINE);
  lua_setmetatable(L, -2);
  u->in[0] = (int)vglua_option_integer(L, 1, "height", 32);
  u->in[1] = (int)vglua_option_integer(L, 1, "width", 32);
  read_table(L, 1, &u->p);
  u->p.ops = n;
  for (int i = 0; i < n && i < VG_AUG_MAX_OPS; i++) {
    lua_rawgeti(L, 1, i + 1);
    read_op(L, &u->p.op[i]);
    lua_pop(L, 1);
  }
  return vglua_return(L, vg_pipeline_check(u->out, &u->p, u->in[0], u->in[1]));
}

const vg_pipeline *vglua_check_pipeline(lua_State *L, int arg, int size[2]) {
  pipeline *u = luaL_checkudata(L, arg, PIPELINE);
  if (size) {
    size[0] = u->out[0];
    size[1] = u->out[1];
  }
  return &u->p;
}

static void push_box(lua_State *L, const int *b) {
  static const char *const names[] = {"top", "left", "height", "width"};
  lua_createtable(L, 0, 4);
  for (int i = 0; i < 4; i++) {
    lua_pushinteger(L, b[i]);
    lua_setfield(L, -2, names[i]);
  }
}

static void push_draw(lua_State *L, const vg_aug_op *op, const vg_aug_draw *d) {
  bool jitter = op->kind == VG_AUG_JITTER || op->kind == VG_AUG_PIL_JITTER;
  lua_newtable(L);
  lua_pushboolean(L, d->on);
  lua_setfield(L, -2, "on");
  lua_pushstring(L, kinds[op->kind]);
  lua_setfield(L, -2, "kind");
  for (int i = 0; i < d->boxes; i++) {
    push_box(L, d->box[i]);
    lua_rawseti(L, -2, i + 1);
  }
  if (d->on && op->kind == VG_AUG_ROTATE) {
    lua_pushnumber(L, d->factor[0]);
    lua_setfield(L, -2, "degrees");
  }
  static const char *const names[] = {"brightness", "contrast", "saturation", "hue"};
  for (int i = 0; jitter && d->on && i < 4; i++) {
    lua_pushnumber(L, d->factor[i]);
    lua_setfield(L, -2, names[i]);
    lua_pushstring(L, names[d->order[i]]);
    lua_rawseti(L, -2, i + 1);
  }
}

/* pipeline:draws(seed, epoch, record) -> a table for each operation: what it does to that image */
static int l_draws(lua_State *L) {
  pipeline *u = luaL_checkudata(L, 1, PIPELINE);
  vg_aug_key key = {(uint64_t)vglua_check_whole(L, 2, 0, (int64_t)1 << 53),
                    (uint32_t)vglua_check_whole(L, 3, 0, 0xffffffffu),
                    (uint32_t)vglua_check_whole(L, 4, 1, 0xffffffffu) - 1};
  int s[2] = {u->in[0], u->in[1]};
  lua_createtable(L, u->p.ops, 0);
  for (int i = 0; i < u->p.ops; i++) {
    const vg_aug_op *op = &u->p.op[i];
    vg_aug_draw d = vg_augment_draw(op, key, i, s[0], s[1]);
    push_draw(L, op, &d);
    lua_rawseti(L, -2, i + 1);
    vg_pipeline one = {.ops = 1, .op = {*op}};
    vg_pipeline_check(s, &one, s[0], s[1]);
  }
  return 1;
}

static int l_output(lua_State *L) {
  pipeline *u = luaL_checkudata(L, 1, PIPELINE);
  lua_pushinteger(L, u->out[0]);
  lua_pushinteger(L, u->out[1]);
  return 2;
}

static const luaL_Reg methods[] = {{"draws", l_draws}, {"output", l_output}, {NULL, NULL}};

void vglua_open_augment(lua_State *L);
void vglua_open_augment(lua_State *L) {
  luaL_newmetatable(L, PIPELINE);
  lua_newtable(L);
  luaL_register(L, NULL, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_getfield(L, -1, "data");
  lua_pushcfunction(L, l_pipeline);
  lua_setfield(L, -2, "pipeline");
  lua_pop(L, 1);
}
