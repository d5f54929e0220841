/* vg_crc32 against zlib: every length and offset around the block size, and continued sums. */
#include "io/crc32.h"

#include <zlib.h>

#include "test_io.h"

static void count(void *arg, const void *data, size_t n) {
  size_t *total = arg;
  (void)data;
  __atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

static void team(void) {
  static unsigned char data[(2 << 20) + 3];
  const size_t sizes[] = {0, 1, 1 << 20, (1 << 20) + 1, 2 << 20, sizeof data};
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 2654435761u >> 11);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t total = 0;
    CHECK(vg_crc32_team(data, sizes[i], count, &total) == crc32(0, data, (uInt)sizes[i]));
    CHECK(total == sizes[i]);
  }
}

int main(void) {
  enum { N = 4096 };
  unsigned char data[N];
  uint32_t seed = 1;
  int wrong = 0;
  for (int i = 0; i < N; i++) data[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
  for (size_t n = 0; n < 700; n++)
    for (size_t at = 0; at < 17; at++)
      wrong += vg_crc32(0, data + at, n) != crc32(0, data + at, (uInt)n);
  CHECK(wrong == 0);
  for (size_t cut = 0; cut <= N; cut += 61) {
    uint32_t crc = vg_crc32(0, data, cut);
    wrong += vg_crc32(crc, data + cut, N - cut) != crc32(0, data, N);
  }
  CHECK(wrong == 0);
  CHECK(vg_crc32(0, "123456789", 9) == 0xcbf43926);
  CHECK(vg_crc32(7, NULL, 0) == 7);
  team();
  return finish();
}
