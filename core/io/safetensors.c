/* Reader: maps the file and believes nothing until it has been checked. Every tensor lies inside
   the buffer, none overlaps, together they cover it. */
#include "io/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/crc32.h"
#include "io/file.h"
#include "io/safetensors_impl.h"

struct vg_safetensors {
  vg_map map;
  const unsigned char *data;
  size_t size;
  char *name, *what;
  json_t *header, *sums; /* names and metadata live in here */
  vg_st_tensor *tensors;
  const vg_st_tensor **by_name;
  bool *verified; /* one a tensor: its CRC held once */
  size_t n_tensors;
  vg_st_meta *meta;
  size_t n_meta;
};

static void complain(const vg_safetensors *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void complain(const vg_safetensors *f, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vg_vfail(VG_EDATA, fmt, ap);
  va_end(ap);
  vg_fail_at(VG_EDATA, "%s: '%s' is damaged", f->what, f->name);
}
#define damaged(f, ...) (complain(f, __VA_ARGS__), VG_EDATA) /* compilers see the constant */

static vg_status read_header(vg_safetensors *f, size_t *data_at) {
  uint64_t n = 0;
  json_error_t err;
  const char *text = (const char *)f->data + 8;
  if (f->size < 8) return damaged(f, "%zu bytes are too few for a header", f->size);
  for (int i = 7; i >= 0; i--) n = n << 8 | f->data[i];
  if (n > VG_ST_HEADER_MAX)
    return damaged(f, "its header claims %llu bytes", (unsigned long long)n);
  if (n > f->size - 8)
    return damaged(f, "its header needs %llu bytes, the file has %zu (cut off?)",
                   (unsigned long long)n, f->size - 8);
  if (n < 2 || text[0] != '{') return damaged(f, "its header is not JSON");
  f->header = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &err);
  if (!f->header)
    return damaged(f, "its header is not JSON (%s at byte %d)", err.text, err.position);
  *data_at = 8 + (size_t)n;
  return VG_OK;
}

static int by_key(const void *x, const void *y) {
  return strcmp(((const vg_st_meta *)x)->key, ((const vg_st_meta *)y)->key);
}

static vg_status read_meta(vg_safetensors *f) {
  json_t *m = json_object_get(f->header, "__metadata__"), *v;
  const char *key;
  if (!m) return VG_OK;
  if (!json_is_object(m)) return damaged(f, "its metadata is not an object");
  f->meta = vg_calloc(json_object_size(m) + 1, sizeof *f->meta);
  if (!f->meta) return VG_ENOMEM;
  json_object_foreach(m, key, v) {
    if (!json_is_string(v)) return damaged(f, "metadata '%.100s' is not a string", key);
    f->meta[f->n_meta++] = (vg_st_meta){.key = key, .value = json_string_value(v)};
  }
  qsort(f->meta, f->n_meta, sizeof *f->meta, by_key);
  return VG_OK;
}

static bool whole(const json_t *v, uint64_t max, uint64_t *out) {
  if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
  *out = (uint64_t)json_integer_value(v);
  return *out <= max;
}

static vg_status read_shape(vg_safetensors *f, vg_st_tensor *t, const json_t *shape) {
  uint64_t d = 0;
  if (!json_is_array(shape)) return damaged(f, "tensor %.100s has no shape", t->name);
  if (json_array_size(shape) > VG_ST_MAX_DIM)
    return damaged(f, "tensor %.100s has more than %d dimensions", t->name, VG_ST_MAX_DIM);
  t->ndim = (int)json_array_size(shape);
  for (int i = 0; i < t->ndim; i++) {
    if (!whole(json_array_get(shape, (size_t)i), INT64_MAX, &d))
      return damaged(f, "tensor %.100s has an impossible shape", t->name);
    t->shape[i] = (int64_t)d;
  }
  return VG_OK;
}

static bool read_dtype(vg_st_tensor *t, const char *name) {
  for (int i = 0; name && i < VG_ST_DTYPES; i++) {
    if (strcmp(name, vg_st_dtype_name((vg_st_dtype)i)) != 0) continue;
    t->dtype = (vg_st_dtype)i;
    return true;
  }
  return false;
}

static vg_status read_tensor(vg_safetensors *f, vg_st_tensor *t, const char *name, const json_t *v,
                             size_t data_at) {
  const json_t *o = json_object_get(v, "data_offsets");
  const char *dtype = json_string_value(json_object_get(v, "dtype"));
  uint64_t begin = 0, end = 0, room = f->size - data_at;
  vg_status st;
  t->name = name;
  if (!json_is_object(v) || json_object_size(v) != 3)
    return damaged(f, "tensor %.100s is not described as it should be", name);
  if (!read_dtype(t, dtype))
    return damaged(f, "tensor %.100s has the unknown type '%.30s'", name, dtype ? dtype : "");
  VG_TRY(read_shape(f, t, json_object_get(v, "shape")));
  if (json_array_size(o) != 2 || !whole(json_array_get(o, 0), UINT64_MAX, &begin) ||
      !whole(json_array_get(o, 1), UINT64_MAX, &end) || begin > end)
    return damaged(f, "tensor %.100s has impossible offsets", name);
  if (end > room)
    return damaged(f, "tensor %.100s ends at byte %llu of %llu (cut off?)", name,
                   (unsigned long long)end, (unsigned long long)room);
  if (!vg_st_bytes(t, &t->bytes) || t->bytes != end - begin)
    return damaged(f, "tensor %.100s has %llu bytes, which does not fit its shape", name,
                   (unsigned long long)(end - begin));
  t->data = f->data + data_at + begin;
done:
  return st;
}

/* Empty tensors first among those that start together, so that the cover check can be a plain walk.
 */
static int by_place(const void *x, const void *y) {
  const vg_st_tensor *a = x, *b = y;
  if (a->data != b->data) return (const char *)a->data < (const char *)b->data ? -1 : 1;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
  return strcmp(a->name, b->name);
}

static int by_name(const void *x, const void *y) {
  return strcmp((*(const vg_st_tensor *const *)x)->name, (*(const vg_st_tensor *const *)y)->name);
}

static vg_status check_cover(vg_safetensors *f, size_t data_at) {
  const unsigned char *at = f->data + data_at;
  for (size_t i = 0; i < f->n_tensors; i++) {
    const vg_st_tensor *t = &f->tensors[i];
    if ((const unsigned char *)t->data != at)
      return damaged(f, "tensor %.100s %s", t->name,
                     (const unsigned char *)t->data < at ? "overlaps the one before it"
                                                         : "leaves a hole before it");
    at += t->bytes;
  }
  if (at != f->data + f->size)
    return damaged(f, "%zu bytes at its end belong to no tensor", (size_t)(f->data + f->size - at));
  return VG_OK;
}

static vg_status read_tensors(vg_safetensors *f, size_t data_at) {
  size_t n = json_object_size(f->header);
  const char *key;
  json_t *v;
  vg_status st = VG_OK;
  f->tensors = vg_calloc(n + 1, sizeof *f->tensors);
  f->by_name = vg_calloc(n + 1, sizeof *f->by_name);
  f->verified = vg_calloc(n + 1, sizeof *f->verified);
  if (!f->tensors || !f->by_name || !f->verified) return VG_ENOMEM;
  json_object_foreach(f->header, key, v) {
    if (strcmp(key, "__metadata__") == 0) continue;
    VG_TRY(read_tensor(f, &f->tensors[f->n_tensors], key, v, data_at));
    f->n_tensors++;
  }
  qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_place);
  VG_TRY(check_cover(f, data_at));
  for (size_t i = 0; i < f->n_tensors; i++) f->by_name[i] = &f->tensors[i];
  qsort(f->by_name, f->n_tensors, sizeof *f->by_name, by_name);
done:
  return st;
}

static bool parse_hex(const char *s, uint32_t *out) {
  *out = 0;
  if (!s || strlen(s) != 8) return false;
  for (; *s; s++) {
    const char *digits = "0123456789abcdef", *d = strchr(digits, *s);
    if (!d) return false;
    *out = *out << 4 | (uint32_t)(d - digits);
  }
  return true;
}

/* Our own files carry sums: all or none, and the header's must hold at once. */
static vg_status read_sums(vg_safetensors *f) {
  const char *text = vg_safetensors_meta(f, VG_ST_CRC_KEY);
  const char *own = vg_safetensors_meta(f, VG_ST_HEADER_CRC_KEY);
  const vg_st_tensor **order;
  uint32_t want = 0, crc;
  vg_status st = VG_OK;
  if (!text && !own) return VG_OK;
  f->sums = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (!json_is_object(f->sums) || !parse_hex(own, &want) ||
      json_object_size(f->sums) != f->n_tensors)
    return damaged(f, "its check sums do not fit its tensors");
  order = vg_calloc(f->n_tensors + 1, sizeof *order);
  if (!order) return VG_ENOMEM;
  for (size_t i = 0; i < f->n_tensors && st == VG_OK; i++) {
    vg_st_tensor *t = &f->tensors[i];
    order[i] = t;
    if (!parse_hex(json_string_value(json_object_get(f->sums, t->name)), &t->crc))
      st = damaged(f, "tensor %.100s has no check sum", t->name);
  }
  if (st == VG_OK) {
    crc = vg_st_header_crc(order, f->n_tensors, f->meta, f->n_meta);
    if (crc != want) st = damaged(f, "its header fails its CRC");
  }
  vg_free(order);
  return st;
}

static vg_status parse(vg_safetensors *f) {
  size_t data_at = 0;
  vg_status st;
  VG_TRY(read_header(f, &data_at));
  VG_TRY(read_meta(f));
  VG_TRY(read_tensors(f, data_at));
  VG_TRY(read_sums(f));
done:
  return st;
}

void vg_safetensors_close(vg_safetensors *f) {
  if (!f) return;
  vg_map_close(&f->map);
  json_decref(f->header);
  json_decref(f->sums);
  vg_free(f->tensors);
  vg_free(f->by_name);
  vg_free(f->verified);
  vg_free(f->meta);
  vg_free(f->name);
  vg_free(f->what);
  vg_free(f);
}

static vg_safetensors *create(const char *name, const char *what) {
  vg_safetensors *f = vg_calloc(1, sizeof *f);
  if (!f) return NULL;
  f->name = vg_strdup(name);
  f->what = vg_strdup(what);
  if (f->name && f->what) return f;
  vg_safetensors_close(f);
  return NULL;
}

vg_status vg_safetensors_parse(vg_safetensors **out, const void *data, size_t size,
                               const char *name, const char *what) {
  vg_safetensors *f = create(name, what);
  vg_status st;
  if (!f) return VG_ENOMEM;
  f->data = data;
  f->size = size;
  VG_TRY(parse(f));
  *out = f;
  f = NULL;
done:
  vg_safetensors_close(f);
  return st;
}

vg_status vg_safetensors_open(vg_safetensors **out, const char *path, const char *what) {
  vg_safetensors *f = create(path, what);
  vg_status st;
  if (!f) return VG_ENOMEM;
  VG_TRY(vg_map_open(&f->map, path, what));
  f->data = f->map.data;
  f->size = f->map.size;
  VG_TRY(parse(f));
  *out = f;
  f = NULL;
done:
  vg_safetensors_close(f);
  return st;
}

size_t vg_safetensors_count(const vg_safetensors *f) { return f->n_tensors; }

const vg_st_tensor *vg_safetensors_at(const vg_safetensors *f, size_t i) { return &f->tensors[i]; }

const vg_st_tensor *vg_safetensors_find(const vg_safetensors *f, const char *name) {
  vg_st_tensor key = {.name = name};
  const vg_st_tensor *k = &key, *const * found;
  found = bsearch(&k, f->by_name, f->n_tensors, sizeof *f->by_name, by_name);
  return found ? *found : NULL;
}

size_t vg_safetensors_meta_count(const vg_safetensors *f) { return f->n_meta; }

vg_st_meta vg_safetensors_meta_at(const vg_safetensors *f, size_t i) { return f->meta[i]; }

const char *vg_safetensors_meta(const vg_safetensors *f, const char *key) {
  vg_st_meta k = {.key = key};
  const vg_st_meta *found =
      f->n_meta ? bsearch(&k, f->meta, f->n_meta, sizeof *f->meta, by_key) : NULL;
  return found ? found->value : NULL;
}

vg_status vg_safetensors_verify(const vg_safetensors *f, const vg_st_tensor *t) {
  size_t i = (size_t)(t - f->tensors);
  if (!f->sums || f->verified[i]) return VG_OK;
  if (vg_crc32_team(t->data, t->bytes, NULL, NULL) != t->crc)
    return damaged(f, "tensor %.200s fails its CRC", t->name);
  f->verified[i] = true;
  return VG_OK;
}
