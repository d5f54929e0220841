/* core.data on a device: the records of a source there, and batches made of them without the host.
 */
#include <string.h>

#include "base/alloc.h"
#include "bind/data.h"
#include "vgglua/backend.h"

static bool can(const vg_device *d) { return d->be->augment && d->be->augment->batch; }

/* augments(device) -> whether batches can be made there */
static int l_augments(lua_State *L) {
  lua_pushboolean(L, can(vglua_check_device(L, 1)));
  return 1;
}

static vg_status upload_numbers(vg_tensor **out, vg_device *d, const int32_t *from, int64_t n) {
  int64_t *host = vg_alloc((size_t)n * sizeof *host);
  vg_status st;
  if (!host) return VG_ENOMEM;
  for (int64_t i = 0; i < n; i++) host[i] = from[i];
  VG_TRY(vg_new(out, d, VG_I64, 1, &n));
  st = vg_write(*out, host);
done:
  vg_free(host);
  return st;
}

/* A split's records are gathered in its order, a few thousand at a time. */
static vg_status upload_records(vg_tensor *to, const vglua_source *s) {
  enum { AT_ONCE = 4096 };
  size_t stride = s->records->stride;
  const vg_memory_vt *memory = to->dev->be->memory;
  uint8_t *part = NULL;
  vg_status st = VG_OK;
  if (!s->index) return vg_write(to, s->records->data);
  part = vg_alloc(AT_ONCE * stride);
  if (!part) return VG_ENOMEM;
  for (int64_t first = 0; first < s->n; first += AT_ONCE) {
    int64_t n = s->n - first < AT_ONCE ? s->n - first : AT_ONCE;
    for (int64_t i = 0; i < n; i++)
      memcpy(part + (size_t)i * stride, vg_record_at(s->records, s->index[first + i]), stride);
    VG_TRY(memory->write(to->dev, (uint8_t *)vg_data(to) + (size_t)first * stride, part,
                         (size_t)n * stride));
  }
done:
  vg_free(part);
  return st;
}

/* upload(source, device) -> records (uint8), samples (int64): what batch_on wants */
static int l_upload(lua_State *L) {
  vglua_source *s = vglua_check_source(L, 1);
  vg_device *d = vglua_check_device(L, 2);
  vg_tensor **records = vglua_new_tensor(L), **samples = vglua_new_tensor(L);
  int64_t shape[2] = {s->n, (int64_t)s->records->stride};
  int32_t *all = NULL;
  vg_status st;
  VG_TRY(vg_new(records, d, VG_U8, 2, shape));
  VG_TRY(upload_records(*records, s));
  if (!s->index) {
    all = vg_alloc((size_t)s->n * sizeof *all);
    if (!all) VG_TRY(VG_ENOMEM);
    for (int64_t i = 0; i < s->n; i++) all[i] = (int32_t)i;
  }
  VG_TRY(upload_numbers(samples, d, all ? all : s->index, s->n));
done:
  vg_free(all);
  return vglua_return_n(L, st, 2);
}

/* upload_order(order, device) -> int64 tensor */
static int l_upload_order(lua_State *L) {
  vglua_order *o = vglua_check_order(L, 1);
  vg_device *d = vglua_check_device(L, 2);
  vg_tensor **out = vglua_new_tensor(L);
  return vglua_return(L, upload_numbers(out, d, o->index, o->n));
}

/* The tensor at `arg` to fill, or a new one where nothing is. */
static vg_status output(vg_tensor **out, lua_State *L, int arg, vg_device *d, vg_dtype dtype,
                        int ndim, const int64_t *shape) {
  vg_tensor *t;
  if (lua_isnoneornil(L, arg)) return vg_new(out, d, dtype, ndim, shape);
  t = vglua_check_tensor(L, arg);
  if (t->dev != d || t->dtype != dtype || t->ndim != ndim || !vg_is_contiguous(t) ||
      memcmp(t->shape, shape, (size_t)ndim * sizeof *shape))
    return vg_fail(VG_ESHAPE, "data: a batch is %s of %s, got a tensor of %s of %s",
                   vg_shape_text(ndim, shape), vg_dtype_name(dtype), vg_shape_str(t),
                   vg_dtype_name(t->dtype));
  vg_bump(t);
  *out = vg_retain(t);
  return VG_OK;
}

/* batch_on(source, records, samples, order or nil, first, count, pipeline, seed, epoch[, x, y]) ->
   x, y; the last two are filled instead of new ones */
static int l_batch_on(lua_State *L) {
  vglua_source *s = vglua_check_source(L, 1);
  vg_device_batch b = {.height = s->records->height, .width = s->records->width};
  int size[VG_AUG_MAX_OPS][2], out[2];
  int64_t count, shape[4];
  vg_tensor **x, **y;
  vg_device *d;
  vg_status st;
  lua_settop(L, 11);
  b.records = vglua_check_tensor(L, 2);
  b.samples = vglua_check_tensor(L, 3);
  if (!lua_isnoneornil(L, 4)) b.order = vglua_check_tensor(L, 4);
  b.first = vglua_check_whole(L, 5, 1, s->n + 1) - 1;
  count = vglua_check_whole(L, 6, 0, s->n - b.first);
  b.pipeline = vglua_check_pipeline(L, 7, out);
  b.seed = (uint64_t)vglua_check_whole(L, 8, 0, (int64_t)1 << 53);
  b.epoch = (uint32_t)vglua_check_whole(L, 9, 0, 0xffffffffu);
  d = b.records->dev;
  if (!can(d)) return vglua_raise(L, vg_unsupported(d, "batch_on"));
  if (b.records->n != s->n * (int64_t)s->records->stride || b.samples->n != s->n ||
      (b.order && b.order->n != s->n) || b.samples->dev != d || (b.order && b.order->dev != d))
    return luaL_error(L, "data: the tensors are not those of this source");
  vg_pipeline_sizes(size, b.pipeline, b.height, b.width);
  b.size = (const int(*)[2])size;
  shape[0] = count;
  shape[1] = 3;
  shape[2] = out[0];
  shape[3] = out[1];
  x = vglua_new_tensor(L);
  y = vglua_new_tensor(L);
  VG_TRY(output(x, L, 10, d, VG_F32, 4, shape));
  VG_TRY(output(y, L, 11, d, VG_I64, 1, shape));
  VG_TRY(d->be->augment->batch(d, *x, *y, &b));
done:
  return vglua_return_n(L, st, 2);
}

static const luaL_Reg functions[] = {{"augments", l_augments},
                                     {"upload", l_upload},
                                     {"upload_order", l_upload_order},
                                     {"batch_on", l_batch_on},
                                     {NULL, NULL}};

void vglua_open_data_device(lua_State *L);
void vglua_open_data_device(lua_State *L) {
  lua_getfield(L, -1, "data");
  luaL_register(L, NULL, functions);
  lua_pop(L, 1);
}
