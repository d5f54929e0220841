/* A list of prepared weights, each known by its storage, offset and form. */
#include "cuda/weights.h"

#include "base/alloc.h"

enum { MOST_AGE = 1024 }; /* requests for others after which one is let go */

typedef struct vg_cuda_kept {
  uint64_t storage, used;
  uint32_t version;
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
  while (p->weights) drop(&p->weights);
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

static bool fits(const kept *e, const vg_tensor *w, vg_cuda_form form) {
  return e->storage == w->storage->id && e->offset == w->offset && e->n == extent(w) &&
         same_form(e->form, form);
}

/* While weights are constant a recording may rely on what was prepared before it: nothing is
   dropped before the constancy ends, and with it the recording. */
static const void *prepared_before(vg_device *d, const vg_tensor *w, vg_cuda_form form) {
  if (d->ctx->constant_weights == 0 || !vg_cuda_capturing(d)) return NULL;
  for (const kept *e = vg_cuda_outer_weights(d); e; e = e->next)
    if (fits(e, w, form) && e->version == w->storage->version) return e->memory.ptr;
  return NULL;
}

/* The entry for w, made when there is none; old ones are dropped on the way. */
static vg_status entry_of(kept **out, bool *is_new, vg_device *d, const vg_tensor *w,
                          vg_cuda_form form, size_t bytes) {
  vg_cuda_priv *p = vg_cuda_state(d);
  bool constant = d->ctx->constant_weights > 0;
  kept *found = NULL;
  vg_status st = VG_OK;
  p->weights_used++;
  for (kept **at = &p->weights; *at;) {
    kept *e = *at;
    if (fits(e, w, form)) found = e;
    if (e != found && !constant && p->weights_used - e->used > MOST_AGE)
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
    VG_TRY(vg_buf_take(&found->memory, d, bytes));
  }
  found->used = p->weights_used;
  *out = found;
done:
  if (st != VG_OK) drop(&p->weights); /* the one without memory, at the front */
  return st;
}

static vg_status pack(vg_device *d, void *to, const vg_tensor *w, vg_cuda_form form, size_t bytes) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_status st = VG_OK;
  if (form.kp > w->shape[0]) VG_TRY(VG_CUDA(cudaMemsetAsync(to, 0, bytes, s)));
  VG_TRY(VG_CUDA(vg_cuda_pack_nhwc(to, form.bf16, vg_data(w), false, w->shape[0], w->shape[1],
                                   form.cp, w->shape[2] * w->shape[3], s)));
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

vg_status vg_cuda_weight(const void **out, vg_device *d, const vg_tensor *w, vg_cuda_form form) {
  bool flat = !form.packed || (form.kp == w->shape[0] && form.cp == w->shape[1] &&
                               (w->shape[1] == 1 || w->shape[2] * w->shape[3] == 1));
  int64_t n = form.packed ? form.kp * form.cp * w->shape[2] * w->shape[3] : extent(w);
  size_t bytes = (size_t)n * (form.bf16 ? 2 : 4);
  bool is_new;
  kept *e;
  vg_status st = VG_OK;
  if (flat && !form.bf16 && (uintptr_t)vg_data(w) % 16 == 0) {
    *out = vg_data(w);
    return VG_OK;
  }
  if ((*out = prepared_before(d, w, form))) return VG_OK;
  VG_TRY(entry_of(&e, &is_new, d, w, form, bytes));
  *out = e->memory.ptr;
  if (!is_new && e->version == w->storage->version) return VG_OK;
  e->version = w->storage->version - 1; /* should the launch fail */
  VG_TRY(flat ? cast(d, &e->memory, w, form.bf16) : pack(d, e->memory.ptr, w, form, bytes));
  e->version = w->storage->version;
done:
  return st;
}
