/* libcurl, opened with dlopen at the first use: linked, it would cost every start 5 MB and some
   milliseconds. */
#ifndef VG_IO_CURL_H
#define VG_IO_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/status.h"

typedef struct vg_curl {
  CURLcode (*global_init)(long flags);
  CURL *(*easy_init)(void);
  CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
  CURLcode (*easy_perform)(CURL *);
  CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
  void (*easy_cleanup)(CURL *);
  const char *(*easy_strerror)(CURLcode);
  struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
  void (*slist_free_all)(struct curl_slist *);
  CURLM *(*multi_init)(void);
  CURLMcode (*multi_add_handle)(CURLM *, CURL *);
  CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
  CURLMcode (*multi_perform)(CURLM *, int *running);
  CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned n, int ms, int *ready);
  CURLMcode (*multi_wakeup)(CURLM *);
  CURLMsg *(*multi_info_read)(CURLM *, int *left);
  CURLMcode (*multi_cleanup)(CURLM *);
} vg_curl;

/* VG_EIO, saying what to install, when there is no libcurl. */
vg_status vg_curl_open(const vg_curl **out);

#endif
