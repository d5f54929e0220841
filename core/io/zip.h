/* Zip archives, read from memory: the directory is checked before anything is believed.
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
/* Called with bytes that were read and are not needed in memory for now (vg_map_drop). */
VG_API void vg_zip_on_read(vg_zip *z, void (*read)(void *arg, const void *data, size_t n),
                           void *arg);
/* Compares the bytes with the CRC, once: VG_EDATA "... entry data/41 fails its CRC". */
VG_API vg_status vg_zip_verify(vg_zip *z, vg_zip_entry *e);

/* ---- writing: stored entries, each beginning at a multiple of 64 bytes, as torch.save's ---- */

typedef struct vg_zip_part {
  const char *name;
  size_t size;
  const void *data; /* unless `fetch` gives it */
} vg_zip_part;

typedef struct vg_zip_contents {
  const vg_zip_part *parts;
  size_t n;
  /* Gives the bytes of part i, valid until the next call; NULL: parts[i].data. */
  vg_status (*fetch)(void *arg, size_t i, const void **data);
  void *arg;
} vg_zip_contents;

/* Replaces `path` atomically (file.h). VG_EINVAL: a name that is none or comes twice. */
VG_API vg_status vg_zip_write(const char *path, const vg_zip_contents *c, const char *what);

#endif
