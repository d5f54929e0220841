/* CIFAR-10 from disk in any form its users have: the binary files, the Python pickles torchvision
   unpacks, or either .tar.gz unopened. */
#ifndef VG_DATA_CIFAR10_H
#define VG_DATA_CIFAR10_H

#include "data/records.h"

#define VG_CIFAR_BATCH 10000 /* records of an official file, 30,730,000 bytes in binary form */

typedef enum vg_cifar_form {
  VG_CIFAR_BIN_DIR, /* data_batch_1.bin .. 5, test_batch.bin */
  VG_CIFAR_PY_DIR,  /* data_batch_1 .. 5, test_batch */
  VG_CIFAR_BIN_TAR, /* cifar-10-binary.tar.gz */
  VG_CIFAR_PY_TAR   /* cifar-10-python.tar.gz */
} vg_cifar_form;

typedef struct vg_cifar_place {
  vg_cifar_form form;
  char path[4096]; /* the directory or the archive */
} vg_cifar_place;

extern const char *const vg_cifar10_classes[10];

/* Finds a copy in `root`: cifar-10-batches-bin/, cifar-10-batches-py/, the files themselves, or an
   archive; `root` may also be such an archive. VG_EDATA with the nearest sensible directory if
   there is none. */
vg_status vg_cifar10_find(vg_cifar_place *out, const char *root);

/* Reads the 50,000 training or the 10,000 test images. Files must have their official size unless
   `partial`, which takes any whole number of records up to it and any number of training files but
   none. VG_EDATA: missing, cut off, oversized or damaged files, labels above 9, other class names;
   VG_EIO: unreadable. */
vg_status vg_cifar10_read(vg_records **out, const vg_cifar_place *place, bool train, bool partial);

/* Writes an archive's files into `root`/cifar-10-batches-bin or -py, each replaced whole. */
vg_status vg_cifar10_unpack(const vg_cifar_place *archive, const char *root);

/* "30,730,000"; one of four thread-local buffers used in turn. */
const char *vg_grouped(int64_t n);

#endif
