/* What all leaf layers share: their tensors, default initialisation, and the way through forward.
 */
#include "nn/layer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static vg_status new_tensor(vg_layer *l, int slot, vg_dtype dtype, int ndim, const int64_t *shape) {
  VG_ASSERT(!l->tensor[slot]);
  return vg_new(&l->tensor[slot], vg_usual_device(l->ctx), dtype, ndim, shape);
}

vg_status vg_layer_param(vg_layer *l, int slot, int ndim, const int64_t *shape) {
  vg_status st = new_tensor(l, slot, VG_F32, ndim, shape);
  if (st == VG_OK) l->tensor[slot]->requires_grad = true;
  return st;
}

vg_status vg_layer_buffer(vg_layer *l, int slot, vg_dtype dtype, int ndim, const int64_t *shape) {
  return new_tensor(l, slot, dtype, ndim, shape);
}

vg_status vg_layer_uniform(vg_layer *l, int slot, int64_t fan_in) {
  vg_tensor *t = l->tensor[slot];
  const vg_random_vt *k;
  double bound;
  if (!t) return VG_OK;
  k = t->dev->be->random;
  if (!k || !k->uniform) return vg_unsupported(t->dev, "uniform");
  bound = 1 / sqrt((double)fan_in);
  vg_bump(t);
  return k->uniform(t->dev, t, vg_next_stream(l->ctx, VG_RNG_INIT), -bound, bound);
}

vg_status vg_layer_fill(vg_layer *l, int slot, double value) {
  vg_status st;
  if (!l->tensor[slot]) return VG_OK;
  vg_no_grad_begin(l->ctx);
  st = vg_fill_(l->tensor[slot], value);
  vg_no_grad_end(l->ctx);
  return st;
}

void vg_layer_say(vg_layer_text *out, const char *fmt, ...) {
  size_t n = strlen(out->how);
  va_list ap;
  if (n) n += (size_t)snprintf(out->how + n, sizeof out->how - n, ", ");
  if (n >= sizeof out->how) return;
  va_start(ap, fmt);
  vsnprintf(out->how + n, sizeof out->how - n, fmt, ap);
  va_end(ap);
}

void vg_layer_clear(vg_layer *l) {
  for (int i = 0; i < VG_LAYER_TENSORS; i++) {
    vg_release(l->tensor[i]);
    l->tensor[i] = NULL;
  }
}

vg_status vg_layer_forward(vg_tensor **y, vg_layer *l, vg_tensor *x, const vg_layer_then *then) {
  static const vg_layer_then nothing;
  if (!then) then = &nothing;
  VG_ASSERT(l->kind->fuses || (!then->relu && !then->pool));
  return l->kind->forward(y, l, x, then);
}

int vg_layer_find(const vg_layer *l, const char *name) {
  for (int i = 0; l->kind->tensors[i]; i++)
    if (!strcmp(l->kind->tensors[i], name)) return i;
  return -1;
}

/* Swaps what describes memory and leaves identity, counts and autograd alone. */
static void swap_memory(vg_tensor *t, vg_tensor *src) {
  vg_tensor was = *t;
  t->dtype = src->dtype;
  t->dev = src->dev;
  t->offset = src->offset;
  t->layout = src->layout;
  t->storage = src->storage;
  memcpy(t->stride, src->stride, sizeof t->stride);
  src->dtype = was.dtype;
  src->dev = was.dev;
  src->offset = was.offset;
  src->layout = was.layout;
  src->storage = was.storage;
  memcpy(src->stride, was.stride, sizeof src->stride);
}

vg_status vg_tensor_become(vg_tensor *t, vg_tensor *src) {
  vg_tensor *fresh = NULL, *grad = NULL, *moved = NULL;
  vg_status st;
  if (t->node) return vg_fail(VG_ESTATE, "to: only a leaf changes its memory in place");
  if (!vg_same_shape(t, src))
    return vg_fail(VG_ESHAPE, "to: %s cannot become %s", vg_shape_str(t), vg_shape_str(src));
  VG_TRY(vg_alias(&fresh, src));
  if (t->grad) {
    VG_TRY(vg_to_device(&grad, t->grad, src->dev));
    VG_TRY(vg_cast_raw(&moved, grad, src->dtype));
    vg_release(t->grad);
    t->grad = moved;
    moved = NULL;
  }
  swap_memory(t, fresh);
done:
  vg_release(fresh);
  vg_release(grad);
  vg_release(moved);
  return st;
}
