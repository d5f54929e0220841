/* Zip reader (PKWARE APPNOTE 6.3, zip64 included). */
#include "io/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "io/crc32.h"

enum {
  END = 22, /* bytes of the end record */
  END64_LOCATOR = 20,
  END64 = 56,
  CENTRAL = 46,
  LOCAL = 30,
  COMMENT_MAX = 65535,
  STORED = 0,
  DEFLATED = 8
};

/* Unpacked bytes that an archive may claim: weights hardly shrink, bombs do. */
#define UNPACKED_MAX(size) (8 * (uint64_t)(size) + (1u << 20))

struct vg_zip {
  const unsigned char *data;
  size_t size;
  char *name, *what;
  vg_zip_entry *entries;
  size_t n;
  char *names; /* of all entries, one after the other */
  void (*on_read)(void *arg, const void *data, size_t n);
  void *on_read_arg;
};

static void complain(const vg_zip *z, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void complain(const vg_zip *z, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vg_vfail(VG_EDATA, fmt, ap);
  va_end(ap);
  vg_fail_at(VG_EDATA, "%s: '%s' is damaged", z->what, z->name);
}
#define damaged(z, ...) (complain(z, __VA_ARGS__), VG_EDATA) /* compilers see the constant */

static uint32_t u16(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const unsigned char *p) { return u16(p) | u16(p + 2) << 16; }
static uint64_t u64(const unsigned char *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

bool vg_zip_is(const void *data, size_t size) {
  return size >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || memcmp(data, "PK\5\6", 4) == 0);
}

/* Where the directory lies. */
typedef struct place {
  uint64_t at, bytes, entries;
  size_t limit; /* nothing of entries or directory lies beyond */
} place;

static vg_status read_end64(const vg_zip *z, place *p, size_t end) {
  const unsigned char *l = z->data + end - END64_LOCATOR, *e;
  uint64_t at = u64(l + 8);
  if (u32(l + 4) != 0 || u32(l + 16) > 1) return damaged(z, "it spans several disks");
  if (at > end - END64_LOCATOR || end - END64_LOCATOR - at < END64 ||
      memcmp(z->data + at, "PK\6\6", 4) != 0)
    return damaged(z, "its zip64 record is not where it should be");
  e = z->data + at;
  if (u32(e + 16) != 0 || u32(e + 20) != 0 || u64(e + 24) != u64(e + 32))
    return damaged(z, "it spans several disks");
  *p = (place){.at = u64(e + 48), .bytes = u64(e + 40), .entries = u64(e + 32), .limit = at};
  return VG_OK;
}

/* The end record is the last thing in the file but for a comment. */
static vg_status find_end(const vg_zip *z, place *p) {
  size_t lowest, end;
  if (z->size < END) return damaged(z, "%zu bytes are too few for an archive", z->size);
  end = z->size - END;
  lowest = end > COMMENT_MAX ? end - COMMENT_MAX : 0;
  while (memcmp(z->data + end, "PK\5\6", 4) != 0 ||
         u16(z->data + end + 20) != z->size - END - end) {
    if (end == lowest) return damaged(z, "the archive has no end record (cut off?)");
    end--;
  }
  if (end >= END64_LOCATOR && memcmp(z->data + end - END64_LOCATOR, "PK\6\7", 4) == 0)
    return read_end64(z, p, end);
  if (u16(z->data + end + 4) != 0 || u16(z->data + end + 6) != 0 ||
      u16(z->data + end + 8) != u16(z->data + end + 10))
    return damaged(z, "it spans several disks");
  *p = (place){.at = u32(z->data + end + 16),
               .bytes = u32(z->data + end + 12),
               .entries = u16(z->data + end + 10),
               .limit = end};
  return VG_OK;
}

static vg_status check_place(const vg_zip *z, const place *p) {
  if (p->at > p->limit || p->bytes != p->limit - p->at)
    return damaged(z, "its directory is not where it should be");
  if (p->entries > p->bytes / CENTRAL)
    return damaged(z, "its directory claims %llu entries in %llu bytes",
                   (unsigned long long)p->entries, (unsigned long long)p->bytes);
  return VG_OK;
}

/* Replaces the fields that say "see there" by those of the zip64 block. */
static vg_status read_zip64(const vg_zip *z, const unsigned char *extra, size_t n, vg_zip_entry *e,
                            uint64_t *local) {
  uint64_t *want[3], size = e->size, packed = e->packed;
  size_t k = 0, left;
  if (size == UINT32_MAX) want[k++] = &size;
  if (packed == UINT32_MAX) want[k++] = &packed;
  if (*local == UINT32_MAX) want[k++] = local;
  if (k == 0) return VG_OK;
  while (n >= 4 && u16(extra) != 1) {
    left = 4 + u16(extra + 2);
    if (left > n) break;
    extra += left;
    n -= left;
  }
  if (n < 4 || u16(extra) != 1 || u16(extra + 2) > n - 4 || u16(extra + 2) < 8 * k)
    return damaged(z, "entry %.100s lacks its zip64 sizes", e->name);
  for (size_t i = 0; i < k; i++) *want[i] = u64(extra + 4 + 8 * i);
  e->size = (size_t)size;
  e->packed = (size_t)packed;
  return VG_OK;
}

/* No entry is ever written to disk, but such a name means nothing good. */
static bool leaves(const char *name) {
  const char *p = name;
  if (*p == '/' || *p == 0 || strchr(p, '\\') || (p[0] && p[1] == ':')) return true;
  for (; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
    if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0)) return true;
  return false;
}

/* The header in front of the data: must say the same. */
static vg_status read_local(const vg_zip *z, vg_zip_entry *e, uint64_t at, uint64_t limit) {
  const unsigned char *h = z->data + at;
  size_t len = strlen(e->name);
  if (at > limit || limit - at < LOCAL || memcmp(h, "PK\3\4", 4) != 0)
    return damaged(z, "entry %.100s is not where the directory says", e->name);
  if (u16(h + 26) != len || limit - at - LOCAL < len + u16(h + 28) ||
      memcmp(h + LOCAL, e->name, len) != 0 || u16(h + 8) != (e->deflated ? DEFLATED : STORED) ||
      (!(u16(h + 6) & 8) && u32(h + 14) != e->crc))
    return damaged(z, "entry %.100s differs from what the directory says", e->name);
  e->offset = at + LOCAL + len + u16(h + 28);
  if (e->packed > limit - e->offset)
    return damaged(z, "entry %.100s claims %zu bytes, which are not there", e->name, e->packed);
  return VG_OK;
}

static vg_status read_entry(const vg_zip *z, vg_zip_entry *e, const unsigned char *h, char *name,
                            uint64_t limit) {
  uint64_t local = u32(h + 42);
  size_t len = u16(h + 28);
  uint32_t method = u16(h + 10);
  vg_status st;
  memcpy(name, h + CENTRAL, len);
  name[len] = 0;
  *e = (vg_zip_entry){.name = name,
                      .size = u32(h + 24),
                      .packed = u32(h + 20),
                      .crc = u32(h + 16),
                      .deflated = method == DEFLATED};
  if (strlen(name) != len || leaves(name))
    return damaged(z, "entry name '%.100s' is refused", name);
  if (u16(h + 8) & 1) return damaged(z, "entry %.100s is encrypted", name);
  if (method != STORED && method != DEFLATED)
    return damaged(z, "entry %.100s is packed by method %u, which is refused", name, method);
  VG_TRY(read_zip64(z, h + CENTRAL + len, u16(h + 30), e, &local));
  if (!e->deflated && e->size != e->packed) return damaged(z, "entry %.100s has two sizes", name);
  VG_TRY(read_local(z, e, local, limit));
done:
  return st;
}

static int by_offset(const void *x, const void *y) {
  const vg_zip_entry *a = x, *b = y;
  return a->offset != b->offset ? (a->offset < b->offset ? -1 : 1)
                                : (a->packed > b->packed) - (a->packed < b->packed);
}

static int by_name(const void *x, const void *y) {
  return strcmp(((const vg_zip_entry *)x)->name, ((const vg_zip_entry *)y)->name);
}

/* Overlaps, names that come twice, and more than can be in there. */
static vg_status check_entries(vg_zip *z) {
  uint64_t end = 0, unpacked = 0;
  qsort(z->entries, z->n, sizeof *z->entries, by_offset);
  for (size_t i = 0; i < z->n; i++) {
    const vg_zip_entry *e = &z->entries[i];
    if (e->offset < end) return damaged(z, "entry %.100s overlaps another", e->name);
    end = e->offset + e->packed;
    if (e->deflated &&
        (__builtin_add_overflow(unpacked, e->size, &unpacked) || unpacked > UNPACKED_MAX(z->size)))
      return damaged(z, "entry %.100s would unpack %zu bytes to %zu, which is refused", e->name,
                     e->packed, e->size);
  }
  qsort(z->entries, z->n, sizeof *z->entries, by_name);
  for (size_t i = 1; i < z->n; i++)
    if (strcmp(z->entries[i - 1].name, z->entries[i].name) == 0)
      return damaged(z, "entry %.100s is there twice", z->entries[i].name);
  return VG_OK;
}

static vg_status read_directory(vg_zip *z) {
  place p;
  const unsigned char *h;
  size_t left;
  char *name;
  vg_status st;
  VG_TRY(find_end(z, &p));
  VG_TRY(check_place(z, &p));
  z->entries = vg_calloc((size_t)p.entries + 1, sizeof *z->entries);
  z->names = vg_alloc((size_t)p.bytes + 1);
  if (!z->entries || !z->names) return VG_ENOMEM;
  h = z->data + p.at;
  left = (size_t)p.bytes;
  name = z->names;
  for (; z->n < p.entries; z->n++) {
    size_t len = left < CENTRAL ? 0 : CENTRAL + u16(h + 28) + u16(h + 30) + u16(h + 32);
    if (len == 0 || len > left || memcmp(h, "PK\1\2", 4) != 0)
      return damaged(z, "its directory breaks off at entry %zu", z->n + 1);
    VG_TRY(read_entry(z, &z->entries[z->n], h, name, p.at));
    name += u16(h + 28) + 1;
    h += len;
    left -= len;
  }
  if (left) return damaged(z, "its directory holds more than its entries");
  VG_TRY(check_entries(z));
done:
  return st;
}

vg_status vg_zip_open(vg_zip **out, const void *data, size_t size, const char *name,
                      const char *what) {
  vg_zip *z = vg_calloc(1, sizeof *z);
  vg_status st = VG_ENOMEM;
  if (!z) return st;
  z->data = data;
  z->size = size;
  z->name = vg_strdup(name);
  z->what = vg_strdup(what);
  if (!z->name || !z->what) goto done;
  VG_TRY(read_directory(z));
  *out = z;
  z = NULL;
done:
  vg_zip_close(z);
  return st;
}

void vg_zip_close(vg_zip *z) {
  if (!z) return;
  for (size_t i = 0; z->entries && i < z->n; i++) vg_free(z->entries[i].unpacked);
  vg_free(z->entries);
  vg_free(z->names);
  vg_free(z->name);
  vg_free(z->what);
  vg_free(z);
}

void vg_zip_on_read(vg_zip *z, void (*read)(void *arg, const void *data, size_t n), void *arg) {
  z->on_read = read;
  z->on_read_arg = arg;
}

size_t vg_zip_count(const vg_zip *z) { return z->n; }

vg_zip_entry *vg_zip_at(vg_zip *z, size_t i) { return &z->entries[i]; }

vg_zip_entry *vg_zip_find(vg_zip *z, const char *name) {
  vg_zip_entry key = {.name = name};
  return bsearch(&key, z->entries, z->n, sizeof *z->entries, by_name);
}

static vg_status inflate_entry(const vg_zip *z, vg_zip_entry *e) {
  z_stream s = {0};
  unsigned char *to = vg_alloc(e->size + 1);
  const unsigned char *from = z->data + e->offset;
  size_t in = e->packed, out = e->size + 1; /* one more, to notice an entry that goes on */
  int rc;
  if (!to) return VG_ENOMEM;
  rc = inflateInit2(&s, -MAX_WBITS);
  s.next_in = (unsigned char *)(uintptr_t)from;
  s.next_out = to;
  while (rc == Z_OK) {
    uInt give = (uInt)(in < (1u << 30) ? in : 1u << 30);
    uInt room = (uInt)(out < (1u << 30) ? out : 1u << 30);
    s.avail_in = give;
    s.avail_out = room;
    rc = inflate(&s, Z_NO_FLUSH);
    in -= give - s.avail_in;
    out -= room - s.avail_out;
  }
  inflateEnd(&s);
  if (rc != Z_STREAM_END || in != 0 || out != 1) {
    vg_free(to);
    return damaged(z, "entry %.200s cannot be unpacked", e->name);
  }
  e->unpacked = to;
  return VG_OK;
}

vg_status vg_zip_data(vg_zip *z, vg_zip_entry *e, const void **out) {
  vg_status st = VG_OK;
  if (e->deflated && !e->unpacked) VG_TRY(inflate_entry(z, e));
  *out = e->deflated ? e->unpacked : z->data + e->offset;
done:
  return st;
}

vg_status vg_zip_verify(vg_zip *z, vg_zip_entry *e) {
  const void *data;
  vg_status st = VG_OK;
  if (e->verified) return st;
  VG_TRY(vg_zip_data(z, e, &data));
  if (vg_crc32_team(data, e->size, z->on_read, z->on_read_arg) != e->crc)
    return damaged(z, "entry %.200s fails its CRC", e->name);
  e->verified = true;
done:
  return st;
}
