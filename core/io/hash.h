/* Check sums of files, as lower-case hex. */
#ifndef VG_IO_HASH_H
#define VG_IO_HASH_H

#include "base/status.h"

typedef struct vg_digest {
  char hex[65];
} vg_digest;

VG_API vg_status vg_file_md5(vg_digest *out, const char *path);
VG_API vg_status vg_file_sha256(vg_digest *out, const char *path);

/* The same of bytes in memory. */
void vg_md5(vg_digest *out, const void *data, size_t n);
void vg_sha256(vg_digest *out, const void *data, size_t n);

#endif
