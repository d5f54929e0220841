/* Tar reader. Every size is checked before it is believed; memory grows only with bytes that really
   arrived, so a header that lies about its size costs nothing. */
#include "io/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

enum { BLOCK = 512, NAME_MAX_BYTES = 4096, FIRST_CHUNK = 1 << 20, TAIL_MAX = 64 << 20 };

typedef struct reader {
  const vg_tar_source *src;
  uint64_t at; /* bytes of the unpacked stream consumed */
  char *buf;   /* data of the current member */
  size_t cap;
  char *name; /* NAME_MAX_BYTES + 1 */
  bool has_name;
  uint64_t pax_size;
  bool has_size;
} reader;

static vg_status damaged(const reader *r, uint64_t at, const char *what) {
  return vg_fail(VG_EDATA,
                 "tar: %s is damaged at byte %llu of the unpacked archive: %s. Delete it and "
                 "download it again",
                 r->src->name, (unsigned long long)at, what);
}

/* Reads exactly n bytes; *got < n only at the end of the stream. */
static vg_status fill(reader *r, void *buf, size_t n, size_t *got) {
  size_t have = 0;
  while (have < n) {
    int64_t k = r->src->read(r->src->arg, (char *)buf + have, n - have);
    if (k < 0) return VG_EDATA;
    if (k == 0) break;
    have += (size_t)k;
  }
  r->at += have;
  *got = have;
  return VG_OK;
}

static vg_status need(reader *r, void *buf, size_t n) {
  size_t got;
  vg_status st;
  VG_TRY(fill(r, buf, n, &got));
  if (got < n) st = damaged(r, r->at, "it ends in the middle of a member (download cut off?)");
done:
  return st;
}

static vg_status skip(reader *r, uint64_t n) {
  char trash[16 * BLOCK];
  vg_status st = VG_OK;
  while (n) {
    size_t k = n < sizeof trash ? (size_t)n : sizeof trash;
    VG_TRY(need(r, trash, k));
    n -= k;
  }
done:
  return st;
}

static vg_status skip_padding(reader *r, uint64_t size) {
  return skip(r, (BLOCK - size % BLOCK) % BLOCK);
}

/* Octal digits with leading blanks, or base 256 when the top bit is set. */
static bool number(uint64_t *out, const unsigned char *field, size_t n) {
  uint64_t v = 0;
  size_t i = 0;
  if (field[0] & 0x80) {
    v = field[0] & 0x7f;
    for (i = 1; i < n; i++) {
      if (v >> 55) return false;
      v = v << 8 | field[i];
    }
    *out = v;
    return true;
  }
  while (i < n && field[i] == ' ') i++;
  for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) {
    if (v >> 60) return false;
    v = v << 3 | (uint64_t)(field[i] - '0');
  }
  *out = v;
  return i == n || field[i] == ' ' || field[i] == 0;
}

/* Old writers summed signed characters. */
static bool checksum_ok(const unsigned char *h) {
  uint64_t want;
  int64_t plain = 0, with_sign = 0;
  if (!number(&want, h + 148, 8)) return false;
  for (int i = 0; i < BLOCK; i++) {
    unsigned char c = i >= 148 && i < 156 ? ' ' : h[i];
    plain += c;
    with_sign += (signed char)c;
  }
  return (int64_t)want == plain || (int64_t)want == with_sign;
}

/* Reads `size` bytes of member data and its padding into r->buf, growing as bytes arrive. */
static vg_status load(reader *r, uint64_t size) {
  size_t have = 0;
  vg_status st = VG_OK;
  while (have < size) {
    size_t want = have ? 2 * have : FIRST_CHUNK;
    if (want > size) want = (size_t)size;
    if (want > r->cap) {
      char *p = vg_realloc(r->buf, want);
      if (!p) return VG_ENOMEM;
      r->buf = p;
      r->cap = want;
    }
    VG_TRY(need(r, r->buf + have, want - have));
    have = want;
  }
  VG_TRY(skip_padding(r, size));
done:
  return st;
}

static void set_name(reader *r, const char *text, size_t n) {
  n = strnlen(text, n);
  memcpy(r->name, text, n);
  r->name[n] = 0;
  r->has_name = true;
}

/* One pax record, `key=value` without its length and newline. */
static vg_status pax_record(reader *r, const char *text, size_t n) {
  if (n > 5 && memcmp(text, "path=", 5) == 0) {
    if (n - 5 > NAME_MAX_BYTES) return damaged(r, r->at, "a member name is too long");
    set_name(r, text + 5, n - 5);
  } else if (n > 5 && memcmp(text, "size=", 5) == 0) {
    uint64_t v = 0;
    for (size_t i = 5; i < n; i++) {
      if (text[i] < '0' || text[i] > '9' || v > UINT64_MAX / 16)
        return damaged(r, r->at, "a pax size is not a number");
      v = v * 10 + (uint64_t)(text[i] - '0');
    }
    r->pax_size = v;
    r->has_size = true;
  }
  return VG_OK;
}

/* Records are "LEN key=value\n", LEN counting itself. */
static vg_status pax(reader *r, size_t size) {
  size_t at = 0;
  vg_status st = VG_OK;
  while (at < size && r->buf[at]) {
    size_t len = 0, i = at;
    while (i < size && i - at < 8 && r->buf[i] >= '0' && r->buf[i] <= '9')
      len = len * 10 + (size_t)(r->buf[i++] - '0');
    if (i == at || i >= size || r->buf[i] != ' ' || len < i - at + 2 || len > size - at ||
        r->buf[at + len - 1] != '\n')
      return damaged(r, r->at, "a pax record does not parse");
    VG_TRY(pax_record(r, r->buf + i + 1, at + len - 1 - (i + 1)));
    at += len;
  }
done:
  return st;
}

/* ustar splits long names into prefix and name; GNU's magic has no prefix field. */
static void header_name(reader *r, const unsigned char *h) {
  char full[100 + 1 + 155];
  size_t n = 0, k = strnlen((const char *)h, 100);
  if (memcmp(h + 257, "ustar\0", 6) == 0 && h[345]) {
    n = strnlen((const char *)h + 345, 155);
    memcpy(full, h + 345, n);
    full[n++] = '/';
  }
  memcpy(full + n, h, k);
  set_name(r, full, n + k);
}

/* Extension headers describe the member after them: 'L' GNU long name, 'x' pax. */
static vg_status extension(reader *r, char type, uint64_t size, uint64_t at) {
  vg_status st;
  if (size > 64 * 1024) return damaged(r, at, "an extension header is too large");
  VG_TRY(load(r, size));
  if (type == 'x') {
    VG_TRY(pax(r, (size_t)size));
  } else if (type == 'L') {
    if (size > NAME_MAX_BYTES) return damaged(r, at, "a member name is too long");
    set_name(r, r->buf, (size_t)size);
  }
done:
  return st;
}

static vg_status member(reader *r, const unsigned char *h, uint64_t size, vg_tar_want_fn want,
                        vg_tar_member_fn fn, void *arg) {
  vg_status st;
  bool file = h[156] == '0' || h[156] == 0 || h[156] == '7';
  if (r->has_size) size = r->pax_size;
  if (!r->has_name) header_name(r, h);
  if (!file || (want && size <= VG_TAR_MEMBER_MAX && !want(arg, r->name, (size_t)size))) {
    if (size > UINT64_MAX / 2) return damaged(r, r->at, "a member's size is impossible");
    VG_TRY(skip(r, size));
    VG_TRY(skip_padding(r, size));
  } else if (size > VG_TAR_MEMBER_MAX) {
    st = vg_fail(VG_EDATA, "tar: %s: member '%.200s' claims %llu bytes, the limit is %zu",
                 r->src->name, r->name, (unsigned long long)size, VG_TAR_MEMBER_MAX);
  } else {
    VG_TRY(load(r, size));
    VG_TRY(fn(arg, r->name, r->buf, (size_t)size));
  }
  r->has_name = r->has_size = false;
done:
  return st;
}

static bool all_zero(const unsigned char *h) {
  for (int i = 0; i < BLOCK; i++)
    if (h[i]) return false;
  return true;
}

/* Reads on to the end, so that a .gz checks its own sum. */
static vg_status drain(reader *r) {
  char trash[16 * BLOCK];
  uint64_t start = r->at;
  size_t got;
  vg_status st;
  do {
    VG_TRY(fill(r, trash, sizeof trash, &got));
    if (r->at - start > TAIL_MAX) return damaged(r, start, "endless bytes after its end mark");
  } while (got == sizeof trash);
done:
  return st;
}

static vg_status walk(reader *r, vg_tar_want_fn want, vg_tar_member_fn fn, void *arg) {
  unsigned char h[BLOCK];
  uint64_t size, at;
  size_t got;
  vg_status st;
  for (;;) {
    at = r->at;
    VG_TRY(fill(r, h, BLOCK, &got));
    if (got < BLOCK) {
      return damaged(
          r, at,
          at ? "it ends without its end mark (download cut off?)" : "it is not a tar archive");
    }
    if (all_zero(h)) break;
    if (!checksum_ok(h) || !number(&size, h + 124, 12))
      return damaged(r, at, at ? "a member header is wrong" : "it is not a tar archive");
    if (h[156] == 'x' || h[156] == 'L' || h[156] == 'K' || h[156] == 'g') {
      VG_TRY(extension(r, (char)h[156], size, at));
    } else {
      VG_TRY(member(r, h, size, want, fn, arg));
    }
  }
  VG_TRY(drain(r));
done:
  return st;
}

vg_status vg_tar_each_source(const vg_tar_source *src, vg_tar_want_fn want, vg_tar_member_fn fn,
                             void *arg) {
  reader r = {
      .src = src, .cap = BLOCK, .buf = vg_alloc(BLOCK), .name = vg_alloc(NAME_MAX_BYTES + 1)};
  vg_status st = r.name && r.buf ? walk(&r, want, fn, arg) : VG_ENOMEM;
  vg_free(r.buf);
  vg_free(r.name);
  return st;
}

typedef struct gz_file {
  gzFile f;
  const char *path;
} gz_file;

static int64_t gz_read(void *arg, void *buf, size_t n) {
  gz_file *g = arg;
  int code = 0, got = gzread(g->f, buf, n > (1u << 30) ? 1u << 30 : (unsigned)n);
  const char *text = got < 0 || (size_t)got < n ? gzerror(g->f, &code) : "";
  if (got > 0) return got; /* what came before a cut is still good */
  if (code == Z_ERRNO) {
    vg_fail(VG_EIO, "tar: %s: %s", g->path, strerror(errno));
    return -1;
  }
  if (got < 0 || code == Z_BUF_ERROR) {
    vg_fail(VG_EDATA, "tar: %s is damaged: gzip says '%s'. Delete it and download it again",
            g->path, code == Z_BUF_ERROR ? "unexpected end of file" : text);
    return -1;
  }
  return 0;
}

vg_status vg_tar_each_wanted(const char *path, vg_tar_want_fn want, vg_tar_member_fn fn,
                             void *arg) {
  gz_file g = {.path = path};
  vg_tar_source src = {.read = gz_read, .arg = &g, .name = path};
  vg_status st;
  errno = 0;
  g.f = gzopen(path, "rbe");
  if (!g.f) return vg_fail(VG_EIO, "tar: cannot open '%s': %s", path, strerror(errno));
  gzbuffer(g.f, 256 * 1024);
  st = vg_tar_each_source(&src, want, fn, arg);
  gzclose_r(g.f);
  return st;
}

vg_status vg_tar_each(const char *path, vg_tar_member_fn fn, void *arg) {
  return vg_tar_each_wanted(path, NULL, fn, arg);
}
