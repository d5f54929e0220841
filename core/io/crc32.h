/* CRC-32 as zlib, zip and PNG have it. */
#ifndef VG_IO_CRC32_H
#define VG_IO_CRC32_H

#include "base/status.h"

/* Continues `crc` (0 to start) over n bytes, any n. */
VG_API uint32_t vg_crc32(uint32_t crc, const void *data, size_t n);

/* Of n bytes by all threads of the OpenMP team. `done` (NULL: nothing) hears of the pieces that
   were read, from any thread. */
VG_API uint32_t vg_crc32_team(const void *data, size_t n,
                              void (*done)(void *arg, const void *data, size_t n), void *arg);

#endif
