/* Reads a transaction log and writes another. */
#include "log/wandb_rest.h"

#include <string.h>
#include <zlib.h>

#include "io/file.h"
#include "log/wandb_log.h"

enum { BLOCK = 32768, HEADER = 7 };
enum { FULL = 1, FIRST, MIDDLE, LAST };
static const unsigned char HISTORY = 0x12; /* tag of Record.history */

typedef struct cursor {
  const unsigned char *data;
  size_t size, at;
  vg_text record;
} cursor;

/* The payload of the chunk at the cursor; 0 at the end and where the log is damaged. */
static int chunk(cursor *c, const unsigned char **p, size_t *n) {
  size_t left = BLOCK - c->at % BLOCK;
  const unsigned char *h;
  uint32_t crc;
  if (left < HEADER) c->at += left;
  if (c->at > c->size || c->size - c->at < HEADER) return 0;
  left = BLOCK - c->at % BLOCK;
  h = c->data + c->at;
  crc = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
  *n = (size_t)h[4] | (size_t)h[5] << 8;
  if (*n > left - HEADER || *n > c->size - c->at - HEADER) return 0;
  if (h[6] < FULL || h[6] > LAST || crc32(0, h + 6, (uInt)*n + 1) != crc) return 0;
  *p = h + HEADER;
  c->at += HEADER + *n;
  return h[6];
}

/* The next whole record into c->record. */
static bool next_record(cursor *c) {
  const unsigned char *p;
  size_t n;
  c->record.len = 0;
  for (;;) {
    int kind = chunk(c, &p, &n);
    if (!kind || ((kind == FULL || kind == FIRST) && c->record.len)) return false;
    if (n) vg_text_add(&c->record, (const char *)p, n);
    if (kind == FULL || kind == LAST) return !c->record.failed;
  }
}

/* Without the number in front. */
static void member(const cursor *c, const char **p, size_t *n) {
  *p = c->record.data;
  *n = c->record.len;
  if (!*n || **p != 0x08) return;
  do {
    ++*p;
    --*n;
  } while (*n && (**p & 0x80));
  if (*n) {
    ++*p;
    --*n;
  }
}

vg_status vg_wandb_log_rest(const char *from, const char *to, int64_t rows) {
  vg_map map = {0};
  vg_wandb_log out = {.fd = -1};
  cursor c = {0};
  vg_status st;
  VG_TRY(vg_map_open(&map, from, "wandb"));
  c = (cursor){.data = map.data, .size = map.size, .at = HEADER};
  if (map.size < HEADER || memcmp(map.data, ":W&B\xE1\xBE", HEADER) != 0) {
    st = vg_fail(VG_EDATA, "wandb: '%s' is not a log", from);
    goto done;
  }
  VG_TRY(vg_wandb_log_create(&out, to));
  while (next_record(&c)) {
    const char *p;
    size_t n;
    member(&c, &p, &n);
    if (!n || ((unsigned char)*p == HISTORY && rows-- > 0)) continue;
    VG_TRY(vg_wandb_log_append(&out, p, n));
  }
done:
  vg_text_free(&c.record);
  vg_wandb_log_close(&out);
  vg_map_close(&map);
  return st;
}
