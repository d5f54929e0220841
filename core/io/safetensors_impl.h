/* Shared by the reader and the writer. */
#ifndef VG_IO_SAFETENSORS_IMPL_H
#define VG_IO_SAFETENSORS_IMPL_H

#include "io/safetensors.h"

#define VG_ST_CRC_KEY "vgg.crc32"
#define VG_ST_HEADER_CRC_KEY "vgg.crc32.header"
#define VG_ST_HEADER_MAX 100000000u /* the limit of the reference implementation */

/* CRC of names, types, shapes and metadata (our own keys left out) in the order given. */
uint32_t vg_st_header_crc(const vg_st_tensor *const *t, size_t n, const vg_st_meta *meta,
                          size_t n_meta);

/* Elements times element size; false on overflow or a negative size. */
bool vg_st_bytes(const vg_st_tensor *t, size_t *out);

#endif
