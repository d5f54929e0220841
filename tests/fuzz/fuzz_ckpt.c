/* Fuzz target: the pickles of .pth and .ckpt inside a whole archive. The input is data.pkl; entries
   data/0 to data/9 hold 64, 128, ... bytes, so that what a tensor claims can be true. */
#include <string.h>

#include "fuzz_torch.h"
#include "io/crc32.h"

enum { STORAGES = 10, ROOM = 1 << 16 };

typedef struct archive {
  uint8_t *b, central[2048];
  size_t n, n_central;
  unsigned entries;
} archive;

static void put(uint8_t *to, size_t *n, uint64_t v, int width) {
  for (int i = 0; i < width; i++) to[(*n)++] = (uint8_t)(v >> 8 * i);
}

static void text(uint8_t *to, size_t *n, const char *s) {
  memcpy(to + *n, s, strlen(s));
  *n += strlen(s);
}

/* The fields that local and central headers share, from flags to the lengths. */
static void common(uint8_t *to, size_t *n, uint32_t crc, size_t size, const char *name) {
  put(to, n, 0, 8);
  put(to, n, crc, 4);
  put(to, n, size, 4);
  put(to, n, size, 4);
  put(to, n, strlen(name), 2);
  put(to, n, 0, 2);
}

static void add(archive *a, const char *name, const void *data, size_t size) {
  uint32_t crc = vg_crc32(0, data, size);
  size_t at = a->n;
  put(a->b, &a->n, 0x04034b50, 4);
  put(a->b, &a->n, 20, 2);
  common(a->b, &a->n, crc, size, name);
  text(a->b, &a->n, name);
  if (size) memcpy(a->b + a->n, data, size);
  a->n += size;
  put(a->central, &a->n_central, 0x02014b50, 4);
  put(a->central, &a->n_central, 20, 2);
  put(a->central, &a->n_central, 20, 2);
  common(a->central, &a->n_central, crc, size, name);
  put(a->central, &a->n_central, 0, 8);
  put(a->central, &a->n_central, 0, 2);
  put(a->central, &a->n_central, at, 4);
  text(a->central, &a->n_central, name);
  a->entries++;
}

static void end(archive *a) {
  size_t at = a->n;
  memcpy(a->b + a->n, a->central, a->n_central);
  a->n += a->n_central;
  put(a->b, &a->n, 0x06054b50, 4);
  put(a->b, &a->n, 0, 4);
  put(a->b, &a->n, a->entries, 2);
  put(a->b, &a->n, a->entries, 2);
  put(a->b, &a->n, a->n_central, 4);
  put(a->b, &a->n, at, 4);
  put(a->b, &a->n, 0, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t zeros[64 * STORAGES + 64];
  archive a = {.b = malloc(size + ROOM)};
  char name[] = "a/data/0";
  if (!a.b) return 0;
  add(&a, "a/data.pkl", data, size);
  for (int i = 0; i < STORAGES; i++) {
    name[sizeof name - 2] = (char)('0' + i);
    add(&a, name, zeros, 64 * (size_t)(i + 1));
  }
  end(&a);
  fuzz_weights(a.b, a.n);
  free(a.b);
  return 0;
}
