/* A file of named tensors, whatever its format: safetensors, or torch.save's zip or legacy form,
   told apart by content. The one entry through which checkpoints and weights are read. */
#ifndef VG_IO_WEIGHTS_H
#define VG_IO_WEIGHTS_H

#include "io/file.h"
#include "io/safetensors.h"

typedef enum vg_weights_format {
  VG_WEIGHTS_SAFETENSORS,
  VG_WEIGHTS_TORCH_ZIP,
  VG_WEIGHTS_TORCH_LEGACY
} vg_weights_format;

typedef struct vg_weights vg_weights;

/* Maps the file. VG_EIO: cannot be opened; VG_EDATA: damaged, refused, or of no known format. */
VG_API vg_status vg_weights_open(vg_weights **out, const char *path, const char *what);
/* The same from memory, which is borrowed. */
VG_API vg_status vg_weights_parse(vg_weights **out, const void *data, size_t size, const char *name,
                                  const char *what);
/* Ends when whoever retained it has let go, too. */
VG_API void vg_weights_close(vg_weights *w);
VG_API vg_weights *vg_weights_retain(vg_weights *w);

VG_API vg_weights_format vg_weights_format_of(const vg_weights *w);
VG_API size_t vg_weights_size(const vg_weights *w); /* bytes of the file */
VG_API size_t vg_weights_count(const vg_weights *w);
VG_API const vg_st_tensor *vg_weights_at(const vg_weights *w, size_t i); /* file order */
VG_API const vg_st_tensor *vg_weights_find(const vg_weights *w, const char *name);

/* Metadata strings of safetensors; of torch files "torch", the JSON of all that is no tensor, and
   "vgg.meta" where our writer left it. Sorted by key. */
VG_API size_t vg_weights_meta_count(const vg_weights *w);
VG_API vg_st_meta vg_weights_meta_at(const vg_weights *w, size_t i);

/* Compares a tensor's bytes with the file's CRC, once, where it has one. */
VG_API vg_status vg_weights_verify(const vg_weights *w, const vg_st_tensor *t);

/* Copies t's elements to `to`, dense, converted to vg_st_loaded_as(t->dtype). The file's pages are
   given back as it goes, so that a large file does not stay in memory twice. */
VG_API vg_status vg_weights_read(const vg_weights *w, const vg_st_tensor *t, void *to);

/* t's elements where the map holds them, to be read and written (never into the file) as long as w
   is retained. NULL: they lie in no map, are strided, misaligned or of a type that is converted. */
VG_API void *vg_weights_in_place(vg_weights *w, const vg_st_tensor *t);

#endif
