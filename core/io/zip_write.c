/* Zip writer. A padding field in each local header brings the data to its boundary; zip64 records
   appear where sizes or offsets need them. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/crc32.h"
#include "io/file.h"
#include "io/zip.h"

enum { ALIGN = 64, LOCAL = 30, CENTRAL = 46, ZIP64_LOCAL = 20, HEAD_MAX = 512 };

typedef struct placed {
  uint64_t at; /* of the local header */
  uint32_t crc;
} placed;

typedef struct writer {
  const vg_zip_contents *c;
  vg_replace *r;
  placed *places;
  uint64_t at;
} writer;

typedef struct bytes {
  unsigned char b[HEAD_MAX];
  size_t n;
} bytes;

static void put(bytes *h, uint64_t value, int width) {
  for (int i = 0; i < width; i++) h->b[h->n++] = (unsigned char)(value >> 8 * i);
}

static uint64_t low(uint64_t v) { return v < UINT32_MAX ? v : UINT32_MAX; }

static vg_status add(writer *w, const void *data, size_t n) {
  vg_status st = n ? vg_replace_write_at(w->r, data, n, w->at) : VG_OK;
  w->at += n;
  return st;
}

/* Method, time (1980-01-01 00:00: equal contents make equal files), CRC and sizes. */
static void put_common(bytes *h, const placed *p, uint64_t size) {
  put(h, 0x0800, 2); /* names are UTF-8 */
  put(h, 0, 2);
  put(h, 0, 2);
  put(h, 0x21, 2);
  put(h, p->crc, 4);
  put(h, low(size), 4);
  put(h, low(size), 4);
}

static vg_status put_entry(writer *w, size_t i) {
  const vg_zip_part *part = &w->c->parts[i];
  size_t name = strlen(part->name), extra, pad;
  bool large = part->size >= UINT32_MAX;
  const void *data = part->data;
  static const unsigned char zeros[ALIGN + 4];
  bytes h = {.n = 0};
  vg_status st = VG_OK;
  if (w->c->fetch) VG_TRY(w->c->fetch(w->c->arg, i, &data));
  w->places[i] = (placed){.at = w->at, .crc = vg_crc32(0, data, part->size)};
  extra = (large ? ZIP64_LOCAL : 0) + 4u; /* a padding field of no bytes */
  pad = (ALIGN - (w->at + LOCAL + name + extra) % ALIGN) % ALIGN;
  put(&h, 0x04034b50, 4);
  put(&h, large ? 45 : 20, 2);
  put_common(&h, &w->places[i], part->size);
  put(&h, name, 2);
  put(&h, extra + pad, 2);
  VG_TRY(add(w, h.b, h.n));
  VG_TRY(add(w, part->name, name));
  h.n = 0;
  if (large) {
    put(&h, 1, 2);
    put(&h, 16, 2);
    put(&h, part->size, 8);
    put(&h, part->size, 8);
  }
  put(&h, 0x4246, 2); /* "FB", the padding field that PyTorch writes, too */
  put(&h, pad, 2);
  VG_TRY(add(w, h.b, h.n));
  VG_TRY(add(w, zeros, pad));
  VG_TRY(add(w, data, part->size));
done:
  return st;
}

static vg_status put_central(writer *w, size_t i) {
  const vg_zip_part *part = &w->c->parts[i];
  const placed *p = &w->places[i];
  size_t name = strlen(part->name);
  bool large = part->size >= UINT32_MAX, far = p->at >= UINT32_MAX;
  unsigned extra = (large || far ? 4u : 0) + (large ? 16u : 0) + (far ? 8u : 0);
  bytes h = {.n = 0};
  vg_status st;
  put(&h, 0x02014b50, 4);
  put(&h, 45, 2);
  put(&h, large || far ? 45 : 20, 2);
  put_common(&h, p, part->size);
  put(&h, name, 2);
  put(&h, extra, 2);
  put(&h, 0, 2); /* comment, disk, attributes */
  put(&h, 0, 2);
  put(&h, 0, 2);
  put(&h, 0, 4);
  put(&h, low(p->at), 4);
  VG_TRY(add(w, h.b, h.n));
  VG_TRY(add(w, part->name, name));
  h.n = 0;
  if (extra) {
    put(&h, 1, 2);
    put(&h, extra - 4, 2);
    if (large) put(&h, part->size, 8);
    if (large) put(&h, part->size, 8);
    if (far) put(&h, p->at, 8);
  }
  VG_TRY(add(w, h.b, h.n));
done:
  return st;
}

static vg_status put_end(writer *w, uint64_t from) {
  uint64_t n = w->c->n, end = w->at, size = end - from;
  bytes h = {.n = 0};
  if (n >= 0xffff || from >= UINT32_MAX || size >= UINT32_MAX) {
    put(&h, 0x06064b50, 4);
    put(&h, 44, 8);
    put(&h, 45, 2);
    put(&h, 45, 2);
    put(&h, 0, 8); /* disks */
    put(&h, n, 8);
    put(&h, n, 8);
    put(&h, size, 8);
    put(&h, from, 8);
    put(&h, 0x07064b50, 4);
    put(&h, 0, 4);
    put(&h, end, 8);
    put(&h, 1, 4);
  }
  put(&h, 0x06054b50, 4);
  put(&h, 0, 4); /* disks */
  put(&h, n < 0xffff ? n : 0xffff, 2);
  put(&h, n < 0xffff ? n : 0xffff, 2);
  put(&h, low(size), 4);
  put(&h, low(from), 4);
  put(&h, 0, 2);
  return add(w, h.b, h.n);
}

static int by_text(const void *x, const void *y) {
  return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static vg_status check_names(const vg_zip_contents *c, const char *what) {
  const char **names = vg_calloc(c->n + 1, sizeof *names);
  vg_status st = VG_OK;
  if (!names) return VG_ENOMEM;
  for (size_t i = 0; i < c->n; i++) names[i] = c->parts[i].name;
  qsort(names, c->n, sizeof *names, by_text);
  for (size_t i = 0; i < c->n && st == VG_OK; i++) {
    if (!*names[i] || strlen(names[i]) > 0xffff)
      st = vg_fail(VG_EINVAL, "%s: '%.100s' is no name for an entry", what, names[i]);
    else if (i && strcmp(names[i - 1], names[i]) == 0)
      st = vg_fail(VG_EINVAL, "%s: entry '%.100s' is there twice", what, names[i]);
  }
  vg_free(names);
  return st;
}

vg_status vg_zip_write(const char *path, const vg_zip_contents *c, const char *what) {
  writer w = {.c = c};
  vg_replace *ended;
  uint64_t directory;
  vg_status st;
  VG_TRY(check_names(c, what));
  w.places = vg_calloc(c->n + 1, sizeof *w.places);
  if (!w.places) return VG_ENOMEM;
  VG_TRY(vg_replace_begin(&w.r, path, what));
  for (size_t i = 0; i < c->n; i++) VG_TRY(put_entry(&w, i));
  directory = w.at;
  for (size_t i = 0; i < c->n; i++) VG_TRY(put_central(&w, i));
  VG_TRY(put_end(&w, directory));
  ended = w.r;
  w.r = NULL;
  VG_TRY(vg_replace_commit(ended));
done:
  vg_replace_abort(w.r);
  vg_free(w.places);
  return st;
}
