/* The notes are those of storages, valid for one version of the contents. */
#include "cuda/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

typedef struct note {
  vg_cuda_plan *plan;
  uint32_t version;
  const struct vg_cuda_graph *graph; /* the recording that makes the sums anew at each launch */
  vg_buf sums;
} note;

static void note_free(void *p) { /* its address tells this note from others */
  note *n = p;
  vg_buf_give(&n->sums);
  vg_free(n);
}

bool vg_cuda_stats_likely(const vg_device *d, const vg_tensor *y) {
  const char *env = getenv("VGG_CUDA_STATS");
  return y->dtype == VG_BF16 && y->layout && !d->ctx->no_grad && !d->ctx->constant_weights &&
         !(env && *env == '0');
}

/* The plan's sums in memory that was full of one byte. */
static vg_status sums_over(char *host, int byte, vg_device *d, const vg_cuda_plan *plan,
                           const vg_cuda_operands *o, size_t bytes) {
  vg_status st;
  VG_TRY(VG_CUDA(cudaMemsetAsync(o->sums, byte, bytes, vg_cuda_stream(d))));
  VG_TRY(vg_cuda_plan_run(d, plan, o, NULL));
  VG_TRY(d->be->memory->read(d, host, o->sums, bytes));
done:
  return st;
}

vg_status vg_cuda_stats_sound(bool *sound, vg_device *d, const vg_cuda_plan *plan,
                              const vg_cuda_operands *o) {
  size_t bytes = 2 * (size_t)plan->problem.k * sizeof(float);
  char *host = vg_alloc(2 * bytes);
  vg_status st;
  *sound = false;
  if (!host) return VG_ENOMEM;
  VG_TRY(sums_over(host, 0, d, plan, o, bytes));
  VG_TRY(sums_over(host + bytes, 0x4f, d, plan, o, bytes));
  *sound = !memcmp(host, host + bytes, bytes);
done:
  vg_free(host);
  return st;
}

vg_status vg_cuda_stats_leave(vg_device *d, const vg_tensor *y, vg_cuda_plan *plan, vg_buf *sums) {
  vg_storage *s = y->storage;
  note *n;
  if (plan->ready && !plan->plan) return VG_OK; /* there is nothing to ask for */
  if (!(n = vg_calloc(1, sizeof *n))) return VG_ENOMEM;
  n->plan = plan;
  n->version = s->version;
  n->graph = vg_cuda_state(d)->graph;
  n->sums = *sums;
  if (sums->ptr) plan->asked--;
  *sums = (vg_buf){0};
  if (s->note) s->note_free(s->note);
  s->note = n;
  s->note_free = note_free;
  return VG_OK;
}

static bool describes(const note *n, const vg_device *d, const vg_tensor *x) {
  const vg_cuda_problem *p = &n->plan->problem;
  return n->version == x->storage->version && n->graph == vg_cuda_state(d)->graph && x->layout &&
         x->dtype == VG_BF16 && x->offset == 0 && x->shape[1] == p->k &&
         x->n == (int64_t)p->n * p->k * p->p * p->q;
}

const float *vg_cuda_stats_use(const vg_device *d, const vg_tensor *x) {
  const note *n = x->storage->note;
  if (!n || x->storage->note_free != note_free || !describes(n, d, x)) return NULL;
  n->plan->asked = VG_CUDA_PATIENCE;
  return n->sums.ptr;
}
