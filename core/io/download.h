/* HTTP downloads that survive: resumed from PATH.part, retried, checked, renamed into place, one
   process at a time. libcurl is opened at the first use, so nobody else pays for it. */
#ifndef VG_IO_DOWNLOAD_H
#define VG_IO_DOWNLOAD_H

#include "base/status.h"

typedef struct vg_download_request {
  const char *url;    /* http or https */
  const char *path;   /* target; directories are made */
  const char *what;   /* starts messages: "data", "weights" */
  const char *md5;    /* whole, in hex, or NULL */
  const char *sha256; /* whole or its beginning, in hex, or NULL */
  int retries;    /* after failures that may pass, without progress in between; 0 = 5, -1 = none */
  double backoff; /* seconds before the first retry, doubled each time; 0 = 0.5 */
  int timeout;    /* seconds to connect, and of (nearly) no data, before giving up; 0 = 20 */
  /* Called a few times a second; total is 0 while unknown. A result other than 0 interrupts. */
  int (*progress)(void *arg, int64_t done, int64_t total);
  void *arg;
} vg_download_request;

/* VG_OK at once, without a request, when `path` exists and fits its sum. VG_EIO: refused, cut off,
   no network, full disk; what came is kept in PATH.part. VG_EDATA: wrong sum, the file is deleted.
   VG_EINTR: progress said so or the user interrupted. */
VG_API vg_status vg_download(const vg_download_request *request);

#endif
