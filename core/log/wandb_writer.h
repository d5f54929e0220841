/* Writes a W&B run directory on a thread of its own: records into the transaction log, media files
   beside it, links, a sample of the system now and then. Jobs are done in the order they came; no
   call waits for the disk. After the first failure nothing more is written and everybody hears why.
 */
#ifndef VG_LOG_WANDB_WRITER_H
#define VG_LOG_WANDB_WRITER_H

#include "base/status.h"

typedef struct vg_wandb_writer vg_wandb_writer;

/* What is of use to a server; the text goes with it. */
typedef enum vg_wandb_news {
  VG_WANDB_HISTORY = 1, /* a row as JSON */
  VG_WANDB_SUMMARY,     /* the whole summary as JSON */
  VG_WANDB_EVENT,       /* a sample of the system as JSON */
  VG_WANDB_CONSOLE,     /* 'o' or 'e' (standard output, error), then a line without its end */
  VG_WANDB_CONFIG,      /* the whole config as JSON, changed */
  VG_WANDB_UPLOAD,      /* path below files/ */
  VG_WANDB_ARTIFACT,    /* an artifact as JSON, see wandb_artifact.c */
  VG_WANDB_RESUME,      /* asks for an earlier run: variables of RunResumeStatus as JSON */
  VG_WANDB_FILES,       /* the directory of what is uploaded */
  VG_WANDB_START,       /* variables of the first UpsertBucket as JSON */
} vg_wandb_news;

typedef struct vg_wandb_writer_options {
  const char *path;      /* of the transaction log, which must not exist yet */
  double start;          /* vg_wall_clock() of the run's start */
  double stats_interval; /* seconds between samples of the system, 0 for none */
  /* Called on the thread with news in the order they came; NULL offline. */
  void (*tell)(void *arg, vg_wandb_news kind, const char *text, size_t n);
  void *arg;
} vg_wandb_writer_options;

typedef enum vg_wandb_job {
  VG_WANDB_RECORD = 1, /* data: an encoded member of Record */
  VG_WANDB_FILE,       /* head bytes of path with NUL, then the content */
  VG_WANDB_LINK,       /* head bytes of an existing path with NUL, then the new one with NUL */
  VG_WANDB_SEND,       /* news for the server; head is its kind */
} vg_wandb_job;

vg_status vg_wandb_writer_open(vg_wandb_writer **out, const vg_wandb_writer_options *o);

/* Hands over a copy of a head and a body (either may be empty). VG_EIO when writing failed earlier
   or the disk is so slow that the queue is full. */
vg_status vg_wandb_writer_push(vg_wandb_writer *w, vg_wandb_job kind, const void *head,
                               size_t n_head, const void *body, size_t n_body);
/* News, told when all jobs before are done; nothing happens offline. */
vg_status vg_wandb_writer_send(vg_wandb_writer *w, vg_wandb_news kind, const void *text, size_t n);

/* Waits until everything pushed so far is written, at most so many seconds. */
vg_status vg_wandb_writer_flush(vg_wandb_writer *w, double seconds);

/* Writes what is left, for at most so many seconds, and frees `w`. */
vg_status vg_wandb_writer_close(vg_wandb_writer *w, double seconds);

#endif
