/* The sum of squares: pieces on the branch and in the stream, added up in one order. */
#include "cuda/grad_norm.h"

#include "base/alloc.h"
#include "cuda/tensors.h"
#include "cuda/walk.h"

/* ---- on the branch ---- */

typedef struct vg_cuda_early {
  uint64_t storage;
  uint32_t version;
  const void *data;
  int64_t n;
  vg_buf partial; /* a sum for every piece */
  struct vg_cuda_early *next;
} early;

static size_t partial_bytes(const vg_cuda_tensors *t) {
  return (size_t)(t->n ? t->pieces[t->n - 1] : 0) * sizeof(double) + sizeof(double);
}

vg_status vg_cuda_squares_beside(vg_device *d, const vg_tensor *g) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_cuda_tensors t = {.n = 0};
  early *e = NULL;
  vg_status st = VG_OK;
  if (!p->norms || g->dtype != VG_F32) return VG_OK;
  if (!(e = vg_calloc(1, sizeof *e))) return VG_ENOMEM;
  *e = (early){g->storage->id, g->storage->version, vg_data(g), vg_physical_n(g), {0}, p->early};
  p->early = e;
  t.p[0] = vg_data(g);
  vg_cuda_tensors_add(&t, e->n, vg_cuda_aligned(t.p[0]));
  VG_TRY(vg_cuda_take(&e->partial, d, partial_bytes(&t)));
  t.copy[0] = e->partial.ptr;
  VG_TRY(VG_CUDA(vg_cuda_squares(&t, p->side)));
done:
  return st;
}

void vg_cuda_squares_forget(vg_cuda_priv *p) {
  early *next;
  for (early *e = p->early; e; e = next) {
    next = e->next;
    vg_buf_give(&e->partial);
    vg_free(e);
  }
  p->early = NULL;
}

/* What the branch has made of this gradient, which is still the same. */
static void *made_beside(const vg_cuda_priv *p, const vg_tensor *g) {
  for (const early *e = p->early; e; e = e->next)
    if (e->storage == g->storage->id && e->version == g->storage->version &&
        e->data == vg_data(g) && e->n == vg_physical_n(g))
      return e->partial.ptr;
  return NULL;
}

/* ---- the sum ---- */

/* Into `rest` what is still to be made, its sums one behind the other at `partial`. */
static void list(vg_cuda_tensors *all, vg_cuda_tensors *rest, const vg_cuda_priv *p, int n,
                 vg_tensor *const *x, double *partial) {
  for (int i = 0; i < n; i++) {
    vg_cuda_tensors *to[2] = {all, rest};
    const vg_tensor *g = x[i];
    const float *data = vg_cuda_data(g);
    void *made = made_beside(p, g),
         *at = made ? made : partial + (rest->n ? rest->pieces[rest->n - 1] : 0);
    for (int k = 0; k < (made ? 1 : 2); k++) {
      to[k]->p[to[k]->n] = (float *)(uintptr_t)data;
      to[k]->copy[to[k]->n] = at;
      vg_cuda_tensors_add(to[k], vg_physical_n(g), vg_cuda_aligned(data));
    }
  }
}

static int64_t pieces_of(int n, vg_tensor *const *x) {
  int64_t pieces = 0;
  for (int i = 0; i < n; i++) pieces += vg_cuda_pieces(vg_physical_n(x[i]));
  return pieces;
}

static vg_status add(vg_device *d, int n, vg_tensor *const *x, double *sum, bool first) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_tensors all = {.n = 0}, rest = {.n = 0};
  vg_buf partial = {0};
  void *at;
  vg_status st;
  VG_TRY(vg_cuda_scratch(&at, &partial, d, (size_t)(pieces_of(n, x) + 1) * sizeof(double)));
  list(&all, &rest, vg_cuda_state(d), n, x, at);
  VG_TRY(VG_CUDA(vg_cuda_squares(&rest, stream)));
  VG_TRY(VG_CUDA(vg_cuda_add_squares(&all, sum, first, stream)));
done:
  vg_buf_give(&partial);
  return st;
}

vg_status vg_cuda_grad_squares(vg_device *d, int n, vg_tensor *const *x, vg_tensor *sum,
                               bool first) {
  vg_status st;
  vg_cuda_state(d)->norms = true;
  VG_TRY(vg_cuda_before_update(d)); /* which reads the sum of the step before */
  for (int from = 0; from < n; from += VG_CUDA_TENSORS, first = false)
    VG_TRY(add(d, vg_cuda_tensors_batch(n, from), x + from, vg_cuda_data(sum), first));
done:
  return st;
}

vg_status vg_cuda_grad_root(vg_device *d, vg_tensor *norm, const vg_tensor *sum) {
  return VG_CUDA(vg_cuda_root(vg_cuda_data(norm), vg_cuda_data(sum), vg_cuda_stream(d)));
}

vg_status vg_cuda_grad_sum_squares(vg_device *d, int n, vg_tensor *const *x, double *out) {
  vg_storage memory = {.refs = 1};
  vg_tensor sum = {.refs = 1, .dtype = VG_I64, .dev = d, .n = 1, .storage = &memory};
  void *at;
  vg_status st = VG_OK;
  *out = 0;
  if (n == 0) return VG_OK;
  VG_TRY(vg_cuda_scratch(&at, &memory.buf, d, sizeof *out));
  VG_TRY(vg_cuda_grad_squares(d, n, x, &sum, true));
  VG_TRY(d->be->memory->read(d, out, at, sizeof *out));
done:
  vg_buf_give(&memory.buf);
  return st;
}
