/* Framing of W&B's transaction log: stored bytes, every way a record meets the end of a block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "log/wandb_log.h"

#define CHECK(cond)                                     \
  do {                                                  \
    if (!(cond)) {                                      \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #cond); \
      exit(1);                                          \
    }                                                   \
  } while (0)

static char path[] = "/tmp/vgg_wandb_XXXXXX";

static size_t slurp(unsigned char **out) {
  FILE *f = fopen(path, "rb");
  size_t n;
  CHECK(f);
  fseek(f, 0, SEEK_END);
  n = (size_t)ftell(f);
  rewind(f);
  *out = malloc(n + 1);
  CHECK(*out && fread(*out, 1, n, f) == n);
  fclose(f);
  return n;
}

static void create(vg_wandb_log *w) {
  unlink(path);
  CHECK(vg_wandb_log_create(w, path) == VG_OK);
}

/* The record {num: 1, exit: {}} as the official writer has it. */
static void stored(void) {
  static const unsigned char want[] = {0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00, 0x7d, 0x03, 0xde,
                                       0x15, 0x05, 0x00, 0x01, 0x08, 0x01, 0x92, 0x01, 0x00};
  vg_wandb_log w, again;
  unsigned char *data;
  create(&w);
  CHECK(vg_wandb_log_append(&w, "\x92\x01\x00", 3) == VG_OK);
  CHECK(vg_wandb_log_create(&again, path) == VG_EIO); /* never over an older one */
  vg_wandb_log_close(&again);
  vg_wandb_log_close(&w);
  CHECK(slurp(&data) == sizeof want && memcmp(data, want, sizeof want) == 0);
  free(data);
}

/* Walks the file; returns the number of whole records and the length of the last one. */
static int walk(const unsigned char *p, size_t n, size_t *last) {
  size_t at = 7, length = 0;
  int records = 0;
  while (at < n) {
    size_t left = 32768 - at % 32768, k;
    unsigned long crc;
    if (left < 7) {
      for (size_t i = 0; i < left; i++) CHECK(p[at + i] == 0);
      at += left;
      continue;
    }
    CHECK(at + 7 <= n);
    crc = (unsigned long)p[at] | (unsigned long)p[at + 1] << 8 | (unsigned long)p[at + 2] << 16 |
          (unsigned long)p[at + 3] << 24;
    k = (size_t)p[at + 4] | (size_t)p[at + 5] << 8;
    CHECK(k <= left - 7 && at + 7 + k <= n);
    CHECK(crc32(0, p + at + 6, (uInt)k + 1) == crc);
    if (p[at + 6] == 1 || p[at + 6] == 2) {
      CHECK(length == 0);
    }
    length += k;
    if (p[at + 6] == 1 || p[at + 6] == 4) {
      records++;
      *last = length;
      length = 0;
    }
    at += 7 + k;
  }
  CHECK(at == n && length == 0);
  return records;
}

/* A first record that leaves `left` bytes of block 0, then one of 100 bytes and one of 70000. */
static void boundary(size_t left) {
  static char body[70000];
  vg_wandb_log w;
  unsigned char *data;
  size_t n, last = 0;
  create(&w);
  CHECK(vg_wandb_log_append(&w, body, 32768 - 7 - 7 - 2 - left) == VG_OK);
  CHECK(w.size == 32768 - left);
  CHECK(vg_wandb_log_append(&w, body, 100) == VG_OK);
  CHECK(vg_wandb_log_append(&w, body, sizeof body) == VG_OK);
  vg_wandb_log_close(&w);
  n = slurp(&data);
  CHECK(walk(data, n, &last) == 3 && last == sizeof body + 2);
  free(data);
}

int main(void) {
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  stored();
  for (size_t left = 0; left < 12; left++) boundary(left);
  unlink(path);
  printf("ok\n");
  return 0;
}
