/* Labelled images in memory, one record each as in CIFAR-10's binary files: a label byte, then the
   red, green and blue planes. Nothing is converted until a batch is asked for. */
#ifndef VG_DATA_RECORDS_H
#define VG_DATA_RECORDS_H

#include "base/status.h"

#define VG_CIFAR_SIDE 32
#define VG_CIFAR_RECORD (1 + 3 * VG_CIFAR_SIDE * VG_CIFAR_SIDE)

typedef struct vg_records {
  int refs;
  int height, width;
  int64_t n;
  size_t stride; /* bytes a record, label included */
  uint8_t *data; /* n x stride */
  size_t bytes;  /* allocated: n may shrink after reading */
} vg_records;

/* Room for n records of height x width, zeroed; one count. Released with vg_records_release. */
vg_status vg_records_new(vg_records **out, int64_t n, int height, int width);
vg_records *vg_records_retain(vg_records *r);
void vg_records_release(vg_records *r); /* NULL is fine */

static inline uint8_t *vg_record_at(const vg_records *r, int64_t i) {
  return r->data + (size_t)i * r->stride;
}

/* torch.utils.data.random_split with torch.Generator().manual_seed(seed): positions of the n -
   n_val training and n_val validation records among n, in PyTorch's order. */
vg_status vg_data_split(int32_t *train, int32_t *val, int64_t n, int64_t n_val, uint64_t seed);

/* A permutation of 0..n-1 that depends on (seed, epoch) alone. */
void vg_data_order(int32_t *out, int64_t n, uint64_t seed, uint32_t epoch);

#endif
