/* The files of a writer, used by its thread alone: each with the records it has not taken yet. */
#ifndef VG_LOG_FILES_H
#define VG_LOG_FILES_H

#include "base/thread.h"

enum { VG_LOG_APPEND, VG_LOG_PUT, VG_LOG_FORGET, VG_LOG_FLUSH, VG_LOG_SYNC };

typedef struct vg_log_file vg_log_file;

/* What the files report: counts since the last look, and the first failure. */
typedef struct vg_log_files {
  vg_log_file *first;
  vg_queue *queue; /* room is given back to it */
  int64_t written, lost, lost_bytes;
  char message[256];
} vg_log_files;

/* One packet whose data is PATH, NUL, payload (`head` bytes before the payload). */
void vg_log_files_take(vg_log_files *f, vg_packet *p);
/* Tries again what waits: all of it, or what is due. True when nothing waits any more. */
bool vg_log_files_retry(vg_log_files *f, bool all);
/* When the next try is due; INFINITY when nothing waits. */
double vg_log_files_due(const vg_log_files *f);
/* Everything written is on disk. */
bool vg_log_files_sync(vg_log_files *f);
/* A last try; what still waits is lost. Closes and frees everything. */
void vg_log_files_end(vg_log_files *f);

#endif
