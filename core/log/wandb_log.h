/* The transaction log of a W&B run, run-ID.wandb: seven bytes that name the format, then records
   cut into chunks that never cross a block of 32 KiB (the framing of LevelDB's log, with a plain
   CRC-32). A record becomes visible with its first chunk's header, which is written last: whatever
   moment a process dies at, a reader finds whole records and then the end. */
#ifndef VG_LOG_WANDB_LOG_H
#define VG_LOG_WANDB_LOG_H

#include "base/text.h"

typedef struct vg_wandb_log {
  int fd;
  uint64_t size;  /* bytes of the file */
  int64_t number; /* of the last record */
  vg_text chunks; /* of the record being written */
} vg_wandb_log;

/* Creates the file; VG_EIO when it exists or cannot be made. */
vg_status vg_wandb_log_create(vg_wandb_log *w, const char *path);

/* Appends one record: `member` is the encoded member of wandb_internal.Record; its number is put in
   front. A failed write leaves the log as it was. */
vg_status vg_wandb_log_append(vg_wandb_log *w, const void *member, size_t n);

void vg_wandb_log_close(vg_wandb_log *w); /* safe to repeat, and for {.fd = -1} */

#endif
