/* The inside of a sender: what waits, and the requests that carry it. Used by its thread alone. */
#ifndef VG_LOG_WANDB_ONLINE_H
#define VG_LOG_WANDB_ONLINE_H

#include "io/http.h"
#include "log/wandb_sender.h"

/* Lines of a file on the server that it has not acknowledged; `offset`: number of the first. */
typedef struct vg_wandb_lines {
  char **line;
  size_t n, room;
  int64_t offset;
} vg_wandb_lines;

/* When to try again. */
typedef struct vg_wandb_retry {
  int attempts;
  double next;  /* vg_clock() */
  bool ordered; /* by the server: not to be hurried */
} vg_wandb_retry;

typedef enum vg_wandb_verdict {
  VG_WANDB_FINE,
  VG_WANDB_AGAIN, /* later; the retry says when */
  VG_WANDB_NEVER, /* no use */
} vg_wandb_verdict;

typedef struct vg_wandb_online {
  vg_wandb_sender_options o;
  char *user, *graphql, *stream; /* "api:KEY"; URLs */
  char *files_dir;
  vg_http *http;
  void (*exchange)(vg_http *h, const vg_http_request *q, vg_http_answer *a); /* vg_http_do */
  vg_http_answer answer;
  vg_wandb_place place;
  char run[136]; /* its id */
  bool started, stop_asked, refused, finishing, cancelled, complete;
  int code, lost_files;
  char why[300];
  double last_success, next_post, last_post, config_at, files_at;
  double not_before; /* the server is short of capacity until then */
  uint64_t random;

  json_t *start, *resume; /* variables of the first requests */
  char *earlier;          /* answer to the second */
  char *config, *summary; /* as told last, NULL when the server has them */
  vg_wandb_lines history, events, console;
  int64_t first_row; /* number of this session's first row */
  json_t *uploads;   /* paths to upload */
  json_t *uploaded;  /* paths to report */
  json_t *artifacts; /* to be made */
  vg_wandb_retry start_retry, config_retry, files_retry, artifact_retry, stream_retry;
} vg_wandb_online;

/* ---- wandb_call.c ---- */

typedef enum vg_wandb_query {
  VG_WANDB_Q_UPSERT,
  VG_WANDB_Q_RESUME,
  VG_WANDB_Q_FILES,
  VG_WANDB_Q_ARTIFACT,
  VG_WANDB_Q_MANIFEST,
  VG_WANDB_Q_ARTIFACT_FILES,
  VG_WANDB_Q_COMMIT,
} vg_wandb_query;

/* A GraphQL request; takes `variables`. *data (or NULL) is released by the caller. */
vg_wandb_verdict vg_wandb_ask(vg_wandb_online *w, vg_wandb_query q, json_t *variables,
                              json_t **data);
vg_wandb_verdict vg_wandb_post(vg_wandb_online *w, const char *url, const char *body, size_t n);
/* Uploads bytes to a pre-signed address: without our key. */
vg_wandb_verdict vg_wandb_put(vg_wandb_online *w, const vg_wandb_target *t, const void *data,
                              size_t n);
/* Sets the time of the next try, from the last answer. */
void vg_wandb_later(vg_wandb_online *w, vg_wandb_retry *r);
bool vg_wandb_due(const vg_wandb_retry *r);

/* ---- the parts of a run; each makes one attempt ---- */

vg_wandb_verdict vg_wandb_send_start(vg_wandb_online *w);
vg_wandb_verdict vg_wandb_send_resume(vg_wandb_online *w);
vg_wandb_verdict vg_wandb_send_config(vg_wandb_online *w);
vg_wandb_verdict vg_wandb_send_files(vg_wandb_online *w);    /* wandb_upload.c */
vg_wandb_verdict vg_wandb_send_artifact(vg_wandb_online *w); /* wandb_artifact.c: the first */
vg_wandb_verdict vg_wandb_send_stream(vg_wandb_online *w);   /* wandb_stream.c */
bool vg_wandb_stream_waits(const vg_wandb_online *w);

bool vg_wandb_lines_add(vg_wandb_lines *l, const char *text, size_t n); /* false: no memory */
void vg_wandb_lines_drop(vg_wandb_lines *l, size_t n);                  /* acknowledged ones */

#endif
