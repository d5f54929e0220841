/* Framing of the transaction log. */
#include "log/wandb_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/protobuf.h"

enum { BLOCK = 32768, HEADER = 7 };
enum { FULL = 1, FIRST, MIDDLE, LAST };

static int write_at(int fd, const char *p, size_t n, uint64_t at) {
  while (n) {
    ssize_t k = pwrite(fd, p, n, (off_t)at);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return k < 0 ? errno : ENOSPC;
    p += k;
    n -= (size_t)k;
    at += (uint64_t)k;
  }
  return 0;
}

vg_status vg_wandb_log_create(vg_wandb_log *w, const char *path) {
  static const char magic[HEADER] = {':', 'W', '&', 'B', '\xE1', '\xBE', 0};
  int err = 0;
  *w = (vg_wandb_log){.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (w->fd < 0 || (err = write_at(w->fd, magic, HEADER, 0)) != 0)
    return vg_fail(VG_EIO, "wandb: cannot write '%s': %s", path, strerror(err ? err : errno));
  w->size = HEADER;
  return VG_OK;
}

static void add_chunk(vg_text *t, int type, const char *data, size_t n) {
  const unsigned char kind = (unsigned char)type;
  uLong crc = crc32(crc32(0, &kind, 1), (const unsigned char *)data, (uInt)n);
  char head[HEADER] = {(char)crc,        (char)(crc >> 8), (char)(crc >> 16), (char)(crc >> 24),
                       (char)(n & 0xFF), (char)(n >> 8),   (char)type};
  vg_text_add(t, head, HEADER);
  if (n) vg_text_add(t, data, n);
}

/* The padding before the record, its chunks; returns where the first chunk's header stands. */
static size_t frame(vg_text *t, uint64_t at, const char *data, size_t n) {
  static const char zeros[HEADER];
  size_t left = BLOCK - at % BLOCK, start = left < HEADER ? left : 0;
  bool first = true;
  if (start) {
    vg_text_add(t, zeros, start);
    left = BLOCK;
  }
  for (;;) {
    size_t k = n < left - HEADER ? n : left - HEADER;
    bool last = k == n;
    add_chunk(t, first ? (last ? FULL : FIRST) : (last ? LAST : MIDDLE), data, k);
    if (last) return start;
    data += k;
    n -= k;
    left = BLOCK;
    first = false;
  }
}

vg_status vg_wandb_log_append(vg_wandb_log *w, const void *member, size_t n) {
  vg_text record = {0}, *t = &w->chunks;
  size_t start;
  int err;
  vg_status st = VG_OK;
  vg_pb_int(&record, 1, w->number + 1);
  vg_text_add(&record, member, n);
  t->len = 0;
  start = record.failed ? 0 : frame(t, w->size, record.data, record.len);
  if (record.failed || t->failed) {
    st = VG_ENOMEM;
    goto done;
  }
  err =
      write_at(w->fd, t->data + start + HEADER, t->len - start - HEADER, w->size + start + HEADER);
  if (!err) err = write_at(w->fd, t->data + start, HEADER, w->size + start);
  if (err) {
    int undone = ftruncate(w->fd, (off_t)w->size);
    st = vg_fail(VG_EIO, "wandb: cannot write the log: %s%s", strerror(err),
                 undone ? " (and not undo it)" : "");
    goto done;
  }
  w->size += t->len;
  w->number++;
done:
  vg_text_free(&record);
  return st;
}

void vg_wandb_log_close(vg_wandb_log *w) {
  if (w->fd >= 0) close(w->fd);
  w->fd = -1;
  vg_text_free(&w->chunks);
}
