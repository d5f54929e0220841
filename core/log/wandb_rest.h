/* What a server did not get of a run, as a log of its own. */
#ifndef VG_LOG_WANDB_REST_H
#define VG_LOG_WANDB_REST_H

#include "base/status.h"

/* Copies the whole records of the log `from` into the new log `to`, without the first `rows` rows
   of the history. What comes after an incomplete record is left out. */
vg_status vg_wandb_log_rest(const char *from, const char *to, int64_t rows);

#endif
