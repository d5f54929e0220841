/* Device memory: pages of an own range of addresses, with a gap after every allocation and never
   used twice, filled with NaNs, and locked for host code by a memory protection key where the
   processor has them. Pinned memory: ordinary memory in a list. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { PAGE = 4096, CANARY = 0xc5 };
static const size_t RANGE = (size_t)1 << 42; /* of addresses, not of memory */

typedef struct piece {
  struct piece *next;
  char *start;
  size_t bytes, pages; /* asked for; the length in memory */
  bool freed;
} piece;

static piece *pieces; /* device memory by address; the freed ones stay for messages */
static size_t npieces, pieces_room;
static piece *pinned; /* a list */
static char *range, *fresh;
static int key = -1, depth;
static size_t live_bytes;
static int live_count;
static struct sigaction previous;

size_t shim_live_bytes(int *count);
size_t shim_live_bytes(int *count) {
  *count = live_count;
  return live_bytes;
}

/* ---- the lock on device memory ---- */

static void set_access(bool allowed) {
  if (key >= 0) pkey_set(key, allowed ? 0 : PKEY_DISABLE_ACCESS);
}

void shim_device_begin(void) {
  if (depth++ == 0) set_access(true);
}

void shim_device_end(void) {
  if (--depth == 0) set_access(false);
}

static void on_fault(int number, siginfo_t *info, void *context) {
  char *at = info->si_addr;
  if (range && at >= range && at < range + RANGE)
    shim_violation(depth ? "device code touched %p, which is in no live allocation"
                         : "host code touched device memory at %p",
                   (void *)at);
  if (previous.sa_flags & SA_SIGINFO)
    previous.sa_sigaction(number, info, context);
  else
    signal(number, SIG_DFL); /* faults again, for good */
}

static void reserve(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  if (range) return;
  range = mmap(NULL, RANGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) shim_violation("no address range for device memory");
  fresh = range;
  key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
  sigaction(SIGSEGV, &action, &previous);
}

/* ---- finding ---- */

static bool holds(const piece *b, const void *p) {
  return (const char *)p >= b->start && (const char *)p < b->start + b->pages;
}

static piece *find_pinned(const void *p) {
  piece *b = pinned;
  while (b && !holds(b, p)) b = b->next;
  return b;
}

/* Addresses only grow, so the list is sorted. */
static piece *find_device(const void *p) {
  size_t low = 0, high = npieces;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (holds(&pieces[middle], p)) return &pieces[middle];
    if ((const char *)p < pieces[middle].start)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

shim_place shim_place_of(const void *p) {
  if (range && (const char *)p >= range && (const char *)p < range + RANGE) return SHIM_DEVICE;
  return find_pinned(p) ? SHIM_PINNED : SHIM_HOST;
}

void shim_check_device(const void *p, size_t bytes, size_t align, const char *call,
                       const char *what) {
  const piece *b;
  size_t from;
  if (!p) shim_violation("%s: %s is NULL", call, what);
  if (shim_place_of(p) != SHIM_DEVICE)
    shim_violation("%s: %s = %p is not device memory", call, what, p);
  b = find_device(p);
  if (!b) shim_violation("%s: %s = %p was never allocated", call, what, p);
  if (b->freed) shim_violation("%s: %s = %p was freed", call, what, p);
  from = (size_t)((const char *)p - b->start);
  if (from > b->bytes || bytes > b->bytes - from)
    shim_violation("%s: %s = %p: %zu bytes, but its allocation of %zu ends %zu bytes from there",
                   call, what, p, bytes, b->bytes, from > b->bytes ? 0 : b->bytes - from);
  if (align && (uintptr_t)p % align)
    shim_violation("%s: %s = %p is not aligned to %zu bytes", call, what, p, align);
}

void shim_check_pointer(const void *p, const char *kernel, int argument) {
  char what[32];
  if (!p || shim_place_of(p) == SHIM_PINNED) return;
  snprintf(what, sizeof what, "pointer argument %d", argument + 1);
  shim_check_device(p, 0, 0, kernel, what);
}

void shim_check_word(uint64_t word, const char *kernel, int argument) {
  const void *p = (const void *)(uintptr_t)word;
  if (word < 0x500000000000u || word >= 0x800000000000u) return; /* not like a host's */
  if ((uint32_t)word < PAGE) return; /* a small number, and padding with what was there before */
  if (shim_place_of(p) == SHIM_HOST)
    shim_violation("%s: argument %d holds %p, an address of the host", kernel, argument + 1, p);
  shim_check_pointer(p, kernel, argument);
}

/* ---- device memory ---- */

static size_t limit(void) {
  const char *text = getenv("VG_SHIM_MEMORY");
  return text ? (size_t)strtoull(text, NULL, 10) : (size_t)16 << 30;
}

static void note(piece b) {
  if (npieces == pieces_room) {
    pieces_room = pieces_room ? 2 * pieces_room : 256;
    pieces = realloc(pieces, pieces_room * sizeof *pieces);
    if (!pieces) abort();
  }
  pieces[npieces++] = b;
  live_bytes += b.bytes;
  live_count++;
}

static cudaError_t allocate(void **out, size_t bytes) {
  size_t pages = (bytes + PAGE - 1) / PAGE * PAGE;
  char *p;
  reserve();
  if (!bytes) {
    *out = NULL;
    return cudaSuccess;
  }
  if (bytes > limit() || live_bytes > limit() - bytes) return cudaErrorMemoryAllocation;
  p = fresh;
  fresh += pages + PAGE;
  if (fresh > range + RANGE) shim_violation("the address range of device memory is used up");
  if (mprotect(p, pages, PROT_READ | PROT_WRITE)) return cudaErrorMemoryAllocation;
  memset(p, 0xff, bytes);
  memset(p + bytes, CANARY, pages - bytes);
  if (key >= 0) pkey_mprotect(p, pages, PROT_READ | PROT_WRITE, key);
  ASAN_POISON_MEMORY_REGION(p + bytes, pages - bytes);
  note((piece){.start = p, .bytes = bytes, .pages = pages});
  *out = p;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
  cudaError_t e;
  if (!out) shim_violation("cudaMalloc: NULL for the result");
  shim_lock();
  shim_not_while_capturing("cudaMalloc");
  e = shim_enter("cudaMalloc") ? cudaErrorMemoryAllocation : allocate(out, bytes);
  shim_unlock();
  return shim_error(e);
}

static void check_canary(const piece *b) {
#if !defined(__SANITIZE_ADDRESS__)
  shim_device_begin();
  for (size_t i = b->bytes; i < b->pages; i++)
    if ((unsigned char)b->start[i] != CANARY)
      shim_violation("cudaFree: something wrote %zu bytes beyond an allocation of %zu bytes",
                     i - b->bytes + 1, b->bytes);
  shim_device_end();
#endif
  (void)b;
}

static void release(void *p) {
  piece *b = find_device(p);
  if (!b || b->start != p) shim_violation("cudaFree: %p was not returned by cudaMalloc", p);
  if (b->freed) shim_violation("cudaFree: %p was freed before", p);
  check_canary(b);
  ASAN_UNPOISON_MEMORY_REGION(b->start, b->pages);
  if (mmap(b->start, b->pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
           -1, 0) == MAP_FAILED)
    abort();
  b->freed = true;
  live_bytes -= b->bytes;
  live_count--;
}

cudaError_t cudaFree(void *p) {
  if (!p) return cudaSuccess;
  shim_lock();
  shim_enter("cudaFree"); /* never fails: a failed free only tells of an earlier error */
  shim_not_while_capturing("cudaFree");
  shim_drain_all(); /* it waits for the device */
  release(p);
  shim_unlock();
  return cudaSuccess;
}

/* ---- pinned memory ---- */

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
  cudaError_t e = cudaSuccess;
  if (!out) shim_violation("cudaHostAlloc: NULL for the result");
  if (flags & ~7u) shim_violation("cudaHostAlloc: unknown flags %#x", flags);
  shim_lock();
  shim_not_while_capturing("cudaHostAlloc");
  if (shim_enter("cudaHostAlloc")) {
    e = cudaErrorMemoryAllocation;
  } else {
    piece *b = calloc(1, sizeof *b);
    if (!b || posix_memalign(out, 256, bytes ? bytes : 1)) abort();
    *b = (piece){.next = pinned, .start = *out, .bytes = bytes, .pages = bytes};
    memset(*out, 0xfe, bytes);
    pinned = b;
    live_bytes += bytes;
    live_count++;
  }
  shim_unlock();
  return shim_error(e);
}

#undef cudaMallocHost
cudaError_t cudaMallocHost(void **out, size_t bytes) { return cudaHostAlloc(out, bytes, 0); }

cudaError_t cudaFreeHost(void *p) {
  piece **at = &pinned;
  if (!p) return cudaSuccess;
  shim_lock();
  shim_enter("cudaFreeHost");
  shim_not_while_capturing("cudaFreeHost");
  shim_drain_all();
  while (*at && (*at)->start != p) at = &(*at)->next;
  if (!*at) shim_violation("cudaFreeHost: %p is no live pinned memory", p);
  {
    piece *b = *at;
    *at = b->next;
    live_bytes -= b->bytes;
    live_count--;
    free(b->start);
    free(b);
  }
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaHostGetDevicePointer(void **out, void *host, unsigned flags) {
  if (flags) shim_violation("cudaHostGetDevicePointer: flags must be 0");
  shim_lock();
  if (!find_pinned(host)) shim_violation("cudaHostGetDevicePointer: %p is not pinned memory", host);
  shim_unlock();
  *out = host;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  shim_lock();
  *total = limit();
  *available = *total > live_bytes ? *total - live_bytes : 0;
  shim_unlock();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *p) {
  shim_lock();
  memset(a, 0, sizeof *a);
  switch (shim_place_of(p)) {
    case SHIM_DEVICE:
      shim_check_device(p, 0, 0, "cudaPointerGetAttributes", "ptr");
      a->type = cudaMemoryTypeDevice;
      a->devicePointer = (void *)(uintptr_t)p;
      break;
    case SHIM_PINNED:
      a->type = cudaMemoryTypeHost;
      a->hostPointer = a->devicePointer = (void *)(uintptr_t)p;
      break;
    case SHIM_HOST: a->type = cudaMemoryTypeUnregistered; break;
  }
  shim_unlock();
  return cudaSuccess;
}
