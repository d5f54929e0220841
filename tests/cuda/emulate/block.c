#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shim/report.h"
#include "fiber.h"

enum { MOST = 1024, LANES = 32 };
enum { NEW, RUNNING, AT_BARRIER, IN_WARP, READY, DONE };

vg_emulated_thread *vg_emulated_self;
vg_emulated_index vg_emulated_block_index, vg_emulated_block, vg_emulated_grid;

static vg_emulated_thread threads[MOST];
static unsigned order[MOST]; /* in which they start */
static unsigned total, started, done, waiting;
static unsigned ready[MOST], ready_first, ready_count; /* a ring */
static vg_fiber *idle[MOST];
static unsigned idle_count;
static const vg_emulated_launch *launch;
static char *shared;
static size_t shared_room;

static void fail(const char *text) {
  vg_emulated_index b = vg_emulated_block_index,
                    t = vg_emulated_self ? vg_emulated_self->index : (vg_emulated_index){0, 0, 0};
  shim_violation("kernel %s <<<(%u,%u,%u), (%u,%u,%u)>>>, block (%u,%u,%u), thread (%u,%u,%u): %s",
                 launch->kernel, vg_emulated_grid.x, vg_emulated_grid.y, vg_emulated_grid.z,
                 vg_emulated_block.x, vg_emulated_block.y, vg_emulated_block.z, b.x, b.y, b.z, t.x,
                 t.y, t.z, text);
}

static unsigned number(const vg_emulated_thread *t) { return (unsigned)(t - threads); }

unsigned vg_emulated_lane(void) { return number(vg_emulated_self) % LANES; }

static void wake(vg_emulated_thread *t) {
  t->state = READY;
  ready[(ready_first + ready_count++) % MOST] = number(t);
}

static void wait_in(int state) {
  vg_emulated_thread *t = vg_emulated_self;
  t->state = state;
  t->fiber = vg_fiber_self();
  vg_fiber_yield();
}

/* ---- the whole block ---- */

static int combined(int kind) {
  int any = 0, all = 1, count = 0;
  for (unsigned i = 0; i < total; i++) {
    int v = threads[i].value != 0;
    any |= v, all &= v, count += v;
  }
  return kind == VG_SYNC_OR ? any : kind == VG_SYNC_AND ? all : count;
}

int vg_emulated_barrier(int kind, int value) {
  vg_emulated_thread *self = vg_emulated_self;
  if (done) fail("__syncthreads that other threads of the block will never reach: they have left");
  self->kind = kind;
  self->value = (uint64_t)(uint32_t)value;
  if (++waiting < total) {
    wait_in(AT_BARRIER);
    return (int)self->value;
  }
  for (unsigned i = 0; i < total; i++)
    if (threads[i].kind != kind) fail("threads of one block wait in different kinds of barrier");
  value = kind == VG_SYNC ? 0 : combined(kind);
  waiting = 0;
  for (unsigned i = 0; i < total; i++) {
    threads[i].value = (uint64_t)(uint32_t)value;
    if (&threads[i] != self) wake(&threads[i]);
  }
  return value;
}

/* ---- warps ---- */

static uint64_t fold(int kind, uint64_t a, uint64_t b) {
  int32_t sa = (int32_t)a, sb = (int32_t)b;
  switch (kind) {
    case VG_WARP_ADD: return (uint32_t)(a + b);
    case VG_WARP_MIN: return a < b ? a : b;
    case VG_WARP_MAX: return a > b ? a : b;
    case VG_WARP_MIN_SIGNED: return (uint32_t)(sa < sb ? sa : sb);
    case VG_WARP_MAX_SIGNED: return (uint32_t)(sa > sb ? sa : sb);
    case VG_WARP_AND: return a & b;
    case VG_WARP_OR: return a | b;
    default: return a ^ b;
  }
}

/* Lanes of one exchange; a lane that takes no part holds junk, so that its use shows. */
static void complete(vg_emulated_thread *warp, int kind, unsigned mask) {
  uint64_t posted[LANES], all = 0;
  bool first = true;
  for (int i = 0; i < LANES; i++) posted[i] = UINT64_MAX;
  for (unsigned i = 0; i < LANES; i++) {
    if (!(mask >> i & 1) || &warp[i] >= threads + total || warp[i].state == DONE) continue;
    posted[i] = warp[i].value;
    if (kind == VG_WARP_BALLOT)
      all |= (uint64_t)(posted[i] != 0) << i;
    else
      all = first ? posted[i] : fold(kind, all, posted[i]);
    first = false;
  }
  for (unsigned i = 0; i < LANES; i++) {
    if (!(mask >> i & 1) || &warp[i] >= threads + total || warp[i].state == DONE) continue;
    warp[i].value = kind == VG_WARP_SHUFFLE ? posted[warp[i].source % LANES] : all;
    if (&warp[i] == vg_emulated_self)
      warp[i].state = RUNNING;
    else
      wake(&warp[i]);
  }
}

/* Completes the exchange in which t waits if every lane of it is there. */
static bool try_complete(vg_emulated_thread *t) {
  vg_emulated_thread *warp = threads + number(t) / LANES * LANES;
  for (unsigned i = 0; i < LANES; i++) {
    const vg_emulated_thread *o = &warp[i];
    if (!(t->mask >> i & 1) || o >= threads + total || o->state == DONE) continue;
    if (o->state != IN_WARP) return false;
    if (!(o->mask >> number(t) % LANES & 1)) return false; /* busy elsewhere, comes later */
    if (o->mask != t->mask || o->kind != t->kind)
      fail("lanes of one warp that name each other wait in different operations or masks");
  }
  complete(warp, t->kind, t->mask);
  return true;
}

/* A lane that waits for this one in another operation would wait in vain, or worse, not. */
static void expected_otherwise(const vg_emulated_thread *self, int kind, unsigned mask) {
  const vg_emulated_thread *warp = threads + number(self) / LANES * LANES;
  for (unsigned i = 0; i < LANES && &warp[i] < threads + total; i++)
    if (warp[i].state == IN_WARP && (warp[i].mask >> vg_emulated_lane() & 1) && (mask >> i & 1) &&
        (warp[i].mask != mask || warp[i].kind != kind))
      fail("lanes of one warp that name each other wait in different operations or masks");
}

uint64_t vg_emulated_exchange(int kind, unsigned mask, uint64_t value, int source) {
  vg_emulated_thread *self = vg_emulated_self;
  if (!(mask >> vg_emulated_lane() & 1)) fail("a warp operation whose mask lacks the calling lane");
  expected_otherwise(self, kind, mask);
  self->kind = kind;
  self->mask = mask;
  self->value = value;
  self->source = source;
  self->state = IN_WARP;
  if (!try_complete(self)) wait_in(IN_WARP);
  return self->value;
}

/* ---- running ---- */

static void left(vg_emulated_thread *t) {
  vg_emulated_thread *warp = threads + number(t) / LANES * LANES;
  t->state = DONE;
  done++;
  if (waiting) fail("left the kernel while other threads of the block wait in __syncthreads");
  for (unsigned i = 0; i < LANES && &warp[i] < threads + total; i++)
    if (warp[i].state == IN_WARP && try_complete(&warp[i])) break;
}

/* A fiber runs thread after thread; one that must wait keeps the fiber. */
static void work(void) {
  for (;;) {
    while (started < total) {
      vg_emulated_thread *t = &threads[order[started++]];
      vg_emulated_self = t;
      t->state = RUNNING;
      launch->body(launch->arguments);
      left(vg_emulated_self);
    }
    idle[idle_count++] = vg_fiber_self();
    vg_fiber_yield();
  }
}

static void run_block(void) {
  started = done = waiting = ready_count = ready_first = 0;
  for (unsigned i = 0; i < total; i++) threads[i].state = NEW;
  if (launch->shared) memset(shared, 0xff, launch->shared);
  while (done < total) {
    if (started < total) {
      vg_fiber_resume(idle_count ? idle[--idle_count] : vg_fiber_new(work));
    } else if (ready_count) {
      vg_emulated_self = &threads[ready[ready_first]];
      ready_first = (ready_first + 1) % MOST;
      ready_count--;
      vg_emulated_self->state = RUNNING;
      vg_fiber_resume(vg_emulated_self->fiber);
    } else {
      fail("every thread of the block waits for another: barriers inside branches?");
    }
  }
}

static uint64_t mix(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static void choose_order(void) {
  const char *how = getenv("VG_EMULATE_ORDER");
  uint64_t seed = how ? strtoull(how, NULL, 10) : 0;
  for (unsigned i = 0; i < total; i++) {
    threads[i].index.x = i % vg_emulated_block.x;
    threads[i].index.y = i / vg_emulated_block.x % vg_emulated_block.y;
    threads[i].index.z = i / vg_emulated_block.x / vg_emulated_block.y;
    order[i] = how && !strcmp(how, "reverse") ? total - 1 - i : i;
  }
  for (unsigned i = total - 1; seed && i > 0; i--) {
    unsigned j = (unsigned)(mix(&seed) % (i + 1)), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
}

static void make_room(size_t bytes) {
  /* allocated to size, so that the address sanitizer sees the first byte beyond */
  if (bytes == shared_room) return;
  free(shared);
  shared = bytes ? aligned_alloc(128, (bytes + 127) / 128 * 128) : NULL;
  shared_room = bytes;
  if (bytes && !shared) abort();
}

void *vg_emulated_shared(void) {
  if (!launch->shared) fail("dynamic shared memory is used, none was asked for at the launch");
  return shared;
}

void vg_emulated_run(const vg_emulated_launch *l) {
  const char *how = getenv("VG_EMULATE_ORDER");
  uint64_t blocks = (uint64_t)l->grid.x * l->grid.y * l->grid.z;
  launch = l;
  vg_emulated_grid = l->grid;
  vg_emulated_block = l->block;
  total = l->block.x * l->block.y * l->block.z;
  make_room(l->shared);
  choose_order();
  for (uint64_t i = 0; i < blocks; i++) {
    uint64_t b = how ? blocks - 1 - i : i;
    vg_emulated_block_index.x = (unsigned)(b % l->grid.x);
    vg_emulated_block_index.y = (unsigned)(b / l->grid.x % l->grid.y);
    vg_emulated_block_index.z = (unsigned)(b / l->grid.x / l->grid.y);
    run_block();
  }
  launch = NULL;
  vg_emulated_self = NULL;
}
