/* Late updates: groups of large parameters, one kernel and one event of the branch for each. */
#include "cuda/late.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cuda/tensors.h"

enum { GROUPS = 8, MOST = VG_CUDA_TENSORS, ALL = GROUPS, HELD = 4 * MOST + GROUPS };

/* ---- candidates ---- */

typedef struct candidate {
  const void *p, *m, *v;
  int64_t n;
  int group;
  struct {
    const void *start;
    size_t bytes;
  } memory[3]; /* all of p's, m's and v's, of which they may be parts */
} candidate;

typedef struct vg_cuda_updated {
  int n;
  candidate at[MOST];
} updated;

static int64_t least(void) {
  const char *text = getenv("VGG_CUDA_LATE");
  int64_t n = text && *text ? strtoll(text, NULL, 10) : 262144;
  return n > 0 ? n : INT64_MAX;
}

static candidate candidate_of(const vg_optim_slot *s) {
  const vg_tensor *t[3] = {s->p, s->m, s->v};
  candidate c = {vg_data(s->p), vg_data(s->m), vg_data(s->v), vg_physical_n(s->p), 0, {{0}}};
  for (int i = 0; i < 3; i++) {
    c.memory[i].start = t[i]->storage->buf.ptr;
    c.memory[i].bytes = t[i]->storage->buf.bytes;
  }
  return c;
}

static const candidate *known(const updated *u, const candidate *c) {
  for (int i = 0; i < u->n; i++)
    if (u->at[i].p == c->p && u->at[i].m == c->m && u->at[i].v == c->v && u->at[i].n == c->n)
      return &u->at[i];
  return NULL;
}

vg_status vg_cuda_late_updated(vg_device *d, int n, const vg_optim_slot *s) {
  vg_cuda_priv *p = vg_cuda_state(d);
  int64_t large = least();
  if (!p->updated && !(p->updated = vg_calloc(1, sizeof *p->updated))) return VG_ENOMEM;
  for (int i = 0; i < n; i++) {
    candidate c = candidate_of(&s[i]);
    if (c.n < large) continue;
    if (known(p->updated, &c)) p->updated->n = 0; /* the next step begins */
    if (p->updated->n < MOST) p->updated->at[p->updated->n++] = c;
  }
  return VG_OK;
}

/* ---- a recording's groups ---- */

typedef struct group {
  vg_cuda_update update; /* as on the device */
  const void *now;       /* of the numbers, in the step that asks */
  int64_t pieces;
  cudaEvent_t done;
} group;

typedef struct vg_cuda_late {
  bool recording;
  int groups, joined; /* in the capture: how many it has waited for */
  updated of;
  group group[GROUPS];
  struct {
    vg_tensor *t;
    int group;
  } held[HELD]; /* what the lists name */
  int nheld;
  vg_buf lists; /* the updates, on the device */
} late;

/* Groups of about equal size. */
static void divide(late *l) {
  int64_t all = 0, before = 0, share;
  for (int i = 0; i < l->of.n; i++) all += l->of.at[i].n;
  share = (all + GROUPS - 1) / GROUPS;
  for (int i = 0; i < l->of.n; i++) {
    candidate *c = &l->of.at[i];
    int64_t g = before / share;
    if (g >= l->groups) g = l->groups++; /* none is left out */
    c->group = (int)g;
    l->group[g].pieces += vg_cuda_pieces(c->n);
    before += c->n;
  }
}

/* A third of the multiprocessors, or VGG_CUDA_LATE_BLOCKS: convolutions fill one each, and beside
   them there is no room. */
static unsigned blocks_of(const vg_cuda_priv *p, const group *g) {
  const char *text = getenv("VGG_CUDA_LATE_BLOCKS");
  int64_t most = text && *text ? strtoll(text, NULL, 10) : (p->sms + 2) / 3;
  if (most < 1) most = 1;
  return (unsigned)(g->pieces < most ? g->pieces : most);
}

vg_status vg_cuda_late_new(late **out, vg_device *d, struct vg_pool *pool) {
  vg_cuda_priv *p = vg_cuda_state(d);
  late *l;
  vg_status st = VG_OK;
  *out = NULL;
  if (!p->updated || p->updated->n == 0) return VG_OK;
  if (!(l = vg_calloc(1, sizeof *l))) return VG_ENOMEM;
  l->of = *p->updated;
  divide(l);
  VG_TRY(vg_buf_take_from(&l->lists, pool, (size_t)l->groups * sizeof(vg_cuda_update)));
  for (int i = 0; i < l->groups; i++)
    VG_TRY(VG_CUDA(cudaEventCreateWithFlags(&l->group[i].done, cudaEventDisableTiming)));
  *out = l;
  l = NULL;
done:
  vg_cuda_late_free(l);
  return st;
}

vg_status vg_cuda_late_begin(late *l, vg_device *d, const uint64_t *enabled) {
  vg_cuda_priv *p = vg_cuda_state(d);
  vg_status st, launched;
  if (!l) return VG_OK;
  VG_TRY(VG_CUDA(cudaEventRecord(p->fork, vg_cuda_stream(d))));
  VG_TRY(VG_CUDA(cudaStreamWaitEvent(p->side, p->fork, 0)));
  l->recording = true;
  p->late = l;
  for (int i = 0; i < l->groups; i++) {
    group *g = &l->group[i];
    launched = VG_CUDA(vg_cuda_adam_late((const vg_cuda_update *)l->lists.ptr + i, enabled,
                                         blocks_of(p, g), p->side));
    if (launched != VG_OK) l->groups = i + 1; /* the branch comes home, and the capture ends */
    VG_TRY(VG_CUDA(cudaEventRecord(g->done, p->side)));
    VG_TRY(launched);
  }
done:
  return st;
}

void vg_cuda_late_free(late *l) {
  if (!l) return;
  for (int i = 0; i < l->nheld; i++) vg_release(l->held[i].t);
  for (int i = 0; i < l->groups; i++)
    if (l->group[i].done) cudaEventDestroy(l->group[i].done);
  vg_buf_give(&l->lists);
  vg_free(l);
}

/* ---- in a captured step ---- */

/* Waits for groups 0..g. */
static vg_status join(vg_device *d, late *l, int g) {
  vg_status st = VG_OK;
  if (g < l->joined) return VG_OK;
  VG_TRY(VG_CUDA(cudaStreamWaitEvent(vg_cuda_stream(d), l->group[g].done, 0)));
  l->joined = g + 1;
done:
  return st;
}

vg_status vg_cuda_late_join(vg_device *d) {
  late *l = vg_cuda_state(d)->late;
  return l && l->recording ? join(d, l, l->groups - 1) : VG_OK;
}

static void hold(late *l, const vg_tensor *t, int g) {
  l->held[l->nheld].t = vg_retain((vg_tensor *)(uintptr_t)t);
  l->held[l->nheld++].group = g;
}

/* A list that may still take an update with these numbers. */
static bool open_to(vg_device *d, group *g, const void *now) {
  if (g->update.t.n == 0) {
    g->update.numbers = vg_cuda_dynamic_before(d, now);
    g->now = now;
  }
  return g->now == now && g->update.numbers;
}

vg_cuda_tensors *vg_cuda_late_take(vg_device *d, const vg_optim_slot *s, const void *now,
                                   const vg_grad_clip *clip) {
  late *l = vg_cuda_state(d)->late;
  candidate c = candidate_of(s);
  const candidate *k = l && l->recording && now ? known(&l->of, &c) : NULL;
  group *g = k ? &l->group[k->group] : NULL;
  bool last = s->g->storage->buf.lasting && (!clip->squares || clip->squares->storage->buf.lasting);
  if (!g || !last || l->nheld + 5 > HELD || !open_to(d, g, now)) return NULL;
  if (clip->squares && g->update.t.n == 0) hold(l, clip->squares, ALL);
  g->update.clip = vg_cuda_clip_of(clip);
  hold(l, s->p, k->group);
  hold(l, s->g, k->group);
  hold(l, s->m, k->group);
  hold(l, s->v, k->group);
  return &g->update.t;
}

vg_status vg_cuda_late_end(vg_device *d, late *l) {
  vg_status st = VG_OK;
  if (!l) return VG_OK;
  l->recording = false;
  for (int i = 0; i < l->groups; i++)
    VG_TRY(d->be->memory->write(d, (vg_cuda_update *)l->lists.ptr + i, &l->group[i].update,
                                sizeof(vg_cuda_update)));
done:
  return st;
}

bool vg_cuda_late_leaves(const late *l) {
  for (int i = 0; l && i < l->groups; i++)
    if (l->group[i].update.t.n) return true;
  return false;
}

/* ---- doing it before its time ---- */

/* The numbers of the last launch lie where it found them. */
static vg_status do_now(vg_device *d, const group *g) {
  return VG_CUDA(
      vg_cuda_adam(&g->update.t, &(vg_adam_numbers){0}, g->now, g->update.clip, vg_cuda_stream(d)));
}

vg_status vg_cuda_late_flush(vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  late *l = p->late;
  vg_status st;
  VG_TRY(vg_cuda_touch_status(d));
  if (!l || l->recording) return VG_OK;
  p->late = NULL;
  for (int i = 0; i < l->groups; i++) VG_TRY(do_now(d, &l->group[i]));
done:
  return st;
}

static bool within(const void *memory, const void *start, size_t bytes) {
  return (uintptr_t)memory - (uintptr_t)start < bytes;
}

/* A bit for each group whose lists name something in the same memory. */
static unsigned held_groups(const late *l, const void *memory) {
  unsigned groups = 0;
  for (int i = 0; i < l->nheld; i++) {
    const vg_buf *b = &l->held[i].t->storage->buf;
    if (within(memory, b->ptr, b->bytes))
      groups |= l->held[i].group == ALL ? (1u << GROUPS) - 1 : 1u << l->held[i].group;
  }
  return groups;
}

/* The last group with a candidate in the same memory, or -1. */
static int candidate_group(const late *l, const void *memory) {
  int last = -1;
  for (int i = 0; i < l->of.n; i++) {
    const candidate *c = &l->of.at[i];
    for (int k = 0; k < 3; k++)
      if (c->group > last && within(memory, c->memory[k].start, c->memory[k].bytes))
        last = c->group;
  }
  return last;
}

/* The lists of a group name nothing any more. */
static void let_go(late *l, int which) {
  int kept = 0;
  l->group[which].update.t.n = 0;
  for (int i = 0; i < l->nheld; i++) {
    if (l->held[i].group == which)
      vg_release(l->held[i].t);
    else
      l->held[kept++] = l->held[i];
  }
  l->nheld = kept;
}

/* A captured step goes on to use what it has left for later: it is not, then. groups: bits. */
static vg_status settle(vg_device *d, late *l, unsigned groups) {
  vg_status st = VG_OK;
  for (int i = 0; i < l->groups; i++) {
    if (!(groups & 1u << i) || l->group[i].update.t.n == 0) continue;
    VG_TRY(do_now(d, &l->group[i]));
    let_go(l, i);
  }
done:
  return st;
}

vg_status vg_cuda_late_touched(vg_device *d, const void *memory) {
  late *l = vg_cuda_state(d)->late;
  unsigned held = held_groups(l, memory);
  int g;
  if (!l->recording) return held ? vg_cuda_late_flush(d) : VG_OK;
  if (held) return settle(d, l, held);
  g = candidate_group(l, memory);
  return g >= 0 ? join(d, l, g) : VG_OK;
}
