/* Handles: what is alive, what was destroyed, what leaked. */
#include <stdio.h>
#include <stdlib.h>

#include "shim.h"

static const uint64_t LIVE = 0x76676c7561617665u, DEAD = 0x6465616464656164u;
static const char *const names[SHIM_KINDS] = {"stream",
                                              "event",
                                              "graph",
                                              "executable graph",
                                              "cublasLt handle",
                                              "matrix layout",
                                              "matmul descriptor",
                                              "matmul preference",
                                              "cuDNN handle",
                                              "cuDNN descriptor",
                                              "cuDNN tensor descriptor",
                                              "cuDNN filter descriptor",
                                              "cuDNN convolution descriptor"};

enum { GRAVES = 8192 };

static shim_object *alive;
static shim_object *dead[GRAVES]; /* a ring; what is overwritten in it is freed */
static int next_grave;

void *shim_object_new(shim_kind kind, size_t bytes, const char *made_by) {
  shim_object *o = calloc(1, bytes);
  if (!o) abort();
  *o = (shim_object){.magic = LIVE, .kind = kind, .next = alive, .made_by = made_by};
  if (alive) alive->previous = o;
  alive = o;
  return o;
}

void *shim_live(const void *object, shim_kind kind, const char *call) {
  shim_object *o = (shim_object *)(uintptr_t)object;
  if (!o) shim_violation("%s: NULL instead of a %s", call, names[kind]);
  if (o->magic == DEAD && o->kind == kind)
    shim_violation("%s: a %s that was destroyed already", call, names[kind]);
  if (o->magic != LIVE || o->kind != kind)
    shim_violation("%s: %p is no %s", call, object, names[kind]);
  return o;
}

static void bury(shim_object *o) {
  shim_object *old = dead[next_grave];
  dead[next_grave] = o;
  next_grave = (next_grave + 1) % GRAVES;
  if (!old) return;
  if (old->references) { /* a living one still needs it */
    bury(old);
    return;
  }
  if (old->free_parts) old->free_parts(old);
  free(old);
}

void shim_object_end(void *object, shim_kind kind, const char *call) {
  shim_object *o = shim_live(object, kind, call);
  if (o->next) o->next->previous = o->previous;
  if (o->previous)
    o->previous->next = o->next;
  else
    alive = o->next;
  o->magic = DEAD;
  o->next = o->previous = NULL;
  bury(o);
}

size_t shim_live_bytes(int *count); /* memory.c */

const char *shim_leaks(void) {
  static char text[600];
  size_t len = 0;
  int blocks, count[SHIM_KINDS] = {0};
  size_t bytes = shim_live_bytes(&blocks);
  for (shim_object *o = alive; o; o = o->next) count[o->kind]++;
  for (int k = 0; k < SHIM_KINDS; k++)
    if (count[k] && len < sizeof text)
      len += (size_t)snprintf(text + len, sizeof text - len, "%s%d x %s", len ? ", " : "", count[k],
                              names[k]);
  if (blocks && len < sizeof text)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%zu bytes in %d allocations",
                            len ? ", " : "", bytes, blocks);
  return len ? text : NULL;
}
