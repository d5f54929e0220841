/* An entry holds its weight, so that no other tensor can come to lie at its address, and knows its
   version, so that a change in place makes it worthless. */
#include "cpu/kept.h"

#include "base/alloc.h"

enum { MOST_ENTRIES = 256 };
static const size_t MOST_BYTES = (size_t)1 << 30;

typedef struct entry {
  vg_tensor *w;
  uint32_t version;
  int form;
  vg_buf memory;
  struct entry *next;
} entry;

typedef struct table {
  entry *first;
  int entries;
  size_t bytes;
} table;

static void clear(table *t) {
  for (entry *e = t->first, *next; e; e = next) {
    next = e->next;
    vg_buf_give(&e->memory);
    vg_release(e->w);
    vg_free(e);
  }
  *t = (table){0};
}

static void forget(vg_device *d) {
  vg_cpu_priv *p = vg_cpu_state(d);
  if (p->kept) clear(p->kept);
  vg_free(p->kept);
  p->kept = NULL;
}

static bool same(const vg_tensor *a, const vg_tensor *b) {
  return a->storage == b->storage && a->offset == b->offset && vg_same_shape(a, b);
}

static entry *add(vg_device *d, table *t, vg_tensor *w, int form, size_t bytes) {
  entry *e;
  if (t->entries == MOST_ENTRIES || t->bytes + bytes > MOST_BYTES) return NULL;
  if (!(e = vg_calloc(1, sizeof *e))) return NULL;
  if (vg_buf_take(&e->memory, d, bytes) != VG_OK) {
    vg_free(e);
    return NULL;
  }
  e->w = vg_retain(w);
  e->form = form;
  e->next = t->first;
  t->first = e;
  t->entries++;
  t->bytes += bytes;
  return e;
}

vg_kept vg_cpu_keep(vg_device *d, vg_tensor *w, int form, size_t bytes) {
  vg_cpu_priv *p = vg_cpu_state(d);
  vg_kept out = {NULL, false};
  table *t;
  entry *e;
  if (!w || !d->ctx->constant_weights || p->plan) return out;
  if (!p->kept && !(p->kept = vg_calloc(1, sizeof(table)))) return out;
  vg_cpu_forget = forget;
  t = p->kept;
  for (e = t->first; e && !(e->form == form && same(e->w, w)); e = e->next) {}
  out.ready = e && e->version == w->storage->version;
  if (!e) e = add(d, t, w, form, bytes);
  if (!e || e->memory.bytes < bytes) return (vg_kept){NULL, false};
  e->version = w->storage->version;
  out.data = e->memory.ptr;
  return out;
}
