/* Files written behind the program's back: what is handed over here is written by a thread of its
   own, in order. Handing over never waits: it costs a copy of the bytes and a lock that is held for
   a few instructions.

   What happens on a bad disk. A write that fails (disk full, I/O error) is tried again once a
   second, and what comes after it waits in memory, up to the writer's room; from then on new
   records are dropped and counted. A record is in the file whole or, while the disk refuses it, not
   at all for readers that know how long it is; later ones never come before it. A file whose
   directory was removed is given up: its records are dropped and counted. A disk that never answers
   costs nothing but the room: flush and close wait for a stated time, then go on without it. */
#ifndef VG_LOG_WRITER_H
#define VG_LOG_WRITER_H

#include "base/status.h"

typedef struct vg_writer vg_writer;

typedef struct vg_writer_status {
  int64_t written, waiting, lost; /* records */
  int64_t lost_bytes;
  char message[256]; /* the first failure, empty without one */
} vg_writer_status;

/* `room`: bytes that may wait, 0 for 16 MiB. Also closed by exit(), with its time limit. */
VG_API vg_status vg_writer_new(vg_writer **out, size_t room);

/* The bytes come at the end of the file, which is made if there is none. False: dropped. */
VG_API bool vg_writer_append(vg_writer *w, const char *path, const void *data, size_t n);
/* The bytes become the file, replaced by a rename. False: dropped. */
VG_API bool vg_writer_put(vg_writer *w, const char *path, const void *data, size_t n);
/* Lets go of an open file, which may then be changed by others once flushed. */
VG_API bool vg_writer_forget(vg_writer *w, const char *path);

/* Waits until everything handed over so far is with the system (on disk with `sync`), at most
   `seconds`. False: something is not; a writer that once did not answer in time is not waited for
   again until it did. */
VG_API bool vg_writer_flush(vg_writer *w, double seconds, bool sync);

VG_API void vg_writer_look(vg_writer *w, vg_writer_status *out);

/* Writes what there is, for at most `seconds`, and ends; `out` (or NULL) tells how it went. The
   writer is gone afterwards. */
VG_API void vg_writer_close(vg_writer *w, double seconds, vg_writer_status *out);

#endif
