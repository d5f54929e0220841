/* Writer. The header's length does not depend on the sums in it, so the tensors go out first, each
   read once, and the header with its sums last. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/crc32.h"
#include "io/file.h"
#include "io/safetensors_impl.h"

enum { ALIGN = 64 }; /* of the first tensor in the file; the format asks for 8 */

typedef struct item {
  vg_st_tensor t;
  size_t source; /* its place in the caller's list */
} item;

typedef struct writer {
  const vg_st_contents *c;
  const char *what;
  item *items;
  const vg_st_tensor **order;
  vg_st_meta *meta; /* sorted */
  vg_text header;
} writer;

static void quote(vg_text *t, const char *s) {
  vg_text_add(t, "\"", 1);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') {
      vg_text_printf(t, "\\%c", c);
    } else if (c == '\n') {
      vg_text_add(t, "\\n", 2);
    } else if (c < 32) {
      vg_text_printf(t, "\\u%04x", c);
    } else {
      vg_text_add(t, s, 1);
    }
  }
  vg_text_add(t, "\"", 1);
}

static int by_size_and_name(const void *x, const void *y) {
  const item *a = x, *b = y;
  size_t sa = vg_st_dtype_size(a->t.dtype), sb = vg_st_dtype_size(b->t.dtype);
  return sa != sb ? (sa < sb) - (sa > sb) : strcmp(a->t.name, b->t.name);
}

static int by_name(const void *x, const void *y) {
  return strcmp((*(const vg_st_tensor *const *)x)->name, (*(const vg_st_tensor *const *)y)->name);
}

static int by_key(const void *x, const void *y) {
  return strcmp(((const vg_st_meta *)x)->key, ((const vg_st_meta *)y)->key);
}

/* Fails on a name twice; leaves w->order in file order. */
static vg_status unique(writer *w) {
  size_t n = w->c->n_tensors;
  for (size_t i = 0; i < n; i++) w->order[i] = &w->items[i].t;
  qsort(w->order, n, sizeof *w->order, by_name);
  for (size_t i = 0; i + 1 < n; i++)
    if (strcmp(w->order[i]->name, w->order[i + 1]->name) == 0)
      return vg_fail(VG_EINVAL, "%s: tensor '%s' is there twice", w->what, w->order[i]->name);
  for (size_t i = 0; i + 1 < w->c->n_meta; i++)
    if (strcmp(w->meta[i].key, w->meta[i + 1].key) == 0)
      return vg_fail(VG_EINVAL, "%s: metadata '%s' is there twice", w->what, w->meta[i].key);
  for (size_t i = 0; i < n; i++) w->order[i] = &w->items[i].t;
  return VG_OK;
}

static vg_status prepare(writer *w) {
  size_t n = w->c->n_tensors, m = w->c->n_meta;
  w->items = vg_calloc(n + 1, sizeof *w->items);
  w->order = vg_calloc(n + 1, sizeof *w->order);
  w->meta = vg_calloc(m + 1, sizeof *w->meta);
  if (!w->items || !w->order || !w->meta) return VG_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    vg_st_tensor *t = &w->items[i].t;
    *t = w->c->tensors[i];
    w->items[i].source = i;
    t->crc = 0;
    if (!t->name || !*t->name || strcmp(t->name, "__metadata__") == 0)
      return vg_fail(VG_EINVAL, "%s: '%s' is no name for a tensor", w->what, t->name);
    if (t->ndim < 0 || t->ndim > VG_ST_MAX_DIM || !vg_st_bytes(t, &t->bytes))
      return vg_fail(VG_EINVAL, "%s: tensor '%s' has an impossible shape", w->what, t->name);
  }
  if (m) memcpy(w->meta, w->c->meta, m * sizeof *w->meta);
  qsort(w->items, n, sizeof *w->items, by_size_and_name);
  qsort(w->meta, m, sizeof *w->meta, by_key);
  return unique(w);
}

/* The sums as a JSON object, itself quoted as a metadata string. */
static void add_sums(writer *w) {
  vg_text sums = {0};
  vg_text_add(&sums, "{", 1);
  for (size_t i = 0; i < w->c->n_tensors; i++) {
    if (i) vg_text_add(&sums, ",", 1);
    quote(&sums, w->order[i]->name);
    vg_text_printf(&sums, ":\"%08x\"", w->order[i]->crc);
  }
  vg_text_add(&sums, "}", 1);
  quote(&w->header, VG_ST_CRC_KEY);
  vg_text_add(&w->header, ":", 1);
  quote(&w->header, vg_text_str(&sums));
  vg_text_printf(&w->header, ",\"" VG_ST_HEADER_CRC_KEY "\":\"%08x\"",
                 vg_st_header_crc(w->order, w->c->n_tensors, w->meta, w->c->n_meta));
  w->header.failed |= sums.failed;
  vg_text_free(&sums);
}

static vg_status build_header(writer *w) {
  static const char spaces[ALIGN] =
      "                                                               ";
  size_t at = 0;
  w->header.len = 0;
  vg_text_printf(&w->header, "{\"__metadata__\":{");
  for (size_t i = 0; i < w->c->n_meta; i++) {
    quote(&w->header, w->meta[i].key);
    vg_text_add(&w->header, ":", 1);
    quote(&w->header, w->meta[i].value);
    vg_text_add(&w->header, ",", 1);
  }
  add_sums(w);
  vg_text_add(&w->header, "}", 1);
  for (size_t i = 0; i < w->c->n_tensors; i++) {
    const vg_st_tensor *t = w->order[i];
    vg_text_add(&w->header, ",", 1);
    quote(&w->header, t->name);
    vg_text_printf(&w->header, ":{\"dtype\":\"%s\",\"shape\":[", vg_st_dtype_name(t->dtype));
    for (int d = 0; d < t->ndim; d++)
      vg_text_printf(&w->header, d ? ",%lld" : "%lld", (long long)t->shape[d]);
    vg_text_printf(&w->header, "],\"data_offsets\":[%zu,%zu]}", at, at + t->bytes);
    at += t->bytes;
  }
  vg_text_add(&w->header, "}", 1);
  vg_text_add(&w->header, spaces, (ALIGN - (8 + w->header.len) % ALIGN) % ALIGN);
  if (w->header.failed) return VG_ENOMEM;
  if (w->header.len > VG_ST_HEADER_MAX)
    return vg_fail(VG_EINVAL, "%s: names and metadata of more than 100 MB", w->what);
  return VG_OK;
}

/* What we write must be readable: names that are not UTF-8 are not. */
static vg_status check_header(const writer *w) {
  json_error_t err;
  json_t *parsed = json_loadb(w->header.data, w->header.len, JSON_REJECT_DUPLICATES, &err);
  if (!parsed)
    return vg_fail(VG_EINVAL, "%s: a name or metadata is not text: %s", w->what, err.text);
  json_decref(parsed);
  return VG_OK;
}

static vg_status put_tensors(writer *w, vg_replace *r, uint64_t at) {
  vg_status st = VG_OK;
  for (size_t i = 0; i < w->c->n_tensors; i++) {
    vg_st_tensor *t = &w->items[i].t;
    const void *data = t->data;
    if (w->c->fetch) VG_TRY(w->c->fetch(w->c->arg, w->items[i].source, &data));
    t->crc = vg_crc32(0, data, t->bytes);
    VG_TRY(vg_replace_write_at(r, data, t->bytes, at));
    at += t->bytes;
  }
done:
  return st;
}

static vg_status put_header(writer *w, vg_replace *r) {
  unsigned char length[8];
  vg_status st;
  VG_TRY(build_header(w));
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)w->header.len >> 8 * i);
  VG_TRY(vg_replace_write_at(r, length, sizeof length, 0));
  VG_TRY(vg_replace_write_at(r, w->header.data, w->header.len, sizeof length));
done:
  return st;
}

vg_status vg_safetensors_write(const char *path, const vg_st_contents *c, const char *what) {
  writer w = {.c = c, .what = what};
  vg_replace *r = NULL, *ended;
  size_t length;
  vg_status st;
  VG_TRY(prepare(&w));
  VG_TRY(build_header(&w));
  VG_TRY(check_header(&w));
  length = w.header.len;
  VG_TRY(vg_replace_begin(&r, path, what));
  VG_TRY(put_tensors(&w, r, 8 + length));
  VG_TRY(put_header(&w, r));
  VG_ASSERT(w.header.len == length);
  ended = r;
  r = NULL;
  VG_TRY(vg_replace_commit(ended));
done:
  vg_replace_abort(r);
  vg_text_free(&w.header);
  vg_free(w.items);
  vg_free(w.order);
  vg_free(w.meta);
  return st;
}
