/* Collects what a step needs, creates missing state, and hands batches of tensors which are at the
   same step, on the same device, to the kernel. */
#include <string.h>

#include "optim/optim.h"

enum { BATCH = 64 };

typedef vg_status (*kernel_fn)(vg_device *d, int n, const vg_optim_slot *s, int64_t step,
                               const void *args);

typedef struct rule {
  const char *name;
  kernel_fn kernel;
  const void *args;
  const vg_grad_clip *clip;
  bool first, second; /* which state it needs */
} rule;

static vg_status check_clip(const rule *r, const vg_device *d) {
  const vg_tensor *sum = r->clip->squares;
  if (!sum) return VG_OK;
  if (!(r->clip->max_norm >= 0))
    return vg_fail(VG_EINVAL, "%s: want max_norm >= 0, got %g", r->name, r->clip->max_norm);
  if (sum->dtype != VG_I64 || sum->n != 1 || sum->dev != d)
    return vg_fail(VG_EDTYPE, "%s: want the squares that came with the norm", r->name);
  return d->be->optim->squares ? VG_OK : vg_unsupported(d, "clipping inside of a step");
}

static vg_status check(const rule *r, int n, const vg_param *params) {
  vg_status st = VG_OK;
  for (int i = 0; i < n; i++) {
    const vg_tensor *p = params[i].p;
    if (!p->grad) continue;
    if (!p->dev->be->optim) return vg_unsupported(p->dev, r->name);
    if (p->dtype != VG_F32 || p->grad->dtype != VG_F32)
      return vg_fail(VG_EDTYPE, "%s: parameter %d is %s with a %s gradient, want float32", r->name,
                     i + 1, vg_dtype_name(p->dtype), vg_dtype_name(p->grad->dtype));
    if (!p->layout && !vg_is_dense(p))
      return vg_fail(VG_ESTATE, "%s: parameter %d is a view with gaps or overlaps", r->name, i + 1);
    if (p->grad->dev != p->dev)
      return vg_fail(VG_ESTATE, "%s: parameter %d is on %s, its gradient on %s", r->name, i + 1,
                     p->dev->name, p->grad->dev->name);
    VG_TRY(check_clip(r, p->dev));
  }
done:
  return st;
}

static vg_status new_state(vg_tensor **slot, const vg_tensor *p) {
  vg_status st;
  VG_TRY(vg_new_same_walk(slot, p));
  st = p->dev->be->memory->fill(p->dev, vg_data(*slot), 0,
                                (size_t)vg_physical_n(*slot) * sizeof(float));
  if (st != VG_OK) {
    vg_release(*slot);
    *slot = NULL;
  }
done:
  return st;
}

/* Zeros where there is no state yet. What was there (loaded, or from before the parameter was
   turned) comes into p's order. A recorded step would do either again at each launch. */
static vg_status have_state(const rule *r, vg_tensor **slot, const vg_tensor *p) {
  const vg_replay_vt *replay = p->dev->be->replay;
  vg_tensor *turned;
  vg_status st;
  if (*slot && vg_same_walk(*slot, p)) return VG_OK;
  if (replay && replay->recording(p->dev))
    return vg_fail(VG_ESTATE,
                   "%s: a parameter of %s has no state yet, or in another order in "
                   "memory; take a step before one is recorded",
                   r->name, vg_shape_str(p));
  if (!*slot) return new_state(slot, p);
  VG_TRY(vg_walk_as(&turned, *slot, p));
  vg_release(*slot);
  *slot = turned;
done:
  return st;
}

static vg_status create_state(const rule *r, int n, const vg_param *params) {
  vg_status st = VG_OK;
  for (int i = 0; i < n; i++) {
    if (!params[i].p->grad) continue;
    if (r->first) VG_TRY(have_state(r, params[i].m, params[i].p));
    if (r->second) VG_TRY(have_state(r, params[i].v, params[i].p));
  }
done:
  return st;
}

typedef struct batch {
  vg_optim_slot slot[BATCH];
  vg_tensor *converted[BATCH]; /* gradients brought into their parameter's layout */
  int n;
} batch;

static vg_status flush(const rule *r, batch *b, int64_t step) {
  vg_status st = VG_OK;
  for (int i = 0; i < b->n; i++) vg_bump(b->slot[i].p);
  if (b->n > 0) st = r->kernel(b->slot[0].p->dev, b->n, b->slot, step, r->args);
  for (int i = 0; i < b->n; i++) vg_release(b->converted[i]);
  b->n = 0;
  return st;
}

static vg_status add(const rule *r, batch *b, const vg_param *q) {
  vg_tensor *g = NULL;
  vg_status st;
  VG_TRY(vg_walk_as(&g, q->p->grad, q->p));
  b->slot[b->n] = (vg_optim_slot){
      .p = q->p, .g = g, .m = r->first ? *q->m : NULL, .v = r->second ? *q->v : NULL};
  b->converted[b->n++] = g;
  if (b->n == BATCH) return flush(r, b, q->step);
  return VG_OK;
done:
  return st;
}

/* One pass for each distinct (step, device) among the parameters; nearly always a single one. */
static vg_status run(const rule *r, int n, vg_param *params) {
  int64_t done_below = -1;
  batch b = {.n = 0};
  vg_status st;
  VG_TRY(check(r, n, params));
  VG_TRY(create_state(r, n, params));
  for (;;) {
    int64_t step = INT64_MAX;
    for (int i = 0; i < n; i++)
      if (params[i].p->grad && params[i].step > done_below && params[i].step < step)
        step = params[i].step;
    if (step == INT64_MAX) break;
    done_below = step;
    for (int i = 0; i < n; i++) {
      if (!params[i].p->grad || params[i].step != step) continue;
      if (b.n && b.slot[0].p->dev != params[i].p->dev) VG_TRY(flush(r, &b, step));
      VG_TRY(add(r, &b, &params[i]));
    }
    VG_TRY(flush(r, &b, step));
  }
  for (int i = 0; i < n; i++) params[i].step += params[i].p->grad != NULL;
done:
  if (st != VG_OK)
    for (int i = 0; i < b.n; i++) vg_release(b.converted[i]);
  return st;
}

static vg_status adam_kernel(vg_device *d, int n, const vg_optim_slot *s, int64_t step,
                             const void *args) {
  vg_adam_args a;
  memcpy(&a, args, sizeof a);
  a.step = step + 1;
  return d->be->optim->adam ? d->be->optim->adam(d, n, s, &a) : vg_unsupported(d, "adam");
}

vg_status vg_adam_step(int n, vg_param *params, const vg_adam_args *a) {
  rule r = {.name = a->decoupled ? "adamw" : "adam",
            .kernel = adam_kernel,
            .args = a,
            .clip = &a->clip,
            .first = true,
            .second = true};
  return run(&r, n, params);
}

static vg_status sgd_kernel(vg_device *d, int n, const vg_optim_slot *s, int64_t step,
                            const void *args) {
  vg_sgd_args a;
  memcpy(&a, args, sizeof a);
  a.first = step == 0;
  return d->be->optim->sgd ? d->be->optim->sgd(d, n, s, &a) : vg_unsupported(d, "sgd");
}

vg_status vg_sgd_step(int n, vg_param *params, const vg_sgd_args *a) {
  rule r = {
      .name = "sgd", .kernel = sgd_kernel, .args = a, .clip = &a->clip, .first = a->momentum != 0};
  return run(&r, n, params);
}
