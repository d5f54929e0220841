/* Files of PyTorch cut at every byte and with every bit turned: refused, or read as before. */
#include <string.h>

#include "io/weights.h"
#include "test_io.h"

#define FOLDER "tests/parity/torchfile/"

/* Names, types, shapes and values in one number; 0 when the file is refused with words. */
static uint64_t digest(const void *data, size_t n) {
  vg_weights *w = NULL;
  uint64_t h = 1469598103934665603u;
  vg_status st = vg_weights_parse(&w, data, n, "x", "checkpoint");
  if (st != VG_OK) {
    CHECK(st == VG_EDATA && strncmp(vg_error(), "checkpoint: 'x' ", 16) == 0);
    return 0;
  }
  for (size_t i = 0; i < vg_weights_count(w) && st == VG_OK; i++) {
    const vg_st_tensor *t = vg_weights_at(w, i);
    unsigned char *to = malloc(8 * t->bytes + 1);
    st = vg_weights_verify(w, t);
    if (st == VG_OK) st = vg_weights_read(w, t, to);
    for (const char *p = t->name; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    h = (h ^ (unsigned)t->dtype) * 1099511628211u;
    for (int d = 0; d < t->ndim; d++) h = (h ^ (uint64_t)t->shape[d]) * 1099511628211u;
    for (size_t k = 0; st == VG_OK && k < t->bytes; k++) h = (h ^ to[k]) * 1099511628211u;
    free(to);
  }
  vg_weights_close(w);
  return st == VG_OK ? h : 0;
}

static void cut(const char *path) {
  size_t n;
  char *data = read_file(path, &n);
  int read = 0;
  for (size_t k = 0; k < n; k++) {
    char *part = malloc(k + 1);
    memcpy(part, data, k);
    read += digest(part, k) != 0;
    free(part);
  }
  CHECK(read == 0);
  CHECK(digest(data, n) != 0);
  free(data);
}

/* So many bits of each byte. `summed`: the format has check sums, so that no other values may come
   out. Without, damage in the numbers themselves cannot be seen, but nothing may crash. */
static void turn(const char *path, bool summed, int bits) {
  size_t n;
  char *data = read_file(path, &n);
  uint64_t whole = digest(data, n), h;
  int changed = 0, refused = 0;
  for (size_t k = 0; k < n; k++) {
    for (int bit = 0; bit < 8; bit += 8 / bits) {
      data[k] = (char)(data[k] ^ 1 << bit);
      h = digest(data, n);
      refused += h == 0;
      changed += h != 0 && h != whole;
      data[k] = (char)(data[k] ^ 1 << bit);
    }
  }
  CHECK(refused > 0);
  if (summed) CHECK(changed == 0);
  free(data);
}

int main(void) {
  static const char *const zips[] = {FOLDER "tensor.pt", FOLDER "net.pth", FOLDER "types.pth",
                                     FOLDER "net_deflated.pth"};
  static const char *const legacy[] = {FOLDER "views_legacy.pth", FOLDER "net_legacy.pth",
                                       FOLDER "parameters_2017.pth"};
  for (size_t i = 0; i < sizeof zips / sizeof *zips; i++) cut(zips[i]);
  for (size_t i = 0; i < sizeof zips / sizeof *zips; i++) turn(zips[i], true, i ? 1 : 8);
  for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++) cut(legacy[i]);
  for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++) turn(legacy[i], false, i ? 1 : 8);
  cut(FOLDER "lightning.ckpt");
  return finish();
}
