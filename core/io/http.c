/* Requests over libcurl's multi interface, whose handle keeps the connections. */
#include "io/http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/curl.h"

enum { LARGEST_BODY = 16 << 20 };

struct vg_http {
  const vg_curl *curl;
  CURLM *multi;
  atomic_bool stopped;
};

typedef struct exchange {
  const vg_http_request *q;
  vg_http_answer *a;
  size_t sent;
} exchange;

vg_status vg_http_open(vg_http **out) {
  vg_http *h = vg_calloc(1, sizeof *h);
  vg_status st = VG_ENOMEM;
  if (!h) return st;
  atomic_init(&h->stopped, false);
  VG_TRY(vg_curl_open(&h->curl));
  h->multi = h->curl->multi_init();
  if (!h->multi) st = vg_fail(VG_ENOMEM, "http: libcurl has no memory");
done:
  if (st == VG_OK)
    *out = h;
  else
    vg_free(h);
  return st;
}

void vg_http_close(vg_http *h) {
  if (!h) return;
  h->curl->multi_cleanup(h->multi);
  vg_free(h);
}

void vg_http_stop(vg_http *h) {
  atomic_store(&h->stopped, true);
  h->curl->multi_wakeup(h->multi);
}

/* ---- what libcurl calls ---- */

static size_t on_body(char *data, size_t one, size_t n, void *arg) {
  vg_text *t = &((exchange *)arg)->a->body;
  if (t->len + n > LARGEST_BODY) return 0;
  vg_text_add(t, data, n);
  return t->failed ? 0 : n * one;
}

static const char *value_of(const char *line, size_t n, const char *name) {
  size_t k = strlen(name);
  if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':') return NULL;
  return line + k + 1 + strspn(line + k + 1, " \t");
}

static double number(const char *s) {
  char *end;
  double v = strtod(s, &end);
  return end != s && v >= 0 && v < 1e9 ? v : -1;
}

/* "120" or "Fri, 31 Dec 1999 23:59:59 GMT" as seconds from now. */
static double retry_after(const char *s) {
  struct tm t = {0};
  double v = number(s);
  if (v >= 0) return v;
  if (!strptime(s, "%a, %d %b %Y %H:%M:%S", &t)) return -1;
  v = (double)timegm(&t) - vg_wall_clock();
  return v > 0 ? v : 0;
}

static size_t on_header(char *data, size_t one, size_t n, void *arg) {
  vg_http_answer *a = ((exchange *)arg)->a;
  char line[300];
  size_t k = n < sizeof line ? n : sizeof line - 1;
  const char *v;
  memcpy(line, data, k);
  line[k] = 0;
  if ((v = value_of(line, k, "Retry-After"))) a->retry_after = retry_after(v);
  if ((v = value_of(line, k, "RateLimit-Remaining"))) a->rate_remaining = number(v);
  if ((v = value_of(line, k, "RateLimit-Reset"))) a->rate_reset = number(v);
  return n * one;
}

static size_t on_read(char *to, size_t one, size_t n, void *arg) {
  exchange *x = arg;
  size_t left = x->q->size - x->sent, k = n * one < left ? n * one : left;
  if (k) memcpy(to, (const char *)x->q->body + x->sent, k);
  x->sent += k;
  return k;
}

static int on_seek(void *arg, curl_off_t offset, int origin) {
  exchange *x = arg;
  if (origin != SEEK_SET || offset < 0 || (size_t)offset > x->q->size) return CURL_SEEKFUNC_FAIL;
  x->sent = (size_t)offset;
  return CURL_SEEKFUNC_OK;
}

/* ---- one request ---- */

static void set_method(const vg_curl *c, CURL *e, exchange *x) {
  const vg_http_request *q = x->q;
  if (strcmp(q->method, "PUT") == 0) {
    c->easy_setopt(e, CURLOPT_UPLOAD, 1L);
    c->easy_setopt(e, CURLOPT_READFUNCTION, on_read);
    c->easy_setopt(e, CURLOPT_READDATA, x);
    c->easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
    c->easy_setopt(e, CURLOPT_SEEKDATA, x);
    c->easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
  } else {
    c->easy_setopt(e, CURLOPT_POST, 1L);
    c->easy_setopt(e, CURLOPT_POSTFIELDS, q->size ? q->body : "");
    c->easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->size);
  }
}

static void set_options(const vg_curl *c, CURL *e, exchange *x, struct curl_slist *headers) {
  const vg_http_request *q = x->q;
  c->easy_setopt(e, CURLOPT_URL, q->url);
  c->easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  c->easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  c->easy_setopt(e, CURLOPT_USERAGENT, q->agent);
  c->easy_setopt(e, CURLOPT_CONNECTTIMEOUT, 10L);
  if (q->timeout > 0) c->easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(q->timeout * 1000));
  c->easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
  c->easy_setopt(e, CURLOPT_LOW_SPEED_TIME, 60L);
  if (q->user) {
    c->easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    c->easy_setopt(e, CURLOPT_USERPWD, q->user);
  }
  if (q->insecure) {
    c->easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
    c->easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  c->easy_setopt(e, CURLOPT_HTTPHEADER, headers);
  c->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  c->easy_setopt(e, CURLOPT_HEADERDATA, x);
  c->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  c->easy_setopt(e, CURLOPT_WRITEDATA, x);
  set_method(c, e, x);
}

static bool is_hopeless(CURLcode code) {
  return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
         code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_TOO_MANY_REDIRECTS;
}

static CURLcode perform(vg_http *h, CURL *e) {
  const vg_curl *c = h->curl;
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  int running = 1, left;
  if (c->multi_add_handle(h->multi, e) != CURLM_OK) return CURLE_FAILED_INIT;
  while (running && !atomic_load(&h->stopped)) {
    if (c->multi_perform(h->multi, &running) != CURLM_OK) break;
    if (running) c->multi_poll(h->multi, NULL, 0, 1000, NULL);
  }
  for (CURLMsg *m; (m = c->multi_info_read(h->multi, &left));)
    if (m->msg == CURLMSG_DONE && m->easy_handle == e) code = m->data.result;
  c->multi_remove_handle(h->multi, e);
  return code;
}

void vg_http_do(vg_http *h, const vg_http_request *q, vg_http_answer *a) {
  const vg_curl *c = h->curl;
  struct curl_slist *headers = c->slist_append(NULL, "Expect:");
  exchange x = {.q = q, .a = a};
  CURL *e = c->easy_init();
  CURLcode code = CURLE_OUT_OF_MEMORY;
  long status = 0;
  vg_text_free(&a->body);
  *a = (vg_http_answer){.retry_after = -1, .rate_remaining = -1, .rate_reset = -1};
  for (const char *const *line = q->headers; line && *line; line++)
    headers = c->slist_append(headers, *line);
  if (e) {
    set_options(c, e, &x, headers);
    code = perform(h, e);
    if (code == CURLE_OK) c->easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    c->easy_cleanup(e);
  }
  c->slist_free_all(headers);
  a->status = (int)status;
  a->hopeless = is_hopeless(code);
  if (code != CURLE_OK) snprintf(a->why, sizeof a->why, "%s", c->easy_strerror(code));
}
