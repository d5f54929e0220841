#include "optim/replay.h"

#include "base/alloc.h"

struct vg_replay {
  vg_device *dev;
  void *recording; /* the backend's */
  int n, watched;
  vg_tensor **param, **grad; /* those that have gradients */
};

bool vg_replay_possible(const vg_device *d) { return d->be->replay != NULL; }

vg_status vg_replay_begin(vg_replay **out, vg_device *d) {
  vg_replay *r = NULL;
  vg_status st;
  if (!d->be->replay) return vg_unsupported(d, "replay");
  if (!(r = vg_calloc(1, sizeof *r))) return VG_ENOMEM;
  r->dev = d;
  VG_TRY(d->be->replay->begin(d, &r->recording));
  *out = r;
  r = NULL;
done:
  vg_free(r);
  return st;
}

vg_status vg_replay_watch(vg_replay *r, const vg_tensor *x) {
  vg_status st;
  if (x->dev != r->dev) return vg_fail(VG_EINVAL, "replay: a number on %s", x->dev->name);
  VG_TRY(r->dev->be->replay->watch(r->dev, r->recording, x));
  r->watched++;
done:
  return st;
}

int vg_replay_watched(const vg_replay *r) { return r->watched; }

static void take_gradients(vg_replay *r) {
  for (int i = 0; i < r->n; i++) {
    if (r->grad[i]) continue;
    r->grad[i] = r->param[i]->grad;
    r->param[i]->grad = NULL;
  }
}

static void give_gradients(vg_replay *r) {
  for (int i = 0; i < r->n; i++) {
    if (!r->grad[i]) continue;
    vg_release(r->param[i]->grad);
    r->param[i]->grad = r->grad[i];
    r->grad[i] = NULL;
  }
}

vg_status vg_replay_end(vg_replay *r, int n, vg_tensor *const *params) {
  vg_status st;
  VG_TRY(r->dev->be->replay->end(r->dev, r->recording));
  r->param = vg_calloc((size_t)n + 1, sizeof(vg_tensor *));
  r->grad = vg_calloc((size_t)n + 1, sizeof(vg_tensor *));
  if (!r->param || !r->grad) VG_TRY(VG_ENOMEM);
  for (int i = 0; i < n; i++)
    if (params[i]->grad) r->param[r->n++] = vg_retain(params[i]);
  take_gradients(r);
done:
  return st;
}

vg_status vg_replay_refill(vg_replay *r, bool on) {
  vg_status st;
  if (!on) take_gradients(r);
  VG_TRY(r->dev->be->replay->refill(r->dev, r->recording, on));
  if (on) give_gradients(r);
done:
  return st;
}

vg_status vg_replay_launch(vg_replay *r, uint64_t *number) {
  return r->dev->be->replay->launch(r->dev, r->recording, number);
}

vg_status vg_replay_read(vg_replay *r, uint64_t number, int n, double *out) {
  return r->dev->be->replay->read(r->dev, r->recording, number, n, out);
}

void vg_replay_free(vg_replay *r) {
  if (!r) return;
  for (int i = 0; i < r->n; i++) {
    vg_release(r->grad[i]);
    vg_release(r->param[i]);
  }
  vg_free(r->param);
  vg_free(r->grad);
  r->dev->be->replay->free(r->dev, r->recording);
  vg_free(r);
}
