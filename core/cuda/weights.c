/* A list of prepared weights, each known by its storage, offset and form. */
#include "cuda/weights.h"

#include "base/alloc.h"

enum { MOST_AGE = 1024 }; /* requests for others after which one is let go */

typedef struct vg_cuda_kept {
  uint64_t storage, used;
  uint32_t version;
  bool asked; /* since an optimiser wrote it */
  int pins;
  int64_t offset, n;
  vg_cuda_form form;
  vg_buf memory;
  struct vg_cuda_kept *next;
} kept;

static void drop(kept **at) {
  kept *e = *at;
  *at = e->next;
  vg_buf_give(&e->memory);
  vg_free(e);
}

void vg_cuda_weights_clear(vg_cuda_priv *p) {
  for (kept **at = &p->weights; *at;) {
    if ((*at)->pins)
      at = &(*at)->next;
    else
      drop(at);
  }
}

static bool same_form(vg_cuda_form a, vg_cuda_form b) {
  return a.bf16 == b.bf16 && a.packed == b.packed && a.kp == b.kp && a.cp == b.cp;
}

/* Elements of memory from the first to the last of w. */
static int64_t extent(const vg_tensor *w) {
  int64_t last = 0;
  for (int i = 0; i < w->ndim; i++) last += (w->shape[i] - 1) * w->stride[i];
  return last + 1;
}

static bool covers(const kept *e, const vg_tensor *w) {
  return e->storage == w->storage->id && e->offset == w->offset && e->n == extent(w);
}

static bool fits(const kept *e, const vg_tensor *w, vg_cuda_form form) {
  return covers(e, w) && same_form(e->form, form);
}

static bool pinned(const vg_cuda_pin *pins, const kept *e) {
  for (; pins; pins = pins->next)
    if (pins->kept == e) return true;
  return false;
}

static vg_status pin(vg_cuda_pin **pins, kept *e, const vg_tensor *w) {
  vg_cuda_pin *new = vg_calloc(1, sizeof *new);
  vg_status st;
  if (!new) return VG_ENOMEM;
  VG_TRY(vg_alias(&new->weight, w));
  new->kept = e;
  new->next = *pins;
  *pins = new;
  e->pins++;
  new = NULL;
done:
  vg_free(new);
  return st;
}

/* *out <- what was prepared before a recording and is up to date, pinned; else NULL. */
static vg_status prepared_before(const void **out, vg_device *d, const vg_tensor *w,
                                 vg_cuda_form form) {
  vg_cuda_pin **pins = vg_cuda_pins(d);
  vg_status st = VG_OK;
  *out = NULL;
  for (kept *e = pins ? vg_cuda_outer_weights(d) : NULL; e; e = e->next) {
    if (!fits(e, w, form) || e->version != w->storage->version) continue;
    if (!pinned(*pins, e)) VG_TRY(pin(pins, e, w));
    *out = e->memory.ptr;
    break;
  }
done:
  return st;
}

/* The entry for w, made when there is none; old ones are dropped on the way. */
static vg_status entry_of(kept **out, bool *is_new, vg_device *d, const vg_tensor *w,
                          vg_cuda_form form, size_t bytes) {
  vg_cuda_priv *p = vg_cuda_state(d);
  kept *found = NULL;
  vg_status st = VG_OK;
  p->weights_used++;
  for (kept **at = &p->weights; *at;) {
    kept *e = *at;
    if (fits(e, w, form)) found = e;
    if (e != found && !e->pins && p->weights_used - e->used > MOST_AGE)
      drop(at);
    else
      at = &e->next;
  }
  *is_new = !found;
  if (!found) {
    if (!(found = vg_calloc(1, sizeof *found))) return VG_ENOMEM;
    found->storage = w->storage->id;
    found->offset = w->offset;
    found->n = extent(w);
    found->form = form;
    found->next = p->weights;
    p->weights = found;
    VG_TRY(vg_cuda_take(&found->memory, d, bytes));
  }
  found->used = p->weights_used;
  *out = found;
done:
  if (st != VG_OK) drop(&p->weights); /* the one without memory, at the front */
  return st;
}

static vg_status pack(vg_device *d, const kept *e, const vg_tensor *w) {
  cudaStream_t s = vg_cuda_stream(d);
  int64_t taps = w->shape[2] * w->shape[3];
  size_t bytes = (size_t)(e->form.kp * e->form.cp * taps) * (e->form.bf16 ? 2 : 4);
  vg_status st = VG_OK;
  if (e->form.kp > w->shape[0]) VG_TRY(VG_CUDA(cudaMemsetAsync(e->memory.ptr, 0, bytes, s)));
  if (vg_is_channels_last(w)) /* rows that only get longer */
    st = VG_CUDA(vg_cuda_pack_nhwc(e->memory.ptr, e->form.bf16, vg_cuda_data(w), false,
                                   w->shape[0] * taps, w->shape[1], e->form.cp, 1, s));
  else
    st = VG_CUDA(vg_cuda_pack_nhwc(e->memory.ptr, e->form.bf16, vg_cuda_data(w), false, w->shape[0],
                                   w->shape[1], e->form.cp, taps, s));
done:
  return st;
}

/* All memory from w's first element to its last, converted. */
static vg_status cast(vg_device *d, vg_buf *to, const vg_tensor *w, bool bf16) {
  vg_storage memory = {.refs = 1, .buf = *to};
  vg_tensor x = *w, y;
  x.ndim = 1;
  x.n = x.shape[0] = extent(w);
  x.stride[0] = 1;
  y = x;
  y.dtype = bf16 ? VG_BF16 : VG_F32;
  y.offset = 0;
  y.storage = &memory;
  return d->be->layout->copy(d, &y, &x);
}

/* Whether the memory as it lies, converted, is what a packed form would be. */
static bool is_flat(const vg_tensor *w, vg_cuda_form form) {
  return !form.packed ||
         (form.kp == w->shape[0] && form.cp == w->shape[1] && vg_is_channels_last(w));
}

static vg_status fill(vg_device *d, kept *e, const vg_tensor *w) {
  vg_status st;
  e->version = w->storage->version - 1; /* should the launch fail */
  VG_TRY(e->form.packed ? pack(d, e, w) : cast(d, &e->memory, w, e->form.bf16));
  e->version = w->storage->version;
done:
  return st;
}

vg_status vg_cuda_weight(const void **out, vg_device *d, const vg_tensor *w, vg_cuda_form form) {
  int64_t n = form.packed ? form.kp * form.cp * w->shape[2] * w->shape[3] : extent(w);
  const void *memory = vg_cuda_data(w);
  bool is_new;
  kept *e;
  vg_status st;
  if (is_flat(w, form)) {
    form = (vg_cuda_form){.bf16 = form.bf16};
    n = extent(w);
    if (!form.bf16 && (uintptr_t)memory % 16 == 0) {
      *out = memory;
      return VG_OK;
    }
  }
  VG_TRY(prepared_before(out, d, w, form));
  if (*out) return VG_OK;
  VG_TRY(entry_of(&e, &is_new, d, w, form, (size_t)n * (form.bf16 ? 2 : 4)));
  *out = e->memory.ptr;
  e->asked = true;
  if (is_new || e->version != w->storage->version) st = fill(d, e, w);
done:
  return st;
}

/* ---- optimisers ---- */

void *vg_cuda_weight_copy(vg_device *d, const vg_tensor *p) {
  vg_cuda_pin **pins = vg_cuda_pins(d);
  const vg_cuda_form plain = {.bf16 = true};
  for (kept *e = pins ? vg_cuda_outer_weights(d) : vg_cuda_state(d)->weights; e; e = e->next) {
    if (!fits(e, p, plain) || !(pins ? pinned(*pins, e) : e->asked)) continue;
    e->version = p->storage->version;
    e->asked = false;
    return e->memory.ptr;
  }
  return NULL;
}

/* ---- pins ---- */

vg_status vg_cuda_pins_refresh(vg_device *d, vg_cuda_pin *pins) {
  vg_status st = VG_OK;
  for (; pins; pins = pins->next)
    if (pins->kept->version != pins->weight->storage->version)
      VG_TRY(fill(d, pins->kept, pins->weight));
done:
  return st;
}

/* Only what was up to date before that step is after it. */
void vg_cuda_pins_stepped(vg_cuda_pin *pins, const vg_tensor *p) {
  for (; pins; pins = pins->next)
    if (pins->kept->storage == p->storage->id && pins->kept->version + 1 == p->storage->version)
      pins->kept->version++;
}

void vg_cuda_pins_drop(vg_cuda_pin *pins) {
  vg_cuda_pin *next;
  for (; pins; pins = next) {
    next = pins->next;
    pins->kept->pins--;
    vg_release(pins->weight);
    vg_free(pins);
  }
}
