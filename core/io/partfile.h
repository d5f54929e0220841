/* The growing PATH.part of a download. It is its own lock: who holds it may write. PATH.part.info
   remembers the address and the server's version of the file, without which resuming could glue two
   different files together. */
#ifndef VG_IO_PARTFILE_H
#define VG_IO_PARTFILE_H

#include "base/status.h"

typedef struct vg_part {
  int fd; /* -1: not open */
  char *path, *part, *info;
  int64_t size;
  char version[256]; /* the ETag or Last-Modified it belongs to; "" unknown */
} vg_part;

/* Opens and locks; `keep_going` is asked while another process holds it (false: VG_EINTR). Bytes
   that cannot be resumed are dropped; `checked`: a check sum will tell, so an unknown version may
   be. */
vg_status vg_part_open(vg_part *p, const char *path, const char *url, bool checked,
                       bool (*keep_going)(void *), void *arg);
/* Starts again from nothing with the file of this version. */
vg_status vg_part_restart(vg_part *p, const char *url, const char *version);
vg_status vg_part_write(vg_part *p, const void *data, size_t n);
vg_status vg_part_commit(vg_part *p); /* on disk under its name, leftovers removed */
void vg_part_discard(vg_part *p);     /* removes it */
void vg_part_close(vg_part *p);       /* keeps it; safe to repeat */

#endif
