/* A W&B run on its way to the server, on a thread of its own. News is handed over without waiting;
   what the server does not take is kept and tried again, rows in order and none twice. */
#ifndef VG_LOG_WANDB_SENDER_H
#define VG_LOG_WANDB_SENDER_H

#include "log/wandb_reply.h"
#include "log/wandb_writer.h"

typedef struct vg_wandb_sender vg_wandb_sender;

/* Texts are copied. Times in seconds. */
typedef struct vg_wandb_sender_options {
  const char *base_url, *key, *agent;
  bool insecure;
  double interval, heartbeat; /* between posts of the file stream; when there is nothing new */
  double wait_min, wait_max;  /* before trying again: doubled each time from one to the other */
  double timeout;             /* of one request */
  double finish_idle;         /* at the end: give up so long after the last success */
  double finish_total;        /* ... and in any case after this */
  bool (*give_up)(void);      /* asked while the end is waited for; NULL: never */
} vg_wandb_sender_options;

typedef enum vg_wandb_state {
  VG_WANDB_CONNECTING, /* no answer yet */
  VG_WANDB_ONLINE,     /* the last request was answered */
  VG_WANDB_WAITING,    /* no connection, or the server has a bad time; tried again */
  VG_WANDB_REFUSED,    /* the server does not want the run (`why`); nothing more is sent */
  VG_WANDB_FINISHED,   /* everything arrived */
} vg_wandb_state;

typedef struct vg_wandb_status {
  vg_wandb_state state;
  vg_wandb_place place;    /* known once the run started */
  int64_t rows, rows_sent; /* handed over; acknowledged */
  bool stop_asked;         /* by somebody on the run's page */
  int lost_files;          /* uploads and artifacts the server refused */
  char why[300];           /* of WAITING and REFUSED */
} vg_wandb_status;

vg_status vg_wandb_sender_open(vg_wandb_sender **out, const vg_wandb_sender_options *o);

/* Takes a copy; `sender` is a vg_wandb_sender, as the writer's callback wants it. */
void vg_wandb_sender_tell(void *sender, vg_wandb_news kind, const char *text, size_t n);

/* Lines the server has already, before the first are told. */
void vg_wandb_sender_continue(vg_wandb_sender *s, int64_t history, int64_t events, int64_t console);

void vg_wandb_sender_look(vg_wandb_sender *s, vg_wandb_status *out);

/* Waits until the server answered the first request or refused, or the time is over. */
void vg_wandb_sender_wait(vg_wandb_sender *s, double seconds);

/* The answer to VG_WANDB_RESUME as JSON, to be freed with vg_free; NULL without one. */
char *vg_wandb_sender_earlier(vg_wandb_sender *s);

/* Ends the run on the server with an exit code, within the times of the options, and frees `s`.
   `out` (or NULL) tells how it went. */
void vg_wandb_sender_close(vg_wandb_sender *s, int code, vg_wandb_status *out);

#endif
