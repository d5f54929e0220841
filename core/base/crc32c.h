/* CRC-32C (Castagnoli), the check sum of TensorBoard's records. */
#ifndef VG_BASE_CRC32C_H
#define VG_BASE_CRC32C_H

#include "base/status.h"

/* Of n bytes; `before` continues an earlier sum, 0 starts one. */
VG_API uint32_t vg_crc32c(uint32_t before, const void *data, size_t n);

#endif
