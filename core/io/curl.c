/* Opens libcurl once per process. */
#include "io/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static vg_curl api;
static char reason[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *library(void) {
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl-nss.so.4"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (lib) return lib;
  }
  return NULL;
}

/* Functions come out of dlsym as object pointers; POSIX wants them copied so. */
static bool find(void *lib, const char *name, void *to) {
  void *p = dlsym(lib, name);
  memcpy(to, &p, sizeof p);
  return p != NULL;
}

static void open_once(void) {
  void *lib = library();
  bool all;
  if (!lib) {
    snprintf(reason, sizeof reason, "libcurl.so.4 is not installed (Debian: libcurl4)");
    return;
  }
  all = find(lib, "curl_global_init", &api.global_init) &&
        find(lib, "curl_easy_init", &api.easy_init) &&
        find(lib, "curl_easy_setopt", &api.easy_setopt) &&
        find(lib, "curl_easy_perform", &api.easy_perform) &&
        find(lib, "curl_easy_getinfo", &api.easy_getinfo) &&
        find(lib, "curl_easy_cleanup", &api.easy_cleanup) &&
        find(lib, "curl_easy_strerror", &api.easy_strerror) &&
        find(lib, "curl_slist_append", &api.slist_append) &&
        find(lib, "curl_slist_free_all", &api.slist_free_all) &&
        find(lib, "curl_multi_init", &api.multi_init) &&
        find(lib, "curl_multi_add_handle", &api.multi_add_handle) &&
        find(lib, "curl_multi_remove_handle", &api.multi_remove_handle) &&
        find(lib, "curl_multi_perform", &api.multi_perform) &&
        find(lib, "curl_multi_poll", &api.multi_poll) &&
        find(lib, "curl_multi_wakeup", &api.multi_wakeup) &&
        find(lib, "curl_multi_info_read", &api.multi_info_read) &&
        find(lib, "curl_multi_cleanup", &api.multi_cleanup);
  if (!all || api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    snprintf(reason, sizeof reason, "the libcurl that is installed cannot be used");
}

vg_status vg_curl_open(const vg_curl **out) {
  pthread_once(&once, open_once);
  if (reason[0]) return vg_fail(VG_EIO, "download: %s", reason);
  *out = &api;
  return VG_OK;
}
