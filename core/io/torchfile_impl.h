/* What torchfile.c (containers), torch_legacy.c, torch_tree.c (the pickle's meaning) and
   torch_types.c (names) share. */
#ifndef VG_IO_TORCHFILE_IMPL_H
#define VG_IO_TORCHFILE_IMPL_H

#include "base/text.h"
#include "io/pickle.h"
#include "io/safetensors_impl.h"
#include "io/torchfile.h"
#include "io/zip.h"

/* One storage: the bytes that tensors are views of. */
typedef struct vg_torch_storage {
  vg_pk_bytes key;
  size_t bytes; /* as the pickle claims */
  size_t item;  /* of one element; 1 when untyped */
  const unsigned char *data;
  vg_zip_entry *entry; /* zip form */
} vg_torch_storage;

typedef struct vg_torch_tensor {
  vg_st_tensor t; /* t.data is set once the storages are found; first in the struct */
  int64_t stride[VG_ST_MAX_DIM];
  bool strided, repeated;
  size_t offset, end; /* bytes into the storage: first and one after the last */
  vg_torch_storage claim;
  size_t storage; /* index into vg_torchfile.storages */
} vg_torch_tensor;

struct vg_torchfile {
  const unsigned char *data;
  size_t size;
  char *name, *what;
  vg_pickle *object; /* storage keys point into it */
  vg_zip *zip;
  const char *folder; /* of data.pkl: the first `prefix` bytes, slash included */
  size_t prefix;
  vg_torch_tensor *tensors;
  const vg_st_tensor **by_name;
  size_t n_tensors, cap_tensors;
  vg_torch_storage *storages; /* sorted by key */
  size_t n_storages;
  vg_text plain;
};

/* Fails with VG_EDATA: "WHAT: 'NAME' is damaged: ..." */
#define vg_torch_damaged(f, ...) (vg_torch_complain(f, "is damaged", __VA_ARGS__), VG_EDATA)
/* "WHAT: 'NAME' cannot be read: ..." for what is whole but not understood. */
#define vg_torch_refused(f, ...) (vg_torch_complain(f, "cannot be read", __VA_ARGS__), VG_EDATA)
void vg_torch_complain(const vg_torchfile *f, const char *verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The pickle at data[at...): torch's globals allowed. */
vg_status vg_torch_pickle(const vg_torchfile *f, vg_pickle **out, const char *part,
                          const void *data, size_t size);
/* Fills tensors, storages (without data) and plain from an object tree. */
vg_status vg_torch_tree(vg_torchfile *f, const vg_pickle *p);
/* The storage of this key, or NULL. */
vg_torch_storage *vg_torch_find_storage(const vg_torchfile *f, vg_pk_bytes key);

bool vg_torch_is_legacy(const unsigned char *data, size_t size);
vg_status vg_torch_read_legacy(vg_torchfile *f);

/* torch_types.c */
vg_pk_leave vg_torch_allow(void *arg, const char *module, const char *name);
/* Element type of torch.FloatStorage (and of torch.cuda's); VG_ST_DTYPES for UntypedStorage;
   false for others. */
bool vg_torch_storage_type(const vg_pk *global, vg_st_dtype *out);
/* Of torch.float32 and its like. */
bool vg_torch_dtype(const vg_pk *global, vg_st_dtype *out);

#endif
