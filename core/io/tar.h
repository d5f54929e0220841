/* Reads .tar and .tar.gz (ustar, GNU long names, pax path and size) member by member. Nothing is
   ever written to disk: names are only text handed to the caller. */
#ifndef VG_IO_TAR_H
#define VG_IO_TAR_H

#include "base/status.h"

/* A larger member is refused (VG_EDATA), not read. */
#define VG_TAR_MEMBER_MAX ((size_t)1 << 30)

/* One regular file; `data` (`size` bytes) is borrowed and dies with the call. A failure stops the
   walk and is returned as it is. */
typedef vg_status (*vg_tar_member_fn)(void *arg, const char *name, const void *data, size_t size);

/* Whether a member should be read at all; the others are skipped without being kept in memory. */
typedef bool (*vg_tar_want_fn)(void *arg, const char *name, size_t size);

/* Calls `fn` for every regular file in archive order. VG_EIO: cannot be opened; VG_EDATA: damaged,
   cut off or not an archive, with file, offset in the unpacked stream and what to do. The checksum
   of a .gz is verified at the end, so data handed out before may belong to an archive that then
   fails. */
VG_API vg_status vg_tar_each(const char *path, vg_tar_member_fn fn, void *arg);

/* The same for wanted members only; `want` == NULL wants all. */
VG_API vg_status vg_tar_each_wanted(const char *path, vg_tar_want_fn want, vg_tar_member_fn fn,
                                    void *arg);

/* The same from any stream of unpacked bytes: `read` fills up to n bytes, returns how many (0 at
   the end), or -1 with vg_error() set. `name` is for messages. */
typedef struct vg_tar_source {
  int64_t (*read)(void *arg, void *buf, size_t n);
  void *arg;
  const char *name;
} vg_tar_source;

VG_API vg_status vg_tar_each_source(const vg_tar_source *src, vg_tar_want_fn want,
                                    vg_tar_member_fn fn, void *arg);

#endif
