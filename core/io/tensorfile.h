/* Tensors to safetensors files, and from files of every format that is read. */
#ifndef VG_IO_TENSORFILE_H
#define VG_IO_TENSORFILE_H

#include "io/safetensors.h"
#include "io/weights.h"
#include "tensor/tensor.h"

typedef struct vg_named_tensor {
  const char *name;
  vg_tensor *t;
} vg_named_tensor;

/* Saves tensors of any device and layout; bytes of plain host tensors go out as they lie. Floats
   are written as `floats` (F32, F16, BF16), VG_ST_DTYPES: as they are. Replaces `path` atomically,
   see vg_safetensors_write. */
VG_API vg_status vg_save_tensors(const char *path, const vg_named_tensor *tensors, size_t n,
                                 const vg_st_meta *meta, size_t n_meta, vg_st_dtype floats,
                                 const char *what);

/* A piece of a file: bytes, or a tensor's elements. */
typedef struct vg_part {
  const char *name; /* of the zip entry */
  const void *data; /* unless `t` is set */
  size_t size;
  vg_tensor *t;
} vg_part;

/* The parts as entries of a zip archive, or one after the other without anything between. */
VG_API vg_status vg_save_zip(const char *path, const vg_part *parts, size_t n, vg_st_dtype floats,
                             const char *what);
VG_API vg_status vg_save_raw(const char *path, const vg_part *parts, size_t n, vg_st_dtype floats,
                             const char *what);

/* A new tensor on `dev` (a host device) from one of the file's, its CRC verified.
   VG_EUNSUPPORTED: an element type we have no equal for. */
VG_API vg_status vg_load_tensor(vg_tensor **out, vg_device *dev, const vg_weights *f,
                                const vg_st_tensor *t);

/* The same without reading it: its elements stay in the file's map, pages come in when touched, a
   write makes a private copy of its page. CRCs are not compared, as that would read everything.
   What cannot stay (see vg_weights_in_place) is read as above. */
VG_API vg_status vg_map_tensor(vg_tensor **out, vg_device *dev, vg_weights *f,
                               const vg_st_tensor *t);

/* vg_load_tensor into an existing tensor of equal shape on any device; the type may differ. */
VG_API vg_status vg_load_tensor_into(vg_tensor *to, const vg_weights *f, const vg_st_tensor *t);

#endif
