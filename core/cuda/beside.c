/* The list of what a branch uses, and its join. */
#include "cuda/beside.h"

#include "base/alloc.h"

enum { MOST_BYTES = 1 << 30 }; /* kept for the branch's sake: then it is joined */

typedef struct used {
  uintptr_t start;
  size_t bytes;
  bool written;
  vg_tensor *tensor; /* kept until the join; or NULL */
  vg_buf buffer;
  struct used *next;
} used;

typedef struct vg_cuda_beside {
  used *list;
  size_t kept; /* bytes */
} beside;

static vg_status have_list(vg_cuda_priv *p) {
  if (!p->beside) p->beside = vg_calloc(1, sizeof *p->beside);
  return p->beside ? VG_OK : VG_ENOMEM;
}

vg_status vg_cuda_beside_fork(vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st;
  VG_TRY(have_list(p));
  VG_TRY(VG_CUDA(cudaEventRecord(p->fork, vg_cuda_stream(d))));
  VG_TRY(VG_CUDA(cudaStreamWaitEvent(p->side, p->fork, 0)));
done:
  return st;
}

/* Memory that was taken since the fork may have made the step wait for the branch already; what was
   launched on it since needs another join. */
static vg_status add(vg_device *d, const used *u) {
  vg_cuda_priv *p = vg_cuda_state(d);
  used *new = vg_alloc(sizeof *new);
  beside *b;
  vg_status st;
  if (!new) return VG_ENOMEM;
  VG_TRY(have_list(p));
  b = p->beside;
  *new = *u;
  new->next = b->list;
  b->list = new;
  if (u->tensor || u->buffer.ptr) b->kept += u->bytes;
  new = NULL;
done:
  vg_free(new);
  return st;
}

vg_status vg_cuda_beside_reads(vg_device *d, const vg_tensor *t) {
  const vg_buf *b = &t->storage->buf;
  vg_tensor *own = vg_retain((vg_tensor *)(uintptr_t)t);
  vg_status st = add(d, &(used){.start = (uintptr_t)b->ptr, .bytes = b->bytes, .tensor = own});
  if (st != VG_OK) vg_release(own);
  return st;
}

vg_status vg_cuda_beside_keeps(vg_device *d, vg_buf *b) {
  vg_status st = VG_OK;
  if (!b->ptr) return VG_OK;
  VG_TRY(add(d, &(used){(uintptr_t)b->ptr, b->bytes, .written = true, .buffer = *b}));
  *b = (vg_buf){0};
done:
  return st;
}

vg_status vg_cuda_beside_writes(vg_device *d, const vg_tensor *t) {
  const vg_buf *b = &t->storage->buf;
  return add(d, &(used){.start = (uintptr_t)b->ptr, .bytes = b->bytes, .written = true});
}

vg_status vg_cuda_beside_join(vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  beside *b = p->beside;
  used *next;
  vg_status st;
  if (!b) return VG_OK;
  p->beside = NULL;
  VG_TRY(VG_CUDA(cudaEventRecord(p->join, p->side)));
  st = VG_CUDA(cudaStreamWaitEvent(vg_cuda_stream(d), p->join, 0));
done:
  for (used *u = b->list; u; u = next) {
    next = u->next;
    vg_release(u->tensor);
    vg_buf_give(&u->buffer);
    vg_free(u);
  }
  vg_free(b);
  return st;
}

vg_status vg_cuda_beside_touched(vg_device *d, const void *memory, bool write) {
  const beside *b = vg_cuda_state(d)->beside;
  if (b->kept > MOST_BYTES) return vg_cuda_beside_join(d);
  for (const used *u = b->list; u; u = u->next)
    if ((write || u->written) && (uintptr_t)memory - u->start < u->bytes)
      return vg_cuda_beside_join(d);
  return VG_OK;
}
