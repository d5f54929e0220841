/* One download: transfers, retries, sums. Bytes go to the part file only after the answer's headers
   said that they belong there. */
#include "io/download.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "device/interrupt.h"
#include "io/curl.h"
#include "io/file.h"
#include "io/hash.h"
#include "io/partfile.h"

typedef struct transfer {
  const vg_download_request *q;
  const vg_curl *curl;
  vg_part part;
  /* The answer being received. */
  long status;
  int64_t length, total, range_at; /* -1 unknown */
  char etag[256], modified[256];
  bool accepted; /* its body belongs into the part file */
  vg_status st;  /* what a callback failed with */
  double shown;  /* when progress was last told */
  bool stopped;
} transfer;

static bool keep_going(void *arg) {
  transfer *t = arg;
  double now = vg_clock();
  if (vg_interrupted()) t->stopped = true;
  if (!t->stopped && t->q->progress && now - t->shown > 0.1) {
    t->shown = now;
    t->stopped = t->q->progress(t->q->arg, t->part.size, t->total > 0 ? t->total : 0) != 0;
  }
  return !t->stopped;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  return !keep_going(arg);
}

/* Some servers ignore If-Range. */
static bool same_version(const transfer *t) {
  const char *known = t->part.version;
  if (!known[0] || (!t->etag[0] && !t->modified[0])) return true;
  return strcmp(known, t->etag) == 0 || strcmp(known, t->modified) == 0;
}

/* All headers are in: decides what happens to the body. */
static void decide(transfer *t) {
  t->accepted = false;
  if (t->status == 200) {
    t->total = t->length;
    t->st = vg_part_restart(&t->part, t->q->url, t->etag[0] ? t->etag : t->modified);
    t->accepted = t->st == VG_OK;
  } else if (t->status == 206) {
    t->accepted = t->range_at == t->part.size && same_version(t);
  }
}

static bool header_is(const char *line, size_t n, const char *name, const char **value) {
  size_t k = strlen(name);
  if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':') return false;
  *value = line + k + 1 + strspn(line + k + 1, " \t");
  return true;
}

static void copy_value(char to[256], const char *value) {
  size_t n = strcspn(value, "\r\n");
  if (n > 255) n = 0; /* too long to be useful */
  memcpy(to, value, n);
  to[n] = 0;
}

static void content_range(transfer *t, const char *v) {
  long long at = -1, end = -1, total = -1;
  if (sscanf(v, "bytes %lld-%lld/%lld", &at, &end, &total) < 2) sscanf(v, "bytes */%lld", &total);
  t->range_at = at;
  t->total = total;
}

static size_t on_header(char *data, size_t one, size_t n, void *arg) {
  transfer *t = arg;
  char line[1024];
  const char *v;
  size_t k = n < sizeof line ? n : sizeof line - 1;
  memcpy(line, data, k);
  line[k] = 0;
  if (strncmp(line, "HTTP/", 5) == 0) { /* again after a redirection */
    const char *space = strchr(line, ' ');
    t->status = space ? strtol(space, NULL, 10) : 0;
    t->length = t->range_at = -1;
    t->etag[0] = t->modified[0] = 0;
  } else if (header_is(line, k, "Content-Length", &v)) {
    t->length = strtoll(v, NULL, 10);
  } else if (header_is(line, k, "Content-Range", &v)) {
    content_range(t, v);
  } else if (header_is(line, k, "ETag", &v)) {
    if (v[0] == '"') copy_value(t->etag, v); /* a weak one says nothing about bytes */
  } else if (header_is(line, k, "Last-Modified", &v)) {
    copy_value(t->modified, v);
  } else if (line[0] == '\r' || line[0] == '\n') {
    decide(t);
  }
  return t->st == VG_OK ? n * one : 0;
}

static size_t on_body(char *data, size_t one, size_t n, void *arg) {
  transfer *t = arg;
  if (t->accepted) t->st = vg_part_write(&t->part, data, n);
  return t->st == VG_OK ? n * one : 0;
}

static void set_options(const transfer *t, CURL *h, struct curl_slist *headers) {
  const vg_curl *c = t->curl;
  long timeout = t->q->timeout ? t->q->timeout : 20;
  c->easy_setopt(h, CURLOPT_URL, t->q->url);
  c->easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  c->easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  c->easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
  c->easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
  c->easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  c->easy_setopt(h, CURLOPT_USERAGENT, "vgglua/" VGGLUA_VERSION);
  c->easy_setopt(h, CURLOPT_CONNECTTIMEOUT, timeout < 10 ? timeout : 10L);
  c->easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 100L);
  c->easy_setopt(h, CURLOPT_LOW_SPEED_TIME, timeout);
  c->easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
  c->easy_setopt(h, CURLOPT_HEADERDATA, t);
  c->easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
  c->easy_setopt(h, CURLOPT_WRITEDATA, t);
  c->easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
  c->easy_setopt(h, CURLOPT_XFERINFODATA, t);
  c->easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  if (headers) c->easy_setopt(h, CURLOPT_HTTPHEADER, headers);
}

/* One request, for what is missing. Range is set by hand: libcurl's own resuming gives up when a
   server ignores it. */
static CURLcode request(transfer *t) {
  CURL *h = t->curl->easy_init();
  struct curl_slist *headers = NULL;
  char line[300];
  CURLcode code;
  if (!h) return CURLE_FAILED_INIT;
  if (t->part.size) {
    snprintf(line, sizeof line, "Range: bytes=%lld-", (long long)t->part.size);
    headers = t->curl->slist_append(headers, line);
    if (headers && t->part.version[0]) {
      snprintf(line, sizeof line, "If-Range: %s", t->part.version);
      t->curl->slist_append(headers, line);
    }
  }
  t->status = 0;
  t->total = t->length = t->range_at = -1;
  t->accepted = false;
  set_options(t, h, headers);
  code = t->curl->easy_perform(h);
  t->curl->easy_cleanup(h);
  t->curl->slist_free_all(headers);
  return code;
}

/* ---- what an answer means ---- */

typedef enum outcome { COMPLETE, AGAIN, OFFLINE, HOPELESS } outcome;

static void amount(const transfer *t, char *to, size_t room) {
  double unit = t->total >= 10 << 20 || t->part.size >= 10 << 20 ? 1 << 20 : 1024;
  const char *name = unit > 1024 ? "MiB" : "KiB";
  if (t->total > 0) {
    snprintf(to, room, "%.0f of %.0f %s", (double)t->part.size / unit, (double)t->total / unit,
             name);
  } else {
    snprintf(to, room, "%.0f %s", (double)t->part.size / unit, name);
  }
}

static outcome judge_status(transfer *t) {
  if (t->status == 200 || t->status == 206) {
    if (t->accepted && (t->total < 0 || t->part.size == t->total)) return COMPLETE;
    vg_fail(VG_EIO, "server sent other bytes than it announced");
    t->st = vg_part_restart(&t->part, t->q->url, "");
    return AGAIN;
  }
  if (t->status == 416) { /* nothing behind what we have */
    if (t->part.size && t->total == t->part.size) return COMPLETE;
    vg_fail(VG_EIO, "server refuses to resume");
    t->st = vg_part_restart(&t->part, t->q->url, "");
    return AGAIN;
  }
  vg_fail(VG_EIO, "server answered %ld for %s", t->status, t->q->url);
  return t->status >= 500 || t->status == 408 || t->status == 429 ? AGAIN : HOPELESS;
}

static outcome judge(transfer *t, CURLcode code) {
  char have[64];
  amount(t, have, sizeof have);
  switch (code) {
    case CURLE_OK: return judge_status(t);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      vg_fail(VG_EIO, "no network (%s: %s)", t->curl->easy_strerror(code), t->q->url);
      return OFFLINE;
    case CURLE_OPERATION_TIMEDOUT:
      vg_fail(VG_EIO, "no answer for %d s after %s", t->q->timeout ? t->q->timeout : 20, have);
      return t->status ? AGAIN : OFFLINE;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: vg_fail(VG_EIO, "connection closed after %s", have); return AGAIN;
    case CURLE_SSL_CONNECT_ERROR: vg_fail(VG_EIO, "no secure connection"); return AGAIN;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      vg_fail(VG_EIO, "'%s' is no http or https address", t->q->url);
      return HOPELESS;
    default: vg_fail(VG_EIO, "%s (%s)", t->curl->easy_strerror(code), t->q->url); return HOPELESS;
  }
}

/* ---- sums ---- */

static vg_status check_sum(const char *path, const char *kind, const char *want,
                           vg_status (*sum)(vg_digest *, const char *)) {
  vg_digest d;
  size_t n = want ? strlen(want) : 0;
  vg_status st;
  if (!n) return VG_OK;
  VG_TRY(sum(&d, path));
  if (strncasecmp(d.hex, want, n) != 0)
    st = vg_fail(VG_EDATA, "%s begins %.8s, expected %.8s", kind, d.hex, want);
done:
  return st;
}

static vg_status check_sums(const vg_download_request *q, const char *path) {
  vg_status st;
  VG_TRY(check_sum(path, "md5", q->md5, vg_file_md5));
  VG_TRY(check_sum(path, "sha256", q->sha256, vg_file_sha256));
done:
  return st;
}

/* ---- the whole ---- */

static vg_status pause_for(transfer *t, double seconds) {
  double until = vg_clock() + seconds;
  const struct timespec slice = {.tv_nsec = 20 * 1000 * 1000};
  while (vg_clock() < until) {
    if (!keep_going(t)) return vg_fail(VG_EINTR, "interrupted");
    nanosleep(&slice, NULL);
  }
  return VG_OK;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Adds what became of the bytes and what to do. */
static vg_status give_up(transfer *t, vg_status code, outcome why) {
  char text[600];
  const char *path = t->q->path, *name = base_name(path);
  snprintf(text, sizeof text, "%s", vg_error());
  if (t->part.size)
    return vg_fail(code, "%s: %s; kept %s.part, run again to resume", t->q->what, text, name);
  vg_part_discard(&t->part);
  if (why == OFFLINE)
    return vg_fail(code, "%s: %s: put the file in %.*s", t->q->what, text,
                   name > path ? (int)(name - path) : 1, name > path ? path : ".");
  return vg_fail(code, "%s: %s", t->q->what, text);
}

static vg_status fetch(transfer *t) {
  int limit = t->q->retries ? t->q->retries : 5, tries = 0;
  double wait = t->q->backoff > 0 ? t->q->backoff : 0.5;
  int64_t best = t->part.size;
  char have[64];
  for (;;) {
    CURLcode code = request(t);
    outcome o = t->st == VG_OK ? judge(t, code) : HOPELESS; /* a callback's message stays */
    if (t->stopped) {
      amount(t, have, sizeof have);
      vg_fail(VG_EINTR, "download interrupted after %s", have);
      return give_up(t, VG_EINTR, AGAIN);
    }
    if (t->st != VG_OK) return give_up(t, t->st, HOPELESS);
    if (o == COMPLETE) return VG_OK;
    if (t->part.size > best) tries = 0; /* progress: patience starts again */
    if (t->part.size > best) best = t->part.size;
    if (o == HOPELESS || tries >= (o == OFFLINE && limit > 1 ? 1 : limit))
      return give_up(t, VG_EIO, o);
    if (pause_for(t, tries < 5 ? wait * (1 << tries) : wait * 32) != VG_OK)
      return give_up(t, VG_EINTR, o);
    tries++;
  }
}

static vg_status finish(transfer *t) {
  vg_status st = check_sums(t->q, t->part.part);
  if (st == VG_EDATA) {
    vg_part_discard(&t->part);
    return vg_fail(st, "%s: %s of %s: file deleted, run again", t->q->what, vg_error(),
                   base_name(t->q->path));
  }
  VG_TRY(st);
  VG_TRY(vg_part_commit(&t->part));
  if (t->q->progress) t->q->progress(t->q->arg, t->part.size, t->part.size);
done:
  return st;
}

static vg_status make_parent(const char *path) {
  const char *name = base_name(path);
  char dir[4096];
  size_t n = (size_t)(name - path);
  if (n == 0) return VG_OK;
  if (n >= sizeof dir) return vg_fail(VG_EIO, "path too long");
  memcpy(dir, path, n);
  dir[n > 1 ? n - 1 : n] = 0;
  return vg_make_dirs(dir);
}

static bool is_there(const vg_download_request *q) {
  return access(q->path, F_OK) == 0 && check_sums(q, q->path) == VG_OK;
}

static vg_status begin(transfer *t) {
  const vg_download_request *q = t->q;
  vg_status st;
  VG_TRY(vg_curl_open(&t->curl));
  VG_TRY(make_parent(q->path));
  VG_TRY(vg_part_open(&t->part, q->path, q->url, q->md5 || q->sha256, keep_going, t));
done:
  return st == VG_OK ? st : vg_fail_at(st, "%s", q->what);
}

vg_status vg_download(const vg_download_request *q) {
  transfer t = {.q = q, .part = {.fd = -1}, .total = -1};
  vg_status st;
  if (is_there(q)) return VG_OK;
  VG_TRY(begin(&t));
  if (is_there(q)) { /* somebody finished it while we waited for the lock */
    vg_part_discard(&t.part);
  } else {
    VG_TRY(fetch(&t));
    VG_TRY(finish(&t));
  }
done:
  vg_part_close(&t.part);
  return st;
}
