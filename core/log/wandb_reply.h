/* What a W&B server answers, taken apart. Nothing that may come over the wire is trusted: whatever
   is not as expected gives VG_EDATA with the server's own words where it has any. */
#ifndef VG_LOG_WANDB_REPLY_H
#define VG_LOG_WANDB_REPLY_H

#include <jansson.h>

#include "base/text.h"

/* The `data` of a GraphQL answer in *out, to be released with json_decref. VG_EDATA when there are
   errors or no data. */
vg_status vg_wandb_reply_data(json_t **out, const char *body, size_t n);

/* The message of an answer with errors, or "". */
void vg_wandb_reply_error(char *to, size_t size, const char *body, size_t n);

/* Value at a path of member names ("upsertBucket", "bucket", "id", NULL); NULL when there is none.
 */
json_t *vg_wandb_reply_at(json_t *o, ...) __attribute__((sentinel));

/* Text of a member, NULL when it is absent, empty or no text. */
const char *vg_wandb_reply_text(json_t *o, const char *name);

/* What UpsertBucket says. */
typedef struct vg_wandb_place {
  char id[128], entity[256], project[256], name[256]; /* name: as displayed */
  int64_t history_lines;
} vg_wandb_place;

vg_status vg_wandb_reply_place(vg_wandb_place *out, json_t *data);

/* One upload: borrowed from the answer; headers "Name: value" in `headers`, NULL-ended. */
enum { VG_WANDB_HEADERS = 16 };

typedef struct vg_wandb_target {
  const char *url; /* NULL: not wanted, the server has it */
  vg_text text;    /* holds the headers */
  const char *headers[VG_WANDB_HEADERS + 1];
} vg_wandb_target;

/* `list` holds "Name: value" lines. */
vg_status vg_wandb_reply_target(vg_wandb_target *out, const char *url, json_t *list);
void vg_wandb_target_free(vg_wandb_target *t);

/* True when the answer to a file stream post asks the run to stop. */
bool vg_wandb_reply_stop(const char *body, size_t n);

#endif
