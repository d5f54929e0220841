/* Linear: weight out x in, bias out. */
#include "nn/layer.h"

#include <stdio.h>

static const char *const names[] = {"weight", "bias", NULL};

static vg_status reset(vg_layer *l) {
  vg_status st;
  VG_TRY(vg_layer_uniform(l, 0, l->spec.linear.in));
  VG_TRY(vg_layer_uniform(l, 1, l->spec.linear.in));
done:
  return st;
}

static vg_status forward(vg_tensor **y, vg_layer *l, vg_tensor *x, const vg_layer_then *then) {
  (void)then;
  return vg_linear(y, x, l->tensor[0], l->tensor[1]);
}

static void describe(const vg_layer *l, vg_layer_text *t) {
  const vg_linear_spec *s = &l->spec.linear;
  snprintf(t->what, sizeof t->what, "%lld -> %lld", (long long)s->in, (long long)s->out);
  if (!s->bias) vg_layer_say(t, "no bias");
}

static const vg_layer_kind kind = {.name = "Linear",
                                   .tensors = names,
                                   .nparams = 2,
                                   .reset = reset,
                                   .forward = forward,
                                   .describe = describe};

vg_status vg_linear_new(vg_layer *l, vg_context *ctx, const vg_linear_spec *spec) {
  vg_status st = VG_OK;
  if (spec->in < 1 || spec->out < 1)
    return vg_fail(VG_EINVAL, "Linear: want at least one feature, got %lld -> %lld",
                   (long long)spec->in, (long long)spec->out);
  *l = (vg_layer){.kind = &kind, .ctx = ctx, .training = true, .spec.linear = *spec};
  VG_TRY(vg_layer_param(l, 0, 2, (int64_t[]){spec->out, spec->in}));
  if (spec->bias) VG_TRY(vg_layer_param(l, 1, 1, &spec->out));
  VG_TRY(reset(l));
done:
  return st;
}
