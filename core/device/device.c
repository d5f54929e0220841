/* Contexts and the devices open in them. */
#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "device/pool.h"
#include "device/profile.h"
#include "device/registry.h"
#include "vgglua/backend.h"

static void device_free(vg_device *d) {
  if (!d) return;
  vg_profile_stop(d);
  if (d->be->device->forget) d->be->device->forget(d); /* what it keeps is the pool's */
  vg_pool_free(d->pool);
  if (d->be->device->close) d->be->device->close(d);
  vg_free(d);
}

static vg_status device_new(vg_device **out, vg_context *ctx, const vg_backend *be, int index) {
  vg_device *d = vg_calloc(1, sizeof *d);
  vg_status st;
  if (!d) return VG_ENOMEM;
  d->be = be;
  d->ctx = ctx;
  d->index = index;
  st = be->device->open(d);
  if (st != VG_OK) {
    vg_free(d);
    return st;
  }
  VG_TRY(vg_pool_new(&d->pool, d));
  *out = d;
  d = NULL;
done:
  device_free(d);
  return st;
}

/* Splits "cuda:1" into "cuda" and 1. */
static vg_status parse(const char *text, char *name, size_t n, int *index) {
  const char *colon = strchr(text, ':');
  size_t len = colon ? (size_t)(colon - text) : strlen(text);
  *index = 0;
  if (len >= n) return vg_fail(VG_EDEVICE, "device: unknown device '%s'", text);
  memcpy(name, text, len);
  name[len] = 0;
  if (colon) {
    char *end;
    long i = strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || i < 0 || i > 1023)
      return vg_fail(VG_EDEVICE, "device: '%s' has no number after the colon", text);
    *index = (int)i;
  }
  return VG_OK;
}

/* `device: GPU 3 asked for, 1 GPU present (cuda:0)` */
static vg_status absent(const char *name, int index, int count) {
  bool gpu = !strcmp(name, "cuda");
  char what[40], range[64];
  if (gpu)
    snprintf(what, sizeof what, "GPU %d", index);
  else
    snprintf(what, sizeof what, "%s:%d", name, index);
  if (count > 1)
    snprintf(range, sizeof range, "%s:0 to %s:%d", name, name, count - 1);
  else
    snprintf(range, sizeof range, "%s:0", name);
  return vg_fail(VG_EDEVICE, "device: %s asked for, %d%s present (%s)", what, count,
                 !gpu        ? ""
                 : count > 1 ? " GPUs"
                             : " GPU",
                 range);
}

vg_status vg_device_open(vg_device **out, vg_context *ctx, const char *text) {
  char name[24];
  int index;
  const vg_backend *be;
  vg_status st;
  if (!strcmp(text, "auto"))
    return vg_device_open(out, ctx, "cuda") == VG_OK ? VG_OK : vg_device_open(out, ctx, "cpu");
  VG_TRY(parse(text, name, sizeof name, &index));
  VG_TRY(vg_registry_find(&be, name));
  for (int i = 0; i < ctx->ndevices; i++) {
    *out = ctx->devices[i];
    if (!strcmp((*out)->be->name, be->name) && (*out)->index == index) return VG_OK;
  }
  if (index >= be->device->count()) return absent(name, index, be->device->count());
  if (ctx->ndevices == VG_MAX_DEVICES) return vg_fail(VG_EDEVICE, "device: too many devices open");
  VG_TRY(device_new(out, ctx, be, index));
  ctx->devices[ctx->ndevices++] = *out;
done:
  return st;
}

vg_status vg_context_new(vg_context **out) {
  vg_context *c = vg_calloc(1, sizeof *c);
  vg_device *cpu;
  vg_status st;
  if (!c) return VG_ENOMEM;
  st = vg_device_open(&cpu, c, "cpu");
  if (st != VG_OK) {
    vg_free(c);
    return st;
  }
  *out = c;
  return VG_OK;
}

int64_t vg_context_free(vg_context *ctx) {
  int64_t left;
  if (!ctx) return 0;
  while (ctx->constant_weights > 0) vg_constant_weights_end(ctx);
  left = ctx->live_tensors;
  for (int i = ctx->ndevices - 1; i >= 0; i--) device_free(ctx->devices[i]);
  vg_free(ctx);
  return left;
}

void vg_constant_weights_begin(vg_context *ctx) { ctx->constant_weights++; }

void vg_constant_weights_end(vg_context *ctx) {
  if (ctx->constant_weights == 0 || --ctx->constant_weights > 0) return;
  for (int i = 0; i < ctx->ndevices; i++) {
    vg_device *d = ctx->devices[i];
    if (d->be->device->forget) d->be->device->forget(d);
  }
}

vg_device *vg_cpu(vg_context *ctx) { return ctx->devices[0]; }

vg_device *vg_usual_device(vg_context *ctx) { return ctx->usual ? ctx->usual : vg_cpu(ctx); }

void vg_set_usual_device(vg_device *d) { d->ctx->usual = d; }

vg_status vg_device_synchronise(vg_device *d) {
  return d->be->device->synchronise ? d->be->device->synchronise(d) : VG_OK;
}

vg_status vg_unsupported(const vg_device *d, const char *op) {
  return vg_fail(VG_EUNSUPPORTED, "%s: not implemented by backend '%s'", op, d->be->name);
}

vg_stream vg_next_stream(vg_context *ctx, vg_purpose purpose) {
  return (vg_stream){.seed = ctx->seed, .index = ctx->rng_calls++, .purpose = (uint32_t)purpose};
}

void vg_manual_seed(vg_context *ctx, uint64_t seed) {
  ctx->seed = seed;
  ctx->rng_calls = 0;
}
