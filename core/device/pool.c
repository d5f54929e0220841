/* Size classes: eight per power of two, so at most 12.5 % is wasted and a repeated sequence of
   requests always finds the blocks of its last round. Block headers are host memory: device memory
   is opaque. */
#include "device/pool.h"

#include "base/alloc.h"
#include "vgglua/backend.h"

enum { CLASSES = 8 * 48, MIN_BLOCK = 512, COLLECT_STEP = 256 << 20 };

typedef struct block {
  void *ptr;
  struct block *next;
} block;

typedef struct vg_pool {
  vg_device *dev;
  struct vg_pool *parent; /* NULL: blocks come from the device */
  bool dropped;           /* a child that waits for its last block */
  int lasting;            /* 1 + the size class of blocks to last; 0: none */
  block *free[CLASSES];
  block *spare; /* headers without a block */
  vg_pool_stats stats;
  size_t collect_at; /* bytes in use that ask for a collection */
} vg_pool;

/* Class index of a request and the size every block of that class has. */
static int size_class(size_t bytes, size_t *rounded) {
  size_t b = bytes < MIN_BLOCK ? MIN_BLOCK : bytes;
  int octave = 63 - __builtin_clzll(b - 1);
  size_t base = (size_t)1 << octave, step = base / 8,
         eighth = (b - base + step - 1) / step; /* 1..8 */
  *rounded = base + step * eighth;
  return (octave - 8) * 8 + (int)eighth - 1;
}

static size_t class_bytes(int cls) {
  size_t base = (size_t)1 << (cls / 8 + 8);
  return base + base / 8 * (size_t)(cls % 8 + 1);
}

vg_status vg_pool_new(vg_pool **out, vg_device *dev) {
  vg_pool *p = vg_calloc(1, sizeof *p);
  if (!p) return VG_ENOMEM;
  p->dev = dev;
  p->collect_at = COLLECT_STEP;
  *out = p;
  return VG_OK;
}

vg_status vg_pool_new_child(vg_pool **out, vg_pool *parent) {
  vg_status st;
  VG_TRY(vg_pool_new(out, parent->dev));
  (*out)->parent = parent;
  (*out)->collect_at = SIZE_MAX; /* its blocks count as the parent's */
done:
  return st;
}

/* To where the pool has its blocks from. */
static void give_back(vg_pool *p, void *ptr, size_t bytes) {
  vg_buf b = {.dev = p->dev, .ptr = ptr, .bytes = bytes, .pool = p->parent};
  if (p->parent)
    vg_buf_give(&b);
  else
    p->dev->be->memory->free(p->dev, ptr, bytes);
}

static void push(vg_pool *p, int cls, void *ptr, size_t bytes) {
  block *b = p->spare;
  if (b) {
    p->spare = b->next;
  } else if (!(b = vg_alloc(sizeof *b))) {
    give_back(p, ptr, bytes); /* no header: do without caching */
    return;
  }
  b->ptr = ptr;
  b->next = p->free[cls];
  p->free[cls] = b;
  p->stats.cached += bytes;
}

static void *pop(vg_pool *p, int cls, size_t bytes) {
  block *b = p->free[cls];
  if (!b) return NULL;
  p->free[cls] = b->next;
  b->next = p->spare;
  p->spare = b;
  p->stats.cached -= bytes;
  return b->ptr;
}

static void trim(vg_pool *p) {
  for (int cls = 0; cls < CLASSES; cls++) {
    size_t bytes = class_bytes(cls);
    void *ptr;
    while ((ptr = pop(p, cls, bytes))) give_back(p, ptr, bytes);
  }
}

/* What a captured step had stays with it: it must not come back as memory that nobody had. */
void vg_pool_trim(vg_device *dev) {
  if (!dev->pool->parent) trim(dev->pool);
}

void vg_pool_free(vg_pool *p) {
  block *b;
  if (!p) return;
  trim(p);
  while ((b = p->spare)) {
    p->spare = b->next;
    vg_free(b);
  }
  vg_free(p);
}

void vg_pool_want_lasting(vg_device *dev, size_t bytes) {
  size_t rounded;
  if (dev->pool->parent) dev->pool->lasting = bytes ? 1 + size_class(bytes, &rounded) : 0;
}

void vg_pool_drop_child(vg_pool *p) {
  if (!p) return;
  p->dropped = true;
  if (p->stats.live_blocks == 0)
    vg_pool_free(p);
  else
    trim(p);
}

static void *from_parent(vg_pool *p, size_t bytes) {
  vg_buf b;
  return vg_buf_take_from(&b, p->parent, bytes) == VG_OK ? b.ptr : NULL;
}

static void *from_device(vg_pool *p, size_t bytes) {
  void *ptr;
  if (p->parent) return from_parent(p, bytes);
  if (p->stats.limit && p->stats.live + p->stats.cached + bytes > p->stats.limit) trim(p);
  if (p->stats.limit && p->stats.live + bytes > p->stats.limit) return NULL;
  p->stats.device_allocs++;
  ptr = p->dev->be->memory->alloc(p->dev, bytes);
  if (ptr) return ptr;
  trim(p);
  return p->dev->be->memory->alloc(p->dev, bytes);
}

static vg_status refuse(const vg_pool *p, size_t bytes) {
  const double mb = 1.0 / (1 << 20);
  if (p->parent) return VG_ENOMEM; /* which has said why */
  if (p->stats.limit)
    return vg_fail(
        VG_ENOMEM, "memory: %.1f MB more on %s would pass the limit of %.1f MB (%.1f MB in use)",
        (double)bytes * mb, p->dev->name, (double)p->stats.limit * mb, (double)p->stats.live * mb);
  return vg_fail(VG_ENOMEM, "memory: %s has no room for %.1f MB more (%.1f MB in use)",
                 p->dev->name, (double)bytes * mb, (double)p->stats.live * mb);
}

vg_status vg_buf_take(vg_buf *out, vg_device *dev, size_t bytes) {
  return vg_buf_take_from(out, dev->pool, bytes);
}

vg_status vg_buf_take_from(vg_buf *out, vg_pool *p, size_t bytes) {
  vg_device *dev = p->dev;
  size_t rounded;
  int cls;
  bool lasting;
  void *ptr;
  if (bytes > (size_t)1 << 46) return refuse(p, bytes);
  cls = size_class(bytes, &rounded);
  lasting = p->lasting == 1 + cls;
  ptr = lasting ? NULL : pop(p, cls, rounded);
  if (!ptr) ptr = from_device(p, rounded);
  if (!ptr) return refuse(p, rounded);
  p->stats.taken++;
  p->stats.live += rounded;
  p->stats.live_blocks++;
  if (p->stats.live > p->stats.peak) p->stats.peak = p->stats.live;
  if (p->stats.live > p->collect_at) dev->ctx->want_collect = true;
  *out = (vg_buf){.dev = dev, .ptr = ptr, .bytes = rounded, .pool = p, .lasting = lasting};
  return VG_OK;
}

vg_status vg_buf_reserve(vg_buf *b, vg_device *dev, size_t bytes) {
  if (b->ptr && b->bytes >= bytes) return VG_OK;
  vg_buf_give(b);
  return vg_buf_take(b, dev, bytes);
}

void vg_buf_give(vg_buf *b) {
  size_t rounded;
  if (!b->ptr) return;
  vg_pool *p = b->pool;
  p->stats.live -= b->bytes;
  p->stats.live_blocks--;
  if (p->dropped)
    give_back(p, b->ptr, b->bytes);
  else
    push(p, size_class(b->bytes, &rounded), b->ptr, b->bytes);
  *b = (vg_buf){0};
  if (p->dropped && p->stats.live_blocks == 0) vg_pool_free(p);
}

vg_pool_stats vg_pool_statistics(const vg_device *dev) { return dev->pool->stats; }
void vg_pool_reset_peak(vg_device *dev) { dev->pool->stats.peak = dev->pool->stats.live; }
void vg_pool_set_limit(vg_device *dev, size_t limit, size_t soft_limit) {
  dev->pool->stats.limit = limit;
  dev->pool->stats.soft_limit = soft_limit;
  dev->pool->collect_at = soft_limit ? soft_limit : COLLECT_STEP;
}

void vg_pool_collected(vg_device *dev) {
  vg_pool *p = dev->pool;
  size_t live = p->stats.live, step = live / 2 > COLLECT_STEP ? live / 2 : COLLECT_STEP;
  p->collect_at = live + (p->stats.soft_limit ? live / 2 : step);
  if (p->collect_at < p->stats.soft_limit) p->collect_at = p->stats.soft_limit;
}
