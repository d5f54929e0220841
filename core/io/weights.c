#include "io/weights.h"

#include <string.h>

#include "base/alloc.h"
#include "io/torchfile.h"

enum { PIECE = 4 << 20 }; /* bytes copied between two returns of pages */

struct vg_weights {
  int refs;
  vg_map map;
  size_t size;
  vg_safetensors *plain; /* one of the two */
  vg_torchfile *torch;
  char *extra; /* "vgg.meta" of a torch file */
};

static vg_status read_extra(vg_weights *w) {
  const char *text;
  size_t n;
  vg_status st;
  VG_TRY(vg_torchfile_extra(w->torch, "vgg.meta", &text, &n));
  if (!text) return VG_OK;
  w->extra = vg_alloc(n + 1);
  if (!w->extra) return VG_ENOMEM;
  memcpy(w->extra, text, n);
  w->extra[n] = 0;
done:
  return st;
}

static void drop(void *map, const void *data, size_t n) { vg_map_drop(map, data, n); }

/* A header's length, then JSON. */
static bool is_safetensors(const unsigned char *data, size_t size) {
  return size >= 9 && data[8] == '{' && data[5] == 0 && data[6] == 0 && data[7] == 0;
}

static vg_status parse(vg_weights *w, const unsigned char *data, size_t size, const char *name,
                       const char *what) {
  bool torch = vg_torchfile_is(data, size);
  vg_status st;
  w->size = size;
  if (!torch && size >= 262 && memcmp(data + 257, "ustar", 5) == 0)
    return vg_fail(VG_EDATA,
                   "%s: '%s' cannot be read: it is a tar file, as PyTorch wrote before "
                   "0.1.10; load and save it once with Python",
                   what, name);
  if (!torch && size >= 2 && data[0] == 0x80 && data[1] <= 5 && !is_safetensors(data, size))
    return vg_fail(VG_EDATA, "%s: '%s' cannot be read: it is a pickle, but not of torch.save", what,
                   name);
  if (!torch) return vg_safetensors_parse(&w->plain, data, size, name, what);
  VG_TRY(vg_torchfile_parse(&w->torch, data, size, name, what));
  VG_TRY(read_extra(w));
done:
  return st;
}

void vg_weights_close(vg_weights *w) {
  if (!w || --w->refs > 0) return;
  vg_safetensors_close(w->plain);
  vg_torchfile_close(w->torch);
  vg_free(w->extra);
  vg_map_close(&w->map);
  vg_free(w);
}

vg_weights *vg_weights_retain(vg_weights *w) {
  w->refs++;
  return w;
}

static vg_weights *make(void) {
  vg_weights *w = vg_calloc(1, sizeof *w);
  if (w) w->refs = 1;
  return w;
}

vg_status vg_weights_parse(vg_weights **out, const void *data, size_t size, const char *name,
                           const char *what) {
  vg_weights *w = make();
  vg_status st;
  if (!w) return VG_ENOMEM;
  VG_TRY(parse(w, data, size, name, what));
  *out = w;
  w = NULL;
done:
  vg_weights_close(w);
  return st;
}

vg_status vg_weights_open(vg_weights **out, const char *path, const char *what) {
  vg_weights *w = make();
  vg_status st;
  if (!w) return VG_ENOMEM;
  VG_TRY(vg_map_open(&w->map, path, what));
  VG_TRY(parse(w, w->map.data, w->map.size, path, what));
  if (w->torch) vg_torchfile_on_read(w->torch, drop, &w->map);
  *out = w;
  w = NULL;
done:
  vg_weights_close(w);
  return st;
}

vg_weights_format vg_weights_format_of(const vg_weights *w) {
  if (!w->torch) return VG_WEIGHTS_SAFETENSORS;
  return vg_torchfile_is_zip(w->torch) ? VG_WEIGHTS_TORCH_ZIP : VG_WEIGHTS_TORCH_LEGACY;
}

size_t vg_weights_size(const vg_weights *w) { return w->size; }

size_t vg_weights_count(const vg_weights *w) {
  return w->torch ? vg_torchfile_count(w->torch) : vg_safetensors_count(w->plain);
}

const vg_st_tensor *vg_weights_at(const vg_weights *w, size_t i) {
  return w->torch ? vg_torchfile_at(w->torch, i) : vg_safetensors_at(w->plain, i);
}

const vg_st_tensor *vg_weights_find(const vg_weights *w, const char *name) {
  return w->torch ? vg_torchfile_find(w->torch, name) : vg_safetensors_find(w->plain, name);
}

size_t vg_weights_meta_count(const vg_weights *w) {
  return w->torch ? (w->extra ? 2 : 1) : vg_safetensors_meta_count(w->plain);
}

vg_st_meta vg_weights_meta_at(const vg_weights *w, size_t i) {
  if (!w->torch) return vg_safetensors_meta_at(w->plain, i);
  if (i == 0) return (vg_st_meta){.key = "torch", .value = vg_torchfile_plain(w->torch)};
  return (vg_st_meta){.key = "vgg.meta", .value = w->extra};
}

vg_status vg_weights_verify(const vg_weights *w, const vg_st_tensor *t) {
  vg_status st;
  if (w->torch) return vg_torchfile_verify(w->torch, t);
  st = vg_safetensors_verify(w->plain, t);
  if (t->bytes >= PIECE) vg_map_drop(&w->map, t->data, t->bytes);
  return st;
}

static vg_status read_strided(const vg_st_tensor *t, void *to) {
  vg_st_tensor dense = *t;
  void *buf = vg_pages_alloc(t->bytes);
  if (!buf) return VG_ENOMEM;
  vg_st_gather(buf, t);
  dense.data = buf;
  dense.stride = NULL;
  vg_st_load(to, &dense);
  vg_pages_free(buf, t->bytes);
  return VG_OK;
}

/* Not so for entries that were unpacked, and for files parsed from memory. */
static bool in_map(const vg_weights *w, const vg_st_tensor *t) {
  const uintptr_t base = (uintptr_t)w->map.data, at = (uintptr_t)t->data;
  return w->map.data && at >= base && at - base <= w->map.size &&
         t->bytes <= w->map.size - (at - base);
}

static bool is_kept(const vg_st_tensor *t) { return vg_st_loaded_as(t->dtype) == t->dtype; }

void *vg_weights_in_place(vg_weights *w, const vg_st_tensor *t) {
  if (t->bytes == 0 || t->stride || !in_map(w, t) || !is_kept(t) ||
      (uintptr_t)t->data % vg_st_dtype_size(t->dtype) != 0 || vg_map_writable(&w->map) != VG_OK)
    return NULL;
  return (void *)(uintptr_t)t->data;
}

vg_status vg_weights_read(const vg_weights *w, const vg_st_tensor *t, void *to) {
  const size_t from = vg_st_dtype_size(t->dtype), out = vg_st_dtype_size(vg_st_loaded_as(t->dtype));
  const char *data = t->data;
  if (t->bytes == 0) return VG_OK;
  if (t->stride) return read_strided(t, to);
  if (in_map(w, t) && is_kept(t)) return vg_map_read(&w->map, to, t->data, t->bytes);
  for (size_t at = 0; at < t->bytes; at += PIECE) {
    vg_st_tensor piece = *t;
    piece.bytes = t->bytes - at < PIECE ? t->bytes - at : PIECE;
    piece.data = data + at;
    vg_st_load((char *)to + at / from * out, &piece);
    vg_map_drop(&w->map, piece.data, piece.bytes);
  }
  return VG_OK;
}
