/* Opening, the zip container, look-ups. */
#include "io/torchfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/torchfile_impl.h"

/* Memory a pickle may take, beyond what its own size allows. */
enum { PICKLE_MEMORY = 64 << 20 };

void vg_torch_complain(const vg_torchfile *f, const char *verdict, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vg_vfail(VG_EDATA, fmt, ap);
  va_end(ap);
  vg_fail_at(VG_EDATA, "%s: '%s' %s", f->what, f->name, verdict);
}

bool vg_torchfile_is(const void *data, size_t size) {
  return vg_zip_is(data, size) || vg_torch_is_legacy(data, size);
}

vg_status vg_torch_pickle(const vg_torchfile *f, vg_pickle **out, const char *part,
                          const void *data, size_t size) {
  vg_pickle_options opt = {
      .allow = vg_torch_allow, .persistent_ids = true, .memory_limit = PICKLE_MEMORY + 2 * size};
  vg_status st = vg_pickle_load(out, data, size, part, &opt);
  return st == VG_EDATA ? vg_fail_at(st, "%s: '%s' cannot be read", f->what, f->name) : st;
}

/* ---- zip ---- */

/* The folder that holds data.pkl; torch.save names it after the file. */
static vg_status find_prefix(vg_torchfile *f) {
  static const char tail[] = "data.pkl";
  const char *found = NULL;
  for (size_t i = 0; i < vg_zip_count(f->zip); i++) {
    const char *name = vg_zip_at(f->zip, i)->name, *slash = strchr(name, '/');
    const char *rest = slash ? slash + 1 : name;
    if (strcmp(rest, "constants.pkl") == 0)
      return vg_torch_refused(f,
                              "it is TorchScript (program and weights in one); in Python: "
                              "torch.save(torch.jit.load(path).state_dict(), ...)");
    if (strcmp(rest, tail) != 0) continue;
    if (found) return vg_torch_damaged(f, "it holds two data.pkl");
    found = name;
  }
  if (!found) return vg_torch_refused(f, "it is a zip archive without data.pkl, not torch.save's");
  f->folder = found;
  f->prefix = strlen(found) - (sizeof tail - 1);
  return VG_OK;
}

/* The entry PREFIX/folder/key, or NULL. */
static vg_zip_entry *entry(const vg_torchfile *f, const char *folder, vg_pk_bytes key) {
  vg_text name = {0};
  vg_zip_entry *e = NULL;
  vg_text_add(&name, f->folder, f->prefix);
  vg_text_add(&name, folder, strlen(folder));
  vg_text_add(&name, key.p, key.n);
  if (!name.failed && strlen(vg_text_str(&name)) == name.len)
    e = vg_zip_find(f->zip, vg_text_str(&name));
  vg_text_free(&name);
  return e;
}

static vg_status check_byte_order(vg_torchfile *f) {
  vg_zip_entry *e = entry(f, "byteorder", (vg_pk_bytes){.p = "", .n = 0});
  const void *text;
  vg_status st = VG_OK;
  if (!e) return st; /* before PyTorch 2.1 */
  VG_TRY(vg_zip_verify(f->zip, e));
  VG_TRY(vg_zip_data(f->zip, e, &text));
  if (e->size == 3 && memcmp(text, "big", 3) == 0)
    return vg_torch_refused(f, "it was written on a big-endian machine");
  if (e->size != 6 || memcmp(text, "little", 6) != 0)
    return vg_torch_damaged(f, "it does not say which byte order it has");
done:
  return st;
}

static vg_status find_storages(vg_torchfile *f) {
  vg_status st = VG_OK;
  for (size_t i = 0; i < f->n_storages; i++) {
    vg_torch_storage *s = &f->storages[i];
    const void *data;
    s->entry = entry(f, "data/", s->key);
    if (!s->entry)
      return vg_torch_damaged(f, "entry data/%.*s is missing", (int)s->key.n, s->key.p);
    if (s->entry->size != s->bytes)
      return vg_torch_damaged(f, "entry data/%.*s has %zu bytes, its tensors claim %zu",
                              (int)s->key.n, s->key.p, s->entry->size, s->bytes);
    VG_TRY(vg_zip_data(f->zip, s->entry, &data));
    s->data = data;
  }
done:
  return st;
}

static vg_status read_zip(vg_torchfile *f) {
  vg_zip_entry *e;
  const void *text;
  vg_status st;
  VG_TRY(vg_zip_open(&f->zip, f->data, f->size, f->name, f->what));
  VG_TRY(find_prefix(f));
  VG_TRY(check_byte_order(f));
  e = entry(f, "data.pkl", (vg_pk_bytes){.p = "", .n = 0});
  VG_TRY(vg_zip_verify(f->zip, e));
  VG_TRY(vg_zip_data(f->zip, e, &text));
  VG_TRY(vg_torch_pickle(f, &f->object, "data.pkl", text, e->size));
  VG_TRY(vg_torch_tree(f, f->object));
  VG_TRY(find_storages(f));
done:
  return st;
}

/* ---- after either ---- */

static int by_name(const void *x, const void *y) {
  const vg_st_tensor *a = *(const vg_st_tensor *const *)x, *b = *(const vg_st_tensor *const *)y;
  int c = strcmp(a->name, b->name);
  return c ? c : (a > b) - (a < b); /* as in the file */
}

/* Of two values of one key the later one counts, as in Python. */
static void drop_repeated(vg_torchfile *f) {
  size_t kept = 0;
  for (size_t i = 0; i < f->n_tensors; i++) {
    vg_torch_tensor *t = (vg_torch_tensor *)(uintptr_t)f->by_name[i];
    bool last = i + 1 == f->n_tensors || strcmp(t->t.name, f->by_name[i + 1]->name) != 0;
    t->repeated = !last;
  }
  for (size_t i = 0; i < f->n_tensors; i++) {
    if (f->tensors[i].repeated) {
      vg_free((void *)(uintptr_t)f->tensors[i].t.name);
      continue;
    }
    if (kept != i) {
      f->tensors[kept] = f->tensors[i];
      if (f->tensors[kept].strided) f->tensors[kept].t.stride = f->tensors[kept].stride;
    }
    kept++;
  }
  f->n_tensors = kept;
}

static vg_status index_tensors(vg_torchfile *f) {
  size_t before = f->n_tensors;
  f->by_name = vg_calloc(before + 1, sizeof *f->by_name);
  if (!f->by_name) return VG_ENOMEM;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < f->n_tensors; i++) f->by_name[i] = &f->tensors[i].t;
    if (f->n_tensors) qsort(f->by_name, f->n_tensors, sizeof *f->by_name, by_name);
    if (pass == 0) drop_repeated(f);
    if (f->n_tensors == before) break;
  }
  return VG_OK;
}

/* Points every tensor at its bytes. A few bytes of storage can be shown as many (strides of zero,
   one storage a thousand times): more than a multiple of the file is refused. */
static vg_status settle(vg_torchfile *f) {
  uint64_t total = 0, most = 8 * (uint64_t)f->size + (1u << 20);
  for (size_t i = 0; i < f->n_tensors; i++) {
    vg_torch_tensor *t = &f->tensors[i];
    const vg_torch_storage *s = &f->storages[t->storage];
    if (t->t.bytes && !s->data)
      return vg_torch_damaged(f, "the storage of tensor %.200s is missing", t->t.name);
    t->t.data = t->t.bytes ? s->data + t->offset : NULL;
    if (__builtin_add_overflow(total, t->t.bytes, &total) || total > most)
      return vg_torch_refused(f, "its tensors would take more than %llu bytes, the file has %zu",
                              (unsigned long long)most, f->size);
  }
  return VG_OK;
}

static vg_status parse(vg_torchfile *f) {
  vg_status st;
  VG_TRY(vg_zip_is(f->data, f->size) ? read_zip(f) : vg_torch_read_legacy(f));
  VG_TRY(settle(f));
  VG_TRY(index_tensors(f));
done:
  return st;
}

vg_status vg_torchfile_parse(vg_torchfile **out, const void *data, size_t size, const char *name,
                             const char *what) {
  vg_torchfile *f = vg_calloc(1, sizeof *f);
  vg_status st = VG_ENOMEM;
  if (!f) return st;
  f->data = data;
  f->size = size;
  f->name = vg_strdup(name);
  f->what = vg_strdup(what);
  if (!f->name || !f->what) goto done;
  if (!vg_torchfile_is(data, size)) {
    st = vg_torch_refused(f, "it is no file of torch.save");
    goto done;
  }
  VG_TRY(parse(f));
  *out = f;
  f = NULL;
done:
  vg_torchfile_close(f);
  return st;
}

void vg_torchfile_close(vg_torchfile *f) {
  if (!f) return;
  for (size_t i = 0; i < f->n_tensors; i++) vg_free((void *)(uintptr_t)f->tensors[i].t.name);
  vg_free(f->tensors);
  vg_free(f->by_name);
  vg_free(f->storages);
  vg_pickle_free(f->object);
  vg_zip_close(f->zip);
  vg_text_free(&f->plain);
  vg_free(f->name);
  vg_free(f->what);
  vg_free(f);
}

bool vg_torchfile_is_zip(const vg_torchfile *f) { return f->zip != NULL; }

size_t vg_torchfile_count(const vg_torchfile *f) { return f->n_tensors; }

const vg_st_tensor *vg_torchfile_at(const vg_torchfile *f, size_t i) { return &f->tensors[i].t; }

const vg_st_tensor *vg_torchfile_find(const vg_torchfile *f, const char *name) {
  size_t lo = 0, hi = f->n_tensors;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strcmp(f->by_name[mid]->name, name);
    if (c == 0) return f->by_name[mid];
    if (c < 0) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return NULL;
}

const char *vg_torchfile_plain(const vg_torchfile *f) { return vg_text_str(&f->plain); }

vg_status vg_torchfile_extra(const vg_torchfile *f, const char *name, const char **text,
                             size_t *n) {
  vg_zip_entry *e = f->zip ? entry(f, "extra/", (vg_pk_bytes){.p = name, .n = strlen(name)}) : NULL;
  const void *data = NULL;
  vg_status st = VG_OK;
  *text = NULL;
  *n = 0;
  if (!e) return st;
  VG_TRY(vg_zip_verify(f->zip, e));
  VG_TRY(vg_zip_data(f->zip, e, &data));
  *text = data;
  *n = e->size;
done:
  return st;
}

void vg_torchfile_on_read(vg_torchfile *f, void (*read)(void *, const void *, size_t), void *arg) {
  if (f->zip) vg_zip_on_read(f->zip, read, arg);
}

vg_status vg_torchfile_verify(const vg_torchfile *f, const vg_st_tensor *t) {
  const vg_torch_storage *s = &f->storages[((const vg_torch_tensor *)t)->storage];
  return s->entry ? vg_zip_verify(f->zip, s->entry) : VG_OK;
}
