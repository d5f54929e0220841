/* Files that are either the old one or the new one, never half of it: written beside the target as
   PATH.tmp, synced, renamed over it, directory synced. Also read-only maps and the few directory
   operations scripts need. Messages hold the path and the system's reason. */
#ifndef VG_IO_FILE_H
#define VG_IO_FILE_H

#include "base/status.h"

typedef struct vg_replace vg_replace;

/* `what` starts the messages and names the thing kept: "checkpoint". A PATH.tmp left by a killed
   process is reused; one that another process is writing gives VG_EIO. A symbolic link is followed.
 */
VG_API vg_status vg_replace_begin(vg_replace **out, const char *path, const char *what);
VG_API vg_status vg_replace_write(vg_replace *r, const void *data, size_t n); /* at the end */
VG_API vg_status vg_replace_write_at(vg_replace *r, const void *data, size_t n, uint64_t at);

/* Ends `r` in any case: on success the new file is on disk under its name, otherwise the previous
   file is untouched. */
VG_API vg_status vg_replace_commit(vg_replace *r);
VG_API void vg_replace_abort(vg_replace *r); /* NULL is fine; the previous file stays */

/* All of it in one call. */
VG_API vg_status vg_file_replace(const char *path, const void *data, size_t n, const char *what);

/* All n bytes at offset `at`: 0 or errno (EFBIG, too, instead of a signal). */
int vg_write_all(int fd, const void *data, size_t n, uint64_t at);

/* A whole file read-only in memory. A file that shrinks while mapped kills the process on access,
   as everywhere; replaced files (renames) are safe. */
typedef struct vg_map {
  const unsigned char *data;
  size_t size;
  int fd;        /* only while data is set */
  bool writable; /* vg_map_writable: private copies of pages may differ from the file */
} vg_map;

VG_API vg_status vg_map_open(vg_map *m, const char *path, const char *what);
VG_API void vg_map_close(vg_map *m); /* safe to repeat */
/* Gives the whole pages among these bytes back; they are read again when touched. Bytes outside
   of the map are left alone. */
VG_API void vg_map_drop(const vg_map *m, const void *data, size_t n);
/* From now on the map may be written; nothing of it reaches the file, and no page is given back. */
VG_API vg_status vg_map_writable(vg_map *m);
/* Copies n of the map's bytes from `data` on by reading the file: faster than touching the map, and
   a file that has shrunk gives VG_EIO. Large runs are read by all threads of the OpenMP team. */
VG_API vg_status vg_map_read(const vg_map *m, void *to, const void *data, size_t n);

/* Directories. */
VG_API vg_status vg_make_dirs(const char *path);            /* like mkdir -p */
VG_API vg_status vg_sync_dir_of(const char *path);          /* the directory that holds `path` */
VG_API vg_status vg_move(const char *from, const char *to); /* rename, then sync the directory */

/* `to` becomes another name of `from` (or a copy where links are refused), replaced atomically. */
VG_API vg_status vg_link_or_copy(const char *from, const char *to, const char *what);

#endif
