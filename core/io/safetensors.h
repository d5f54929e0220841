/* The safetensors format: 8 bytes of header length, a JSON header, tensor bytes without holes. Read
   by Python's `safetensors` as it is.

   Beyond the format our writer adds two metadata strings: "vgg.crc32", a JSON object of each
   tensor's CRC-32 in hex, and "vgg.crc32.header", the CRC-32 of names, types, shapes and the other
   metadata. Where they exist damage is found; files of others are read without. The same contents
   always give the same bytes: tensors by element size (largest first, so that all stay aligned),
   then by name. */
#ifndef VG_IO_SAFETENSORS_H
#define VG_IO_SAFETENSORS_H

#include "base/status.h"

typedef enum vg_st_dtype {
  VG_ST_F64,
  VG_ST_I64,
  VG_ST_U64,
  VG_ST_F32,
  VG_ST_I32,
  VG_ST_U32,
  VG_ST_F16,
  VG_ST_BF16,
  VG_ST_I16,
  VG_ST_U16,
  VG_ST_I8,
  VG_ST_U8,
  VG_ST_BOOL,
  VG_ST_F8_E4M3,
  VG_ST_F8_E5M2,
  VG_ST_DTYPES
} vg_st_dtype;

enum { VG_ST_MAX_DIM = 8 };

typedef struct vg_st_tensor {
  const char *name;
  vg_st_dtype dtype;
  int ndim;
  int64_t shape[VG_ST_MAX_DIM];
  const int64_t *stride; /* elements; NULL: dense, row-major (always so in safetensors files) */
  size_t bytes;          /* of the dense elements */
  const void *data;      /* may be unaligned in files of others */
  uint32_t crc;
} vg_st_tensor;

typedef struct vg_st_meta {
  const char *key, *value;
} vg_st_meta;

VG_API const char *vg_st_dtype_name(vg_st_dtype t); /* "F32" */
VG_API size_t vg_st_dtype_size(vg_st_dtype t);

/* ---- writing ---- */

typedef struct vg_st_contents {
  const vg_st_tensor *tensors; /* `bytes` and `crc` are not read */
  size_t n_tensors;
  const vg_st_meta *meta;
  size_t n_meta;
  /* Gives the bytes of tensor i, valid until the next call; NULL: tensors[i].data. */
  vg_status (*fetch)(void *arg, size_t i, const void **data);
  void *arg;
} vg_st_contents;

/* Replaces `path` atomically (file.h). `what` starts messages: "checkpoint". VG_EINVAL: a name
   twice, a shape that is none; VG_EIO: disk full and the like, the previous file is kept. */
VG_API vg_status vg_safetensors_write(const char *path, const vg_st_contents *c, const char *what);

/* ---- reading ---- */

typedef struct vg_safetensors vg_safetensors; /* a mapped file, validated except for the CRCs */

/* VG_EIO: cannot be opened; VG_EDATA: "WHAT: 'PATH' is damaged: ..." */
VG_API vg_status vg_safetensors_open(vg_safetensors **out, const char *path, const char *what);
/* The same from memory, which is borrowed. */
VG_API vg_status vg_safetensors_parse(vg_safetensors **out, const void *data, size_t size,
                                      const char *name, const char *what);
VG_API void vg_safetensors_close(vg_safetensors *f);

VG_API size_t vg_safetensors_count(const vg_safetensors *f);
VG_API const vg_st_tensor *vg_safetensors_at(const vg_safetensors *f, size_t i); /* file order */
VG_API const vg_st_tensor *vg_safetensors_find(const vg_safetensors *f, const char *name);
VG_API size_t vg_safetensors_meta_count(const vg_safetensors *f);
VG_API vg_st_meta vg_safetensors_meta_at(const vg_safetensors *f, size_t i); /* sorted by key */
VG_API const char *vg_safetensors_meta(const vg_safetensors *f, const char *key); /* or NULL */

/* Compares a tensor's bytes with its stored CRC, once, if the file has them: VG_EDATA "... is
   damaged: tensor features.0.weight fails its CRC". */
VG_API vg_status vg_safetensors_verify(const vg_safetensors *f, const vg_st_tensor *t);

/* The type a tensor is loaded as: F32 (also F16, F64), BF16, I64 (also the smaller integers) or
   U8 (also BOOL); VG_ST_DTYPES if there is none. */
VG_API vg_st_dtype vg_st_loaded_as(vg_st_dtype t);

/* Copies t's elements to `to`, converted to vg_st_loaded_as(t->dtype); t is dense. */
VG_API void vg_st_load(void *to, const vg_st_tensor *t);

/* n floats as F32, F16, BF16 or F64, rounded to nearest even. */
VG_API void vg_st_store(void *to, vg_st_dtype type, const float *from, size_t n);

/* Copies t's elements to `to` as they are, row-major, whatever t's strides. */
VG_API void vg_st_gather(void *to, const vg_st_tensor *t);

#endif
