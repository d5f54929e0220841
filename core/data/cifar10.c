/* Reading CIFAR-10. Whatever its form, batch k lands at record k * 10,000 of one block of memory;
   gaps left by shorter files are closed at the end. */
#include "data/cifar10.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "io/pickle.h"
#include "io/tar.h"

const char *const vg_cifar10_classes[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                            "dog",      "frog",       "horse", "ship", "truck"};

#define PIXELS (VG_CIFAR_RECORD - 1)
#define FULL ((int64_t)VG_CIFAR_BATCH * VG_CIFAR_RECORD)

typedef struct reader {
  vg_records *to;
  const vg_cifar_place *place;
  bool train, partial, python;
  bool seen[5];     /* files read */
  int64_t count[5]; /* records in each */
} reader;

const char *vg_grouped(int64_t n) {
  static _Thread_local char ring[4][40];
  static _Thread_local int next;
  char digits[24], *out = ring[next++ & 3];
  int len = snprintf(digits, sizeof digits, "%lld", (long long)n), k = 0;
  for (int i = 0; i < len; i++) {
    out[k++] = digits[i];
    if ((len - 1 - i) % 3 == 0 && i < len - 1 && digits[i] != '-') out[k++] = ',';
  }
  out[k] = 0;
  return out;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static const char *name_of(const reader *r, int file) {
  static const char *const names[2][6] = {
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
       "data_batch_5.bin", "test_batch.bin"},
      {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5",
       "test_batch"}};
  return names[r->python][r->train ? file : 5];
}

/* Number of the batch file called `name`, or -1 if this reader does not want it. */
static int file_number(const reader *r, const char *name) {
  for (int i = 0; i < (r->train ? 5 : 1); i++)
    if (strcmp(base_name(name), name_of(r, i)) == 0) return i;
  return -1;
}

static vg_status wrong_size(const reader *r, const char *name, int64_t size) {
  int64_t whole = size / VG_CIFAR_RECORD;
  bool tar = r->place->form == VG_CIFAR_BIN_TAR;
  if (r->partial)
    return vg_fail(
        VG_EDATA,
        "data: %s is %s bytes, want whole records of %s bytes, at most %s of them (download "
        "cut off?)",
        name, vg_grouped(size), vg_grouped(VG_CIFAR_RECORD), vg_grouped(VG_CIFAR_BATCH));
  if (size > 0 && size < FULL && size % VG_CIFAR_RECORD == 0)
    return vg_fail(
        VG_EDATA,
        "data: %s is %s bytes, expected %s (download cut off?). Delete it, or: vgglua fetch "
        "cifar10 --repair\nIt holds %s whole records: --partial-data uses it as it is",
        name, vg_grouped(size), vg_grouped(FULL), vg_grouped(whole));
  return vg_fail(VG_EDATA,
                 "data: %s%s%s is %s bytes, expected %s (%s). Delete it, or: vgglua fetch "
                 "cifar10 --repair",
                 name, tar ? " in " : "", tar ? base_name(r->place->path) : "", vg_grouped(size),
                 vg_grouped(FULL), size < FULL ? "download cut off?" : "not a CIFAR-10 file?");
}

static vg_status check_count(const reader *r, const char *name, int64_t size) {
  bool fits =
      size == FULL || (r->partial && size > 0 && size < FULL && size % VG_CIFAR_RECORD == 0);
  return fits ? VG_OK : wrong_size(r, name, size);
}

static vg_status check_label(const char *name, int64_t record, int64_t label) {
  if (label >= 0 && label <= 9) return VG_OK;
  return vg_fail(
      VG_EDATA, "data: %s record %lld has label %lld; CIFAR-10 labels are 0..9. Is this CIFAR-100?",
      name, (long long)record, (long long)label);
}

static vg_status check_labels(reader *r, int file) {
  for (int64_t i = 0; i < r->count[file]; i++) {
    vg_status st = check_label(name_of(r, file), i + 1,
                               *vg_record_at(r->to, (int64_t)file * VG_CIFAR_BATCH + i));
    if (st != VG_OK) return st;
  }
  r->seen[file] = true;
  return VG_OK;
}

static vg_status take_binary(reader *r, int file, const void *data, size_t size) {
  vg_status st = check_count(r, name_of(r, file), (int64_t)size);
  if (st != VG_OK) return st;
  memcpy(vg_record_at(r->to, (int64_t)file * VG_CIFAR_BATCH), data, size);
  r->count[file] = (int64_t)size / VG_CIFAR_RECORD;
  return check_labels(r, file);
}

/* The array and label list of a pickled batch, checked against each other. */
static vg_status batch_parts(const reader *r, const char *name, const vg_pk *root,
                             const vg_pk **data, const vg_pk **labels) {
  const vg_pk *d = vg_pk_get(root, "data"), *l = vg_pk_get(root, "labels");
  if (!d || !l || l->kind != VG_PK_LIST)
    return vg_fail(VG_EDATA, "data: %s has no 'data' and 'labels': is this CIFAR-100?", name);
  if (d->kind != VG_PK_ARRAY || strcmp(d->array->code, "u1") || d->array->fortran ||
      d->array->ndim != 2 || d->array->shape[1] != PIXELS)
    return vg_fail(VG_EDATA, "data: %s: want an array of N x 3072 bytes under 'data'", name);
  int64_t n = d->array->shape[0];
  if (n < 1 || n > VG_CIFAR_BATCH || (n != VG_CIFAR_BATCH && !r->partial))
    return vg_fail(VG_EDATA, "data: %s has %s images, expected %s", name, vg_grouped(n),
                   vg_grouped(VG_CIFAR_BATCH));
  if ((int64_t)l->seq.n != n)
    return vg_fail(VG_EDATA, "data: %s has %s images but %s labels", name, vg_grouped(n),
                   vg_grouped((int64_t)l->seq.n));
  *data = d;
  *labels = l;
  return VG_OK;
}

static vg_status take_pickle(reader *r, int file, const void *bytes, size_t size) {
  const char *name = name_of(r, file);
  const vg_pk *data = NULL, *labels = NULL;
  vg_pickle *p = NULL;
  vg_status st;
  VG_TRY(vg_pickle_load(&p, bytes, size, name, NULL));
  VG_TRY(batch_parts(r, name, vg_pickle_root(p), &data, &labels));
  r->count[file] = data->array->shape[0];
  for (int64_t i = 0; i < r->count[file]; i++) {
    const vg_pk *label = labels->seq.v[i];
    uint8_t *record = vg_record_at(r->to, (int64_t)file * VG_CIFAR_BATCH + i);
    VG_TRY(check_label(name, i + 1, label->kind == VG_PK_INT ? label->i : -1));
    record[0] = (uint8_t)label->i;
    memcpy(record + 1, (const uint8_t *)data->array->data + i * PIXELS, PIXELS);
  }
  r->seen[file] = true;
done:
  vg_pickle_free(p);
  if (st == VG_EDATA && strncmp(vg_error(), "data:", 5)) vg_fail_at(st, "data");
  return st;
}

static vg_status other_class(int i, const char *got, size_t n) {
  return vg_fail(VG_EDATA, "data: class %d is called '%.*s', expected '%s'. Is this CIFAR-10?", i,
                 (int)(n < 60 ? n : 60), got, vg_cifar10_classes[i]);
}

static vg_status check_text_names(const char *text, size_t size) {
  size_t at = 0;
  for (int i = 0; i < 10; i++) {
    size_t n = 0;
    while (at + n < size && text[at + n] != '\n' && text[at + n] != '\r') n++;
    if (n != strlen(vg_cifar10_classes[i]) || memcmp(text + at, vg_cifar10_classes[i], n))
      return other_class(i, text + at, n);
    at += n;
    while (at < size && (text[at] == '\n' || text[at] == '\r')) at++;
  }
  return VG_OK;
}

static vg_status check_pickle_names(const void *bytes, size_t size) {
  vg_pickle *p = NULL;
  vg_status st;
  VG_TRY(vg_pickle_load(&p, bytes, size, "data: batches.meta", NULL));
  const vg_pk *names = vg_pk_get(vg_pickle_root(p), "label_names");
  if (!names || names->kind != VG_PK_LIST || names->seq.n != 10) {
    st = vg_fail(VG_EDATA, "data: batches.meta has no list of ten label_names");
    goto done;
  }
  for (int i = 0; i < 10; i++) {
    const vg_pk *v = names->seq.v[i];
    bool text = v->kind == VG_PK_STR || v->kind == VG_PK_BYTES;
    if (!vg_pk_is(v, vg_cifar10_classes[i])) {
      st = other_class(i, text ? v->text.p : "?", text ? v->text.n : 1);
      goto done;
    }
  }
done:
  vg_pickle_free(p);
  return st;
}

static const char *meta_name(const reader *r) {
  return r->python ? "batches.meta" : "batches.meta.txt";
}

static vg_status take(reader *r, const char *name, const void *data, size_t size) {
  if (strcmp(base_name(name), meta_name(r)) == 0)
    return r->python ? check_pickle_names(data, size) : check_text_names(data, size);
  int file = file_number(r, name);
  if (file < 0) return VG_OK;
  return r->python ? take_pickle(r, file, data, size) : take_binary(r, file, data, size);
}

static bool want_member(void *arg, const char *name, size_t size) {
  const reader *r = arg;
  (void)size;
  return strcmp(base_name(name), meta_name(r)) == 0 || file_number(r, name) >= 0;
}

static vg_status take_member(void *arg, const char *name, const void *data, size_t size) {
  return take(arg, name, data, size);
}

/* Size of an open file, or -1. */
static int64_t file_size(FILE *f) {
  struct stat s;
  return fstat(fileno(f), &s) == 0 && S_ISREG(s.st_mode) ? (int64_t)s.st_size : -1;
}

/* One file of a directory; a missing one is no error here. */
static vg_status take_file(reader *r, const char *name) {
  char path[4096 + 64];
  void *data = NULL;
  vg_status st = VG_OK;
  snprintf(path, sizeof path, "%s/%s", r->place->path, name);
  FILE *f = fopen(path, "rb");
  if (!f && errno == ENOENT) return VG_OK;
  int64_t size = f ? file_size(f) : -1;
  if (size < 0) {
    st = vg_fail(VG_EIO, "data: cannot read %s: %s", path, strerror(errno));
    goto done;
  }
  if (!r->python && file_number(r, name) >= 0)
    VG_TRY(check_count(r, name, size)); /* before 4 GB are read */
  if (size > 4 * FULL) {
    st = vg_fail(VG_EDATA, "data: %s is %s bytes: not a CIFAR-10 file", path, vg_grouped(size));
    goto done;
  }
  data = vg_alloc((size_t)size + 1);
  if (!data) {
    st = VG_ENOMEM;
    goto done;
  }
  if (fread(data, 1, (size_t)size, f) != (size_t)size) {
    st = vg_fail(VG_EIO, "data: cannot read %s: %s", path, strerror(errno));
    goto done;
  }
  st = take(r, name, data, (size_t)size);
done:
  vg_free(data);
  if (f) fclose(f);
  return st;
}

static vg_status take_all(reader *r) {
  vg_status st = VG_OK;
  if (r->place->form == VG_CIFAR_BIN_TAR || r->place->form == VG_CIFAR_PY_TAR) {
    st = vg_tar_each_wanted(r->place->path, want_member, take_member, r);
    if (st != VG_OK && strncmp(vg_error(), "data:", 5)) vg_fail_at(st, "data");
    return st;
  }
  VG_TRY(take_file(r, meta_name(r)));
  for (int i = 0; i < (r->train ? 5 : 1); i++) VG_TRY(take_file(r, name_of(r, i)));
done:
  return st;
}

/* Closes the gaps behind short files and says what is missing. */
static vg_status pack(reader *r) {
  int64_t n = 0;
  for (int i = 0; i < (r->train ? 5 : 1); i++) {
    if (!r->seen[i] && !(r->partial && r->train))
      return vg_fail(VG_EDATA, "data: %s is missing in %s. Run: vgglua fetch cifar10 --repair",
                     name_of(r, i), r->place->path);
    memmove(vg_record_at(r->to, n), vg_record_at(r->to, (int64_t)i * VG_CIFAR_BATCH),
            (size_t)r->count[i] * VG_CIFAR_RECORD);
    n += r->count[i];
  }
  if (!n)
    return vg_fail(VG_EDATA, "data: no %s files in %s", r->train ? "training" : "test",
                   r->place->path);
  r->to->n = n;
  return VG_OK;
}

vg_status vg_cifar10_read(vg_records **out, const vg_cifar_place *place, bool train, bool partial) {
  reader r = {.place = place, .train = train, .partial = partial};
  vg_status st;
  r.python = place->form == VG_CIFAR_PY_DIR || place->form == VG_CIFAR_PY_TAR;
  VG_TRY(vg_records_new(&r.to, (train ? 5 : 1) * VG_CIFAR_BATCH, VG_CIFAR_SIDE, VG_CIFAR_SIDE));
  VG_TRY(take_all(&r));
  VG_TRY(pack(&r));
  *out = r.to;
  r.to = NULL;
done:
  vg_records_release(r.to);
  return st;
}
