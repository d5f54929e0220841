/* BatchNorm2d: weight and bias, running mean and unbiased variance, and the count of batches. */
#include "nn/layer.h"

#include <stdio.h>

enum { WEIGHT, BIAS, MEAN, VAR, BATCHES };

static const char *const names[] = {
    "weight", "bias", "running_mean", "running_var", "num_batches_tracked", NULL};

static vg_status reset(vg_layer *l) {
  vg_status st;
  VG_TRY(vg_layer_fill(l, WEIGHT, 1));
  VG_TRY(vg_layer_fill(l, BIAS, 0));
  VG_TRY(vg_layer_fill(l, MEAN, 0));
  VG_TRY(vg_layer_fill(l, VAR, 1));
  VG_TRY(vg_layer_fill(l, BATCHES, 0));
done:
  return st;
}

static vg_status forward(vg_tensor **y, vg_layer *l, vg_tensor *x, const vg_layer_then *then) {
  const vg_batchnorm2d_spec *s = &l->spec.batchnorm2d;
  vg_tensor **t = l->tensor;
  vg_norm p = {.eps = (float)s->eps,
               .momentum = (float)s->momentum,
               .training = l->training || !s->track_running_stats,
               .relu = then->relu};
  bool counted = l->training && t[BATCHES],
       on_the_way = counted && x->n > 0 && x->dev->be->norm && x->dev->be->norm->counts;
  vg_status st;
  if (on_the_way) p.batches = t[BATCHES];
  VG_TRY(then->pool ? vg_batch_norm2d_max(y, x, t[WEIGHT], t[BIAS], t[MEAN], t[VAR], &p, then->pool)
                    : vg_batch_norm2d(y, x, t[WEIGHT], t[BIAS], t[MEAN], t[VAR], &p));
  if (counted && !on_the_way) VG_TRY(vg_unary_op_(t[BATCHES], VG_ADD_SCALAR, (vg_scalars){.a = 1}));
done:
  if (st != VG_OK) {
    vg_release(*y);
    *y = NULL;
  }
  return st;
}

static void describe(const vg_layer *l, vg_layer_text *t) {
  const vg_batchnorm2d_spec *s = &l->spec.batchnorm2d;
  snprintf(t->what, sizeof t->what, "%lld", (long long)s->channels);
  if (s->eps != 1e-5) vg_layer_say(t, "eps %g", s->eps);
  if (s->momentum != 0.1) vg_layer_say(t, "momentum %g", s->momentum);
  if (!s->affine) vg_layer_say(t, "not affine");
  if (!s->track_running_stats) vg_layer_say(t, "no running statistics");
}

static const vg_layer_kind kind = {.name = "BatchNorm2d",
                                   .tensors = names,
                                   .nparams = 2,
                                   .reset = reset,
                                   .forward = forward,
                                   .fuses = true,
                                   .describe = describe};

static vg_status check(const vg_batchnorm2d_spec *s) {
  if (s->channels < 1)
    return vg_fail(VG_EINVAL, "BatchNorm2d: want at least one channel, got %lld",
                   (long long)s->channels);
  if (!(s->eps >= 0) || !(s->momentum >= 0 && s->momentum <= 1))
    return vg_fail(VG_EINVAL, "BatchNorm2d: want eps >= 0 and momentum in 0..1, got %g and %g",
                   s->eps, s->momentum);
  return VG_OK;
}

vg_status vg_batchnorm2d_new(vg_layer *l, vg_context *ctx, const vg_batchnorm2d_spec *spec) {
  const int64_t *c = &spec->channels;
  vg_status st;
  VG_TRY(check(spec));
  *l = (vg_layer){.kind = &kind, .ctx = ctx, .training = true, .spec.batchnorm2d = *spec};
  if (spec->affine) {
    VG_TRY(vg_layer_param(l, WEIGHT, 1, c));
    VG_TRY(vg_layer_param(l, BIAS, 1, c));
  }
  if (spec->track_running_stats) {
    VG_TRY(vg_layer_buffer(l, MEAN, VG_F32, 1, c));
    VG_TRY(vg_layer_buffer(l, VAR, VG_F32, 1, c));
    VG_TRY(vg_layer_buffer(l, BATCHES, VG_I64, 0, NULL));
  }
  VG_TRY(reset(l));
done:
  return st;
}
