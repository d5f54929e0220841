/* The legacy container: pickles of a magic number, the format's version, the writer's machine, the
   object and the list of storage keys, then the storages: a count of elements and their bytes. */
#include <string.h>

#include "io/torchfile_impl.h"

/* 0x1950a86a20f9469cfc6c as a pickled integer of ten bytes. */
static const unsigned char magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

/* Bytes of the pickle that holds the magic number, 0 when it is none. */
static size_t magic_length(const unsigned char *data, size_t size) {
  size_t at = 0;
  if (size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5) at = 2;
  if (at && size >= at + 9 && data[at] == 0x95) at += 9; /* a frame */
  if (at == 0 || size < at + sizeof magic + 1 || memcmp(data + at, magic, sizeof magic) != 0)
    return 0;
  at += sizeof magic;
  return data[at] == '.' ? at + 1 : 0;
}

bool vg_torch_is_legacy(const unsigned char *data, size_t size) {
  return magic_length(data, size) != 0;
}

static vg_status next_pickle(vg_torchfile *f, vg_pickle **out, const char *part, size_t *at) {
  vg_status st = vg_torch_pickle(f, out, part, f->data + *at, f->size - *at);
  if (st == VG_OK) *at += vg_pickle_used(*out);
  return st;
}

static vg_status check_version(vg_torchfile *f, size_t *at) {
  vg_pickle *p = NULL;
  const vg_pk *r;
  vg_status st;
  VG_TRY(next_pickle(f, &p, "version", at));
  r = vg_pickle_root(p);
  if (r->kind != VG_PK_INT || r->i != 1001)
    st = vg_torch_refused(f, "its format version is %lld, 1001 is known",
                          r->kind == VG_PK_INT ? (long long)r->i : -1LL);
done:
  vg_pickle_free(p);
  return st;
}

static vg_status check_machine(vg_torchfile *f, size_t *at) {
  vg_pickle *p = NULL;
  const vg_pk *little;
  vg_status st;
  VG_TRY(next_pickle(f, &p, "system", at));
  little = vg_pk_get(vg_pickle_root(p), "little_endian");
  if (!little || little->kind != VG_PK_BOOL) {
    st = vg_torch_damaged(f, "it does not say which byte order it has");
  } else if (!little->b) {
    st = vg_torch_refused(f, "it was written on a big-endian machine");
  }
done:
  vg_pickle_free(p);
  return st;
}

/* One count and its elements. */
static vg_status read_storage(vg_torchfile *f, const vg_pk *key, size_t *at) {
  vg_torch_storage *s = NULL;
  uint64_t count = 0, bytes;
  if (key->kind == VG_PK_STR || key->kind == VG_PK_BYTES) s = vg_torch_find_storage(f, key->text);
  if (!s || s->data) return vg_torch_damaged(f, "its list of storages does not fit its tensors");
  if (f->size - *at < 8)
    return vg_torch_damaged(f, "it ends at byte %zu, before storage %.*s (cut off?)", f->size,
                            (int)s->key.n, s->key.p);
  for (int i = 7; i >= 0; i--) count = count << 8 | f->data[*at + (size_t)i];
  *at += 8;
  if (__builtin_mul_overflow(count, s->item, &bytes) || bytes != s->bytes)
    return vg_torch_damaged(f,
                            "storage %.*s has %llu elements of %zu bytes, its tensors claim %zu "
                            "bytes",
                            (int)s->key.n, s->key.p, (unsigned long long)count, s->item, s->bytes);
  if (bytes > f->size - *at)
    return vg_torch_damaged(f, "storage %.*s ends at byte %llu of %zu (cut off?)", (int)s->key.n,
                            s->key.p, (unsigned long long)(*at + bytes), f->size);
  s->data = f->data + *at;
  *at += (size_t)bytes;
  return VG_OK;
}

static vg_status read_storages(vg_torchfile *f, size_t *at) {
  vg_pickle *p = NULL;
  const vg_pk *keys;
  vg_status st;
  VG_TRY(next_pickle(f, &p, "storage keys", at));
  keys = vg_pickle_root(p);
  if (keys->kind != VG_PK_LIST) {
    st = vg_torch_damaged(f, "its list of storages is no list");
    goto done;
  }
  for (size_t i = 0; i < keys->seq.n; i++) VG_TRY(read_storage(f, keys->seq.v[i], at));
  if (*at != f->size)
    st = vg_torch_damaged(f, "%zu bytes at its end belong to no storage", f->size - *at);
done:
  vg_pickle_free(p);
  return st;
}

vg_status vg_torch_read_legacy(vg_torchfile *f) {
  size_t at = magic_length(f->data, f->size);
  vg_status st;
  VG_TRY(check_version(f, &at));
  VG_TRY(check_machine(f, &at));
  VG_TRY(next_pickle(f, &f->object, "object", &at));
  VG_TRY(vg_torch_tree(f, f->object));
  VG_TRY(read_storages(f, &at));
done:
  return st;
}
