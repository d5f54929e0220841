#include "io/crc32.h"

#include <zlib.h>

uint32_t vg_crc32(uint32_t crc, const void *data, size_t n) {
  return n ? (uint32_t)crc32_z(crc, data, n) : crc;
}
