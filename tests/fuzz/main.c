/* Runs a fuzz target without libFuzzer: over the files given, and over a few thousand fixed
   mutations of each (cut, turned bits, copied pieces), so that every test run visits the old
   findings and their neighbourhood. */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "fuzz.h"

enum { MUTATIONS = 400, LARGEST = 1 << 20 };

/* One to three changes, a function of (file, round) alone. */
static size_t mutate(uint8_t *data, size_t n, vg_stream s) {
  vg_u32x4 how = vg_stream_block(s, 0);
  for (uint32_t i = 0; i <= how.v[0] % 3 && n; i++) {
    vg_u32x4 r = vg_stream_block(s, 1 + i);
    size_t at = r.v[1] % n, from = r.v[2] % n, len = 1 + r.v[3] % 16;
    switch (r.v[0] % 4) {
      case 0: data[at] ^= (uint8_t)(1u << r.v[3] % 8); break;
      case 1: data[at] = (uint8_t)r.v[3]; break;
      case 2: n = at; break;
      default:
        if (len > n - at) len = n - at;
        if (len > n - from) len = n - from;
        memmove(data + at, data + from, len);
    }
  }
  return n;
}

static int run_file(const char *path, uint64_t index) {
  FILE *f = fopen(path, "rb");
  uint8_t *data = malloc(LARGEST), *copy;
  size_t n = f && data ? fread(data, 1, LARGEST, f) : 0;
  if (!f || !data) {
    perror(path);
    return 1;
  }
  fclose(f);
  for (uint64_t round = 0; round < MUTATIONS; round++) {
    vg_stream s = {.seed = index, .index = round, .purpose = VG_RNG_USER};
    size_t m = n;
    copy = malloc(n + 1);
    if (!copy) return 1;
    memcpy(copy, data, n);
    if (round) m = mutate(copy, n, s);
    LLVMFuzzerTestOneInput(copy, m);
    free(copy);
  }
  free(data);
  return 0;
}

int main(int argc, char **argv) {
  int failed = argc < 2;
  for (int i = 1; i < argc; i++) failed |= run_file(argv[i], (uint64_t)i);
  printf("%d files, %d inputs\n", argc - 1, (argc - 1) * MUTATIONS);
  return failed;
}
