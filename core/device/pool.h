/* Caching allocator over a backend's raw memory: freed blocks are kept by size class and handed out
   again, so that a steady loop asks the device for nothing. Counts every byte. */
#ifndef VG_DEVICE_POOL_H
#define VG_DEVICE_POOL_H

#include "device/device.h"

/* A block of device memory; zero-initialised is "none". */
typedef struct vg_buf {
  vg_device *dev;
  void *ptr;
  size_t bytes;         /* capacity, at least what was asked for */
  struct vg_pool *pool; /* where it came from and goes back to */
  bool lasting;         /* see vg_pool_want_lasting */
} vg_buf;

typedef struct vg_pool_stats {
  size_t live, peak, cached; /* bytes in use now, at most, and kept for reuse */
  int64_t live_blocks;
  int64_t taken;            /* requests so far */
  int64_t device_allocs;    /* requests that reached the backend */
  size_t limit, soft_limit; /* 0: none */
} vg_pool_stats;

VG_API vg_status vg_pool_new(struct vg_pool **out, vg_device *dev);
VG_API void vg_pool_free(struct vg_pool *pool); /* gives everything cached back to the device */

/* A pool fed by another one of the same device: what it took stays apart from everybody else's
   memory until it is dropped, at addresses that a captured step or a side stream may rely on. A
   dropped pool ends when its last block was given back. */
VG_API vg_status vg_pool_new_child(struct vg_pool **out, struct vg_pool *parent);
VG_API void vg_pool_drop_child(struct vg_pool *pool); /* NULL is fine */
/* Requests of about so many bytes get blocks that nobody had before while the device's pool is a
   child, until the next call; 0: none. What outlives a captured step (gradients) lies there until
   its next launch. */
VG_API void vg_pool_want_lasting(vg_device *dev, size_t bytes);

/* Takes a block for at least `bytes`. VG_ENOMEM when the limit or the device refuses, after cached
   blocks were given back. */
VG_API vg_status vg_buf_take(vg_buf *out, vg_device *dev, size_t bytes);
VG_API vg_status vg_buf_take_from(vg_buf *out, struct vg_pool *pool, size_t bytes);
/* Makes `b` hold at least `bytes`; the contents are lost when it has to grow. */
VG_API vg_status vg_buf_reserve(vg_buf *b, vg_device *dev, size_t bytes);
VG_API void vg_buf_give(vg_buf *b); /* returns it to its pool and zeroes *b; none is fine */

VG_API vg_pool_stats vg_pool_statistics(const vg_device *dev);
VG_API void vg_pool_reset_peak(vg_device *dev);
VG_API void vg_pool_set_limit(vg_device *dev, size_t limit, size_t soft_limit);
/* Tells the pool that unreachable handles were just collected: the next request to collect
   (vg_context.want_collect) comes when half as much again is in use, at least 256 MB more, and not
   below the soft limit. */
VG_API void vg_pool_collected(vg_device *dev);
VG_API void vg_pool_trim(vg_device *dev); /* gives cached blocks back to the device */

#endif
