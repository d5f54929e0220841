/* Zip archives in memory, for reading: the directory is checked before anything is believed.
   Stored entries are given where they lie; deflated ones are unpacked when asked for, within a
   bound that follows from the archive's size. Refused: encryption, several disks, names that leave
   the archive, entries that overlap. */
#ifndef VG_IO_ZIP_H
#define VG_IO_ZIP_H

#include "base/status.h"

typedef struct vg_zip_entry {
  const char *name;
  size_t size;     /* unpacked */
  size_t packed;   /* bytes in the archive */
  uint64_t offset; /* of the first packed byte in the archive */
  uint32_t crc;
  bool deflated, verified;
  void *unpacked; /* NULL until asked for */
} vg_zip_entry;

typedef struct vg_zip vg_zip;

/* Whether the bytes begin as an archive does. */
VG_API bool vg_zip_is(const void *data, size_t size);
/* `data` is borrowed. VG_EDATA: "WHAT: 'NAME' is damaged: ..." */
VG_API vg_status vg_zip_open(vg_zip **out, const void *data, size_t size, const char *name,
                             const char *what);
VG_API void vg_zip_close(vg_zip *z);
VG_API size_t vg_zip_count(const vg_zip *z);
VG_API vg_zip_entry *vg_zip_at(vg_zip *z, size_t i); /* sorted by name */
VG_API vg_zip_entry *vg_zip_find(vg_zip *z, const char *name);

/* The entry's bytes, valid as long as the archive; VG_EDATA when they cannot be unpacked. */
VG_API vg_status vg_zip_data(vg_zip *z, vg_zip_entry *e, const void **out);
/* Compares the bytes with the CRC, once: VG_EDATA "... entry data/41 fails its CRC". */
VG_API vg_status vg_zip_verify(vg_zip *z, vg_zip_entry *e);

#endif
