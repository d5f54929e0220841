/* core.image: canvases, PNG, tensors as pictures. */
#include "base/alloc.h"
#include "bind/bind.h"
#include "bind/refuse.h"
#include "image/canvas.h"
#include "image/pixels.h"
#include "image/pngfile.h"

#define CANVAS_TYPE "vgg.Canvas"

/* Owned bytes inside a userdata, so that a throw frees them. */
#define BYTES_TYPE "vgg.ImageBytes"

static uint8_t **new_bytes(lua_State *L) {
  uint8_t **box = lua_newuserdata(L, sizeof *box);
  *box = NULL;
  luaL_getmetatable(L, BYTES_TYPE);
  lua_setmetatable(L, -2);
  return box;
}

static int free_bytes(lua_State *L) {
  uint8_t **box = luaL_checkudata(L, 1, BYTES_TYPE);
  vg_free(*box);
  *box = NULL;
  return 0;
}

static vg_canvas *check_canvas(lua_State *L) {
  vg_canvas **box = luaL_checkudata(L, 1, CANVAS_TYPE);
  if (!*box) luaL_argerror(L, 1, "canvas was freed");
  return *box;
}

static int free_canvas(lua_State *L) {
  vg_canvas **box = luaL_checkudata(L, 1, CANVAS_TYPE);
  vg_canvas_free(*box);
  *box = NULL;
  return 0;
}

/* 0xRRGGBB at `arg`, alpha (1) behind it */
static vg_paint check_paint(lua_State *L, int arg) {
  uint32_t v = (uint32_t)luaL_checkinteger(L, arg);
  return (vg_paint){.rgb = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v},
                    .alpha = luaL_optnumber(L, arg + 1, 1)};
}

static vg_rect check_rect(lua_State *L, int arg) {
  return (vg_rect){luaL_checknumber(L, arg), luaL_checknumber(L, arg + 1),
                   luaL_checknumber(L, arg + 2), luaL_checknumber(L, arg + 3)};
}

/* canvas(width, height, 0xRRGGBB) */
static int l_canvas(lua_State *L) {
  int w = (int)luaL_checkinteger(L, 1), h = (int)luaL_checkinteger(L, 2);
  vg_paint ground = check_paint(L, 3);
  vg_canvas **box = lua_newuserdata(L, sizeof *box);
  *box = NULL;
  luaL_getmetatable(L, CANVAS_TYPE);
  lua_setmetatable(L, -2);
  return vglua_return(L, vg_canvas_new(box, w, h, ground.rgb));
}

/* canvas:clip(x, y, w, h); without numbers the whole canvas again */
static int l_clip(lua_State *L) {
  vg_canvas *c = check_canvas(L);
  vg_rect r = {0, 0, c->width, c->height};
  if (!lua_isnoneornil(L, 2)) r = check_rect(L, 2);
  vg_canvas_clip(c, &r);
  return 0;
}

/* canvas:rect(x, y, w, h, 0xRRGGBB, alpha = 1) */
static int l_rect(lua_State *L) {
  vg_canvas *c = check_canvas(L);
  vg_rect r = check_rect(L, 2);
  vg_paint paint = check_paint(L, 6);
  vg_canvas_rect(c, &r, &paint);
  return 0;
}

static void read_line(lua_State *L, int table, double *xy, int numbers) {
  for (int i = 0; i < numbers; i++) {
    lua_rawgeti(L, table, i + 1);
    xy[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* canvas:stroke({ { x, y, x, y, ... }, ... }, width, 0xRRGGBB, alpha = 1, on = 0, off = 0) */
static int l_stroke(lua_State *L) {
  vg_canvas *c = check_canvas(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  vg_pen pen = {.width = luaL_checknumber(L, 3),
                .paint = check_paint(L, 4),
                .dash = {luaL_optnumber(L, 6, 0), luaL_optnumber(L, 7, 0)}};
  int lines = (int)lua_objlen(L, 2);
  size_t numbers = 0;
  int *counts = lua_newuserdata(L, ((size_t)lines + 1) * sizeof *counts);
  for (int i = 0; i < lines; i++) {
    lua_rawgeti(L, 2, i + 1);
    if (!lua_istable(L, -1)) return luaL_error(L, "stroke: line %d is not a table", i + 1);
    counts[i] = (int)(lua_objlen(L, -1) / 2);
    numbers += 2 * (size_t)counts[i];
    lua_pop(L, 1);
  }
  double *xy = lua_newuserdata(L, (numbers + 1) * sizeof *xy), *at = xy;
  for (int i = 0; i < lines; i++) {
    lua_rawgeti(L, 2, i + 1);
    read_line(L, lua_gettop(L), at, 2 * counts[i]);
    at += 2 * counts[i];
    lua_pop(L, 1);
  }
  vg_canvas_stroke(c, xy, counts, lines, &pen);
  return 0;
}

/* canvas:image(x, y, w, h, rgb bytes, width, height) */
static int l_image(lua_State *L) {
  vg_canvas *c = check_canvas(L);
  vg_rect r = check_rect(L, 2);
  size_t size;
  const char *rgb = luaL_checklstring(L, 6, &size);
  lua_Integer w = luaL_checkinteger(L, 7), h = luaL_checkinteger(L, 8);
  if (w < 1 || h < 1 || w > 1 << 14 || h > 1 << 14 || size != (size_t)(3 * w * h))
    return luaL_error(L, "image: %d bytes are not %d x %d RGB pixels", (int)size, (int)w, (int)h);
  vg_canvas_image(c, &r, (const uint8_t *)rgb, (int)w, (int)h);
  return 0;
}

static int return_png(lua_State *L, const vg_pixels *pixels) {
  uint8_t **box = new_bytes(L);
  size_t size = 0;
  vg_status st = vg_png_write(box, &size, pixels);
  if (st != VG_OK) return vglua_return(L, st);
  lua_pushlstring(L, (const char *)*box, size);
  vg_free(*box);
  *box = NULL;
  return 1;
}

/* canvas:png() -> bytes */
static int l_canvas_png(lua_State *L) {
  vg_canvas *c = check_canvas(L);
  return return_png(
      L, &(vg_pixels){.data = c->rgb, .width = c->width, .height = c->height, .channels = 3});
}

/* rgb(tensor [, channels = 3]) -> bytes, width, height */
static int l_rgb(lua_State *L) {
  vg_tensor *x = vglua_check_tensor(L, 1);
  int channels = (int)luaL_optinteger(L, 2, 3);
  if (channels != 0 && channels != 1 && channels != 3)
    return luaL_argerror(L, 2, "want 0, 1 or 3 channels");
  uint8_t **box = new_bytes(L);
  vg_pixels p;
  vg_status st = vg_pixels_of(&p, x, channels);
  *box = p.data;
  if (st != VG_OK) return vglua_return(L, st);
  lua_pushlstring(L, (const char *)p.data, (size_t)(p.width * p.height * p.channels));
  lua_pushinteger(L, p.width);
  lua_pushinteger(L, p.height);
  vg_free(*box);
  *box = NULL;
  return 3;
}

/* encode_png(bytes, width, height, channels) -> PNG bytes */
static int l_encode_png(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  lua_Integer w = luaL_checkinteger(L, 2), h = luaL_checkinteger(L, 3), n = luaL_checkinteger(L, 4);
  if (w < 1 || h < 1 || w > 1 << 20 || h > 1 << 20 || n < 1 || n > 4 || size != (size_t)(w * h * n))
    return luaL_error(L, "png: %d bytes are not %d x %d pixels of %d channels", (int)size, (int)w,
                      (int)h, (int)n);
  uint8_t *data = lua_newuserdata(L, size); /* the writer takes them as its own */
  for (size_t i = 0; i < size; i++) data[i] = (uint8_t)bytes[i];
  return return_png(
      L, &(vg_pixels){.data = data, .width = (int)w, .height = (int)h, .channels = (int)n});
}

/* decode_png(bytes) -> pixel bytes, width, height, channels; or nil, message */
static int l_decode_png(lua_State *L) {
  size_t size;
  const char *png = luaL_checklstring(L, 1, &size);
  uint8_t **box = new_bytes(L);
  vg_pixels p;
  vg_status st = vg_png_read(&p, png, size);
  *box = p.data;
  if (st != VG_OK) return vglua_or_refuse(L, st, 0);
  lua_pushlstring(L, (const char *)p.data, (size_t)p.width * (size_t)p.height * (size_t)p.channels);
  lua_pushinteger(L, p.width);
  lua_pushinteger(L, p.height);
  lua_pushinteger(L, p.channels);
  vg_free(*box);
  *box = NULL;
  return 4;
}

static const luaL_Reg methods[] = {{"clip", l_clip},   {"rect", l_rect},      {"stroke", l_stroke},
                                   {"image", l_image}, {"png", l_canvas_png}, {"free", free_canvas},
                                   {NULL, NULL}};
static const luaL_Reg functions[] = {{"canvas", l_canvas},
                                     {"rgb", l_rgb},
                                     {"encode_png", l_encode_png},
                                     {"decode_png", l_decode_png},
                                     {NULL, NULL}};

void vglua_open_image(lua_State *L);
void vglua_open_image(lua_State *L) {
  luaL_newmetatable(L, BYTES_TYPE);
  lua_pushcfunction(L, free_bytes);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  vglua_add_class(L, CANVAS_TYPE, methods, free_canvas);
  vglua_add_module(L, "image", functions);
}
