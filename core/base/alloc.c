/* Small-block free lists over malloc. Each block carries a 16-byte header (size class, size); lists
   are global behind one spin lock: allocation is rare next to kernels, and states may live in
   threads. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CLASSES = 9, SMALLEST = 16, LARGEST = 4096, HEAD = 64, BATCH_BYTES = 64 * 1024 };

typedef struct head {
  uint32_t cls; /* CLASSES for a large block */
  uint32_t magic;
  size_t bytes;
  struct head *next; /* while free */
} head;

_Static_assert(sizeof(head) <= HEAD, "the header must keep blocks aligned");

static const uint32_t MAGIC = 0x76676c62u;
static head *lists[CLASSES];
static atomic_flag lock = ATOMIC_FLAG_INIT;
static atomic_int_fast64_t live_blocks, live_bytes, system_calls, fail_after;

static void acquire(void) {
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) {}
}

static void unlock(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

static bool should_fail(void) {
  if (atomic_load_explicit(&fail_after, memory_order_relaxed) <= 0) return false;
  return atomic_fetch_sub(&fail_after, 1) == 1;
}

__attribute__((constructor)) static void read_environment(void) {
  const char *n = getenv("VG_FAIL_ALLOC");
  if (n) atomic_store(&fail_after, atoll(n));
}

static void *from_system(size_t bytes) {
  atomic_fetch_add(&system_calls, 1);
  return bytes > SIZE_MAX - 63 ? NULL : aligned_alloc(64, (bytes + 63) & ~(size_t)63);
}

static uint32_t class_of(size_t bytes) {
  uint32_t c = 0;
  while (((size_t)SMALLEST << c) < bytes) c++;
  return c;
}

#ifdef VG_NO_BLOCK_CACHE
/* Sanitizer builds: every block straight from the system, so that overruns are seen. */
static bool refill(uint32_t c) {
  head *h = from_system(HEAD + ((size_t)SMALLEST << c));
  if (!h) return false;
  h->next = NULL;
  lists[c] = h;
  return true;
}
#else
static bool refill(uint32_t c) {
  size_t unit = (HEAD + ((size_t)SMALLEST << c) + 63) & ~(size_t)63;
  size_t count = BATCH_BYTES / unit;
  char *slab = from_system(unit * count);
  if (!slab) return false;
  for (size_t i = 0; i < count; i++) {
    head *h = (head *)(void *)(slab + i * unit);
    h->next = lists[c];
    lists[c] = h;
  }
  return true;
}
#endif

static head *small_block(uint32_t c) {
  head *h;
  acquire();
  if (!lists[c] && !refill(c)) {
    unlock();
    return NULL;
  }
  h = lists[c];
  lists[c] = h->next;
  unlock();
  return h;
}

void *vg_alloc(size_t bytes) {
  bool small = bytes <= LARGEST;
  uint32_t c = small ? class_of(bytes) : CLASSES;
  head *h = NULL;
  if (!should_fail() && bytes <= SIZE_MAX / 2)
    h = small ? small_block(c) : from_system(HEAD + bytes);
  if (!h) {
    vg_fail(VG_ENOMEM, "memory: no room for %zu bytes", bytes);
    return NULL;
  }
  h->cls = c;
  h->magic = MAGIC;
  h->bytes = bytes;
  atomic_fetch_add(&live_blocks, 1);
  atomic_fetch_add(&live_bytes, (int64_t)bytes);
  return (char *)h + HEAD;
}

void *vg_calloc(size_t count, size_t bytes) {
  void *p;
  if (bytes && count > SIZE_MAX / bytes) {
    vg_fail(VG_ENOMEM, "memory: no room for %zu times %zu bytes", count, bytes);
    return NULL;
  }
  p = vg_alloc(count * bytes);
  if (p) memset(p, 0, count * bytes);
  return p;
}

void vg_free(void *p) {
  head *h;
  if (!p) return;
  h = (head *)(void *)((char *)p - HEAD);
  VG_ASSERT(h->magic == MAGIC);
  h->magic = 0;
  atomic_fetch_sub(&live_blocks, 1);
  atomic_fetch_sub(&live_bytes, (int64_t)h->bytes);
#ifdef VG_NO_BLOCK_CACHE
  free(h);
#else
  if (h->cls >= CLASSES) {
    free(h);
    return;
  }
  acquire();
  h->next = lists[h->cls];
  lists[h->cls] = h;
  unlock();
#endif
}

void *vg_realloc(void *p, size_t bytes) {
  void *q;
  size_t old;
  if (!p) return vg_alloc(bytes);
  old = ((head *)(void *)((char *)p - HEAD))->bytes;
  q = vg_alloc(bytes);
  if (!q) return NULL;
  memcpy(q, p, old < bytes ? old : bytes);
  vg_free(p);
  return q;
}

char *vg_strdup(const char *s) {
  size_t n = strlen(s) + 1;
  char *copy = vg_alloc(n);
  if (copy) memcpy(copy, s, n);
  return copy;
}

static size_t page_round(size_t bytes) {
  size_t page = bytes >= ((size_t)2 << 20) ? (size_t)2 << 20 : 4096;
  return (bytes + page - 1) & ~(page - 1);
}

void *vg_pages_alloc(size_t bytes) {
  const size_t huge = (size_t)2 << 20;
  size_t want = page_round(bytes ? bytes : 1), span = want >= huge ? want + huge : want;
  char *p;
  size_t skip;
  if (should_fail() || bytes > SIZE_MAX / 4) goto none;
  atomic_fetch_add(&system_calls, 1);
  p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) goto none;
  if (span == want) return p;
  skip = (huge - ((uintptr_t)p & (huge - 1))) & (huge - 1); /* trim to a huge-page boundary */
  if (skip) munmap(p, skip);
  if (huge - skip) munmap(p + skip + want, huge - skip);
  madvise(p + skip, want, MADV_HUGEPAGE);
  return p + skip;
none:
  vg_fail(VG_ENOMEM, "memory: no room for %zu bytes", bytes);
  return NULL;
}

void vg_pages_free(void *p, size_t bytes) {
  if (p) munmap(p, page_round(bytes ? bytes : 1));
}

vg_alloc_stats vg_alloc_statistics(void) {
  vg_alloc_stats s = {.live_blocks = atomic_load(&live_blocks),
                      .live_bytes = atomic_load(&live_bytes),
                      .system_calls = atomic_load(&system_calls)};
#ifndef VG_NO_BLOCK_CACHE
  s.caching = true;
#endif
  return s;
}

void vg_alloc_fail_after(int64_t n) { atomic_store(&fail_after, n); }
