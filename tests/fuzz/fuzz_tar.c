/* Fuzz target: the tar reader on unpacked bytes (zlib has its own fuzzers). The first byte chooses
   how many bytes a read gives, so that every boundary is met. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "io/tar.h"

typedef struct memory {
  const uint8_t *data;
  size_t left, step;
} memory;

static int64_t give(void *arg, void *buf, size_t n) {
  memory *m = arg;
  if (n > m->left) n = m->left;
  if (n > m->step) n = m->step;
  memcpy(buf, m->data, n);
  m->data += n;
  m->left -= n;
  return (int64_t)n;
}

static vg_status member(void *arg, const char *name, const void *data, size_t size) {
  const unsigned char *p = data;
  (void)arg;
  for (size_t i = 0; i < size; i++) fuzz_sink += p[i];
  fuzz_sink += (unsigned)strlen(name);
  return VG_OK;
}

static bool want(void *arg, const char *name, size_t size) {
  (void)arg;
  return (strlen(name) + size) % 2 == 0;
}

static void fix_sums(uint8_t *data, size_t size) {
  for (; size >= 512; data += 512, size -= 512) {
    unsigned sum = 0;
    memset(data + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += data[i];
    if (sum != 8 * ' ') snprintf((char *)data + 148, 8, "%06o", sum);
    if (sum == 8 * ' ') memset(data + 148, 0, 8); /* the end mark stays zero */
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size + 1);
  memory m = {.data = copy, .left = size, .step = size % 4 < 2 ? 511 : 1 << 20};
  vg_tar_source src = {.read = give, .arg = &m, .name = "fuzz"};
  vg_status st;
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  if (size && data[0] % 2) fix_sums(copy, size);
  st = vg_tar_each_source(&src, size % 2 ? want : NULL, member, NULL);
  free(copy);
  if (st != VG_OK && !vg_error()[0]) abort();
  return 0;
}
