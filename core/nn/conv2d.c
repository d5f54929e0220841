/* Conv2d: weight out x in/groups x R x S, bias out. */
#include "nn/layer.h"

#include <stdio.h>

static const char *const names[] = {"weight", "bias", NULL};

static vg_status reset(vg_layer *l) {
  const vg_conv2d_spec *s = &l->spec.conv2d;
  int64_t fan_in = s->in / s->conv.groups * s->kernel[0] * s->kernel[1];
  vg_status st;
  VG_TRY(vg_layer_uniform(l, 0, fan_in));
  VG_TRY(vg_layer_uniform(l, 1, fan_in));
done:
  return st;
}

static vg_status forward(vg_tensor **y, vg_layer *l, vg_tensor *x, const vg_layer_then *then) {
  (void)then;
  return vg_conv2d_op(y, x, l->tensor[0], l->tensor[1], &l->spec.conv2d.conv);
}

static void pair(vg_layer_text *t, const char *name, const int v[2], int usual) {
  if (v[0] == usual && v[1] == usual) return;
  if (v[0] == v[1])
    vg_layer_say(t, "%s %d", name, v[0]);
  else
    vg_layer_say(t, "%s %dx%d", name, v[0], v[1]);
}

static void describe(const vg_layer *l, vg_layer_text *t) {
  const vg_conv2d_spec *s = &l->spec.conv2d;
  snprintf(t->what, sizeof t->what, "%lld -> %lld", (long long)s->in, (long long)s->out);
  pair(t, "kernel", s->kernel, 0);
  pair(t, "stride", s->conv.stride, 1);
  pair(t, "pad", s->conv.pad, 0);
  pair(t, "dilation", s->conv.dilation, 1);
  if (s->conv.groups != 1) vg_layer_say(t, "groups %d", s->conv.groups);
  if (!s->bias) vg_layer_say(t, "no bias");
}

static const vg_layer_kind kind = {.name = "Conv2d",
                                   .tensors = names,
                                   .nparams = 2,
                                   .reset = reset,
                                   .forward = forward,
                                   .describe = describe};

static vg_status check(const vg_conv2d_spec *s) {
  if (s->in < 1 || s->out < 1)
    return vg_fail(VG_EINVAL, "Conv2d: want at least one channel, got %lld -> %lld",
                   (long long)s->in, (long long)s->out);
  for (int d = 0; d < 2; d++)
    if (s->kernel[d] < 1 || s->conv.stride[d] < 1 || s->conv.dilation[d] < 1 || s->conv.pad[d] < 0)
      return vg_fail(VG_EINVAL, "Conv2d: kernel %d stride %d dilation %d pad %d is not possible",
                     s->kernel[d], s->conv.stride[d], s->conv.dilation[d], s->conv.pad[d]);
  if (s->conv.groups < 1 || s->in % s->conv.groups || s->out % s->conv.groups)
    return vg_fail(VG_EINVAL, "Conv2d: %d groups do not divide %lld -> %lld channels",
                   s->conv.groups, (long long)s->in, (long long)s->out);
  return VG_OK;
}

vg_status vg_conv2d_new(vg_layer *l, vg_context *ctx, const vg_conv2d_spec *spec) {
  vg_status st;
  VG_TRY(check(spec));
  *l = (vg_layer){.kind = &kind, .ctx = ctx, .training = true, .spec.conv2d = *spec};
  VG_TRY(vg_layer_param(
      l, 0, 4,
      (int64_t[]){spec->out, spec->in / spec->conv.groups, spec->kernel[0], spec->kernel[1]}));
  if (spec->bias) VG_TRY(vg_layer_param(l, 1, 1, &spec->out));
  VG_TRY(reset(l));
done:
  return st;
}
