/* The only malloc in the tree. Small blocks (up to 4 KiB) come from size-class free lists, so that
   a steady training loop asks the system for nothing; large ones go to the system and are counted.
 */
#ifndef VG_BASE_ALLOC_H
#define VG_BASE_ALLOC_H

#include "base/status.h"

typedef struct vg_alloc_stats {
  int64_t live_blocks; /* blocks handed out and not freed */
  int64_t live_bytes;  /* their bytes */
  int64_t
      system_calls; /* requests made to the system allocator since start, device pools included */
  bool caching;     /* small blocks are kept for reuse; not so in instrumented builds */
} vg_alloc_stats;

/* `bytes` of memory, 64-byte aligned when 64 or more are asked for; NULL with vg_error() set when
   there is none. bytes == 0 gives a valid unique pointer. */
VG_API void *vg_alloc(size_t bytes);
VG_API void *vg_calloc(size_t count, size_t bytes); /* zeroed, overflow-checked */
VG_API void *vg_realloc(void *p, size_t bytes);
VG_API void vg_free(void *p); /* NULL is fine */
VG_API char *vg_strdup(const char *s);

/* Page-aligned memory for tensors, huge pages where they help; freed with vg_pages_free. */
VG_API void *vg_pages_alloc(size_t bytes);
VG_API void vg_pages_free(void *p, size_t bytes);

VG_API vg_alloc_stats vg_alloc_statistics(void);

/* Test hook: the n-th request from now fails (1 = the next); 0 switches it off. Also VG_FAIL_ALLOC.
 */
VG_API void vg_alloc_fail_after(int64_t n);

#endif
