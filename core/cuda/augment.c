/* Batches made on the GPU. The pipeline is kept in device memory as long as it stays the same. */
#include <string.h>

#include "base/alloc.h"
#include "cuda/walk.h"

typedef struct kept {
  vg_pipeline here; /* what lies on the device */
  vg_pipeline *there;
} kept;

void vg_cuda_augment_close(vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  kept *k = p->pipeline;
  if (!k) return;
  d->be->memory->free(d, k->there, sizeof k->here);
  vg_free(k);
  p->pipeline = NULL;
}

static vg_status keep(const vg_pipeline **out, vg_device *d, const vg_pipeline *pipeline) {
  vg_cuda_priv *p = vg_cuda_state(d);
  kept *k = p->pipeline;
  vg_status st = VG_OK;
  if (!k) {
    k = vg_calloc(1, sizeof *k);
    if (!k) return VG_ENOMEM;
    k->there = d->be->memory->alloc(d, sizeof k->here);
    if (!k->there) {
      vg_free(k);
      return vg_fail(VG_ENOMEM, "augment: no memory for the pipeline on %s", d->name);
    }
    p->pipeline = k;
    k->here.ops = -1;
  }
  if (memcmp(&k->here, pipeline, sizeof *pipeline) != 0) {
    k->here.ops = -1;
    VG_TRY(d->be->memory->write(d, k->there, pipeline, sizeof *pipeline));
    memcpy(&k->here, pipeline, sizeof *pipeline);
  }
  *out = k->there;
done:
  return st;
}

static vg_status batch(vg_device *d, vg_tensor *x, vg_tensor *y, const vg_device_batch *a) {
  cudaStream_t s = vg_cuda_stream(d);
  vg_cuda_batch b = {.records = vg_cuda_data(a->records),
                     .stride = a->records->stride[0],
                     .h = a->height,
                     .w = a->width,
                     .samples = a->samples ? vg_cuda_data(a->samples) : NULL,
                     .order = a->order ? vg_cuda_data(a->order) : NULL};
  vg_cuda_batch_key key = {.seed = a->seed, .first = a->first, .epoch = a->epoch};
  vg_cuda_dynamic_values live;
  vg_status st;
  VG_TRY(keep(&b.pipeline, d, a->pipeline));
  for (int i = 0; i < a->pipeline->ops; i++)
    for (int k = 0; k < 2; k++) b.size[i][k] = a->size[i][k];
  VG_TRY(vg_cuda_dynamic(d, &key, sizeof key, 0, &live));
  if (!live.skip)
    VG_TRY(VG_CUDA(vg_cuda_augment_run(&b, vg_cuda_data(x), x->dtype == VG_BF16,
                                       y ? vg_cuda_data(y) : NULL, x->shape[0], &key, live.device,
                                       s)));
done:
  return st;
}

const vg_augment_vt vg_cuda_augment = {.batch = batch};
