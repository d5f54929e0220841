/* One HTTP request after another over kept connections, each with an end in sight: a time limit,
   and a call that ends it from another thread. */
#ifndef VG_IO_HTTP_H
#define VG_IO_HTTP_H

#include "base/text.h"

typedef struct vg_http vg_http;

typedef struct vg_http_request {
  const char *method; /* "POST" or "PUT" */
  const char *url;
  const void *body;
  size_t size;
  const char *const *headers; /* "Name: value", ended by NULL; NULL for none */
  const char *user;           /* "name:password" for basic authentication, or NULL */
  const char *agent;
  double timeout; /* seconds, 0 for none as long as bytes move */
  bool insecure;  /* any certificate will do */
} vg_http_request;

typedef struct vg_http_answer {
  int status;                        /* 0: there was none, `why` says so */
  vg_text body;                      /* at most 16 MiB of it */
  double retry_after;                /* seconds, -1 when not told */
  double rate_remaining, rate_reset; /* of RateLimit-..., -1 when not told */
  bool hopeless;                     /* no use in trying again: certificate, malformed URL */
  char why[256];
} vg_http_answer;

vg_status vg_http_open(vg_http **out); /* VG_EIO without libcurl */
void vg_http_close(vg_http *h);

/* Frees what `a` held before. The result is in `a->status`. */
void vg_http_do(vg_http *h, const vg_http_request *q, vg_http_answer *a);

/* From any thread: the request under way and all later ones fail at once. */
void vg_http_stop(vg_http *h);

#endif
