/* A stand-in for the W&B server, for the tests: `wandbstub DIR [PORT]` prints its port, writes one
   JSON line a request to DIR/requests.jsonl and the bodies of uploads to DIR/blob-N. One thread a
   connection, keep-alive. GET /stub/... steers it:
     /stub/fail?match=WORD&count=N&status=S&header=NAME:VALUE&delay=MS&cut=1&close=1&reply=TEXT
         the next N requests whose operation or path holds WORD are answered so: `delay` waits
         first, `cut` sends half of the answer and closes, `close` reads and closes; with
         `after=1` the request counts as served (its effect happened) although the answer fails
     /stub/down?ms=T   refuses and drops all connections for T ms
     /stub/bucket?...  what RunResumeStatus finds: percent-encoded JSON in `json`
     /stub/quit */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 64, CONNECTIONS = 256 };

typedef struct rule {
  char match[64], header[128], reply[1024];
  int count, status, delay;
  bool cut, close, after;
} rule;

typedef struct request {
  char method[8], path[1024], head[8192];
  char *body;
  size_t length;
} request;

static struct {
  pthread_mutex_t lock;
  const char *dir;
  FILE *log;
  _Atomic int listener;
  int port, blobs, artifacts, lines, rows; /* rows: of the history, so far */
  _Atomic int open[CONNECTIONS];
  _Atomic double down_until;
  rule rules[RULES];
  int n_rules;
  json_t *bucket, *seen; /* seen: run names that were upserted */
} stub = {.lock = PTHREAD_MUTEX_INITIALIZER, .listener = -1};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void pause_ms(int ms) {
  const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  nanosleep(&t, NULL);
}

/* ---- HTTP ---- */

static bool send_all(int c, const char *p, size_t n) {
  while (n) {
    ssize_t k = send(c, p, n, MSG_NOSIGNAL);
    if (k <= 0) return false;
    p += k;
    n -= (size_t)k;
  }
  return true;
}

static const char *header_value(const request *r, const char *name, char *to, size_t size) {
  const char *at = strcasestr(r->head, name);
  to[0] = 0;
  if (at) {
    at += strlen(name);
    at += strspn(at, ": ");
    snprintf(to, size, "%.*s", (int)strcspn(at, "\r\n"), at);
  }
  return to;
}

static bool read_head(int c, request *r) {
  size_t n = 0;
  while (n < sizeof r->head - 1) { /* byte by byte: the body stays in the socket */
    ssize_t k = recv(c, r->head + n, 1, 0);
    if (k <= 0) return false;
    r->head[++n] = 0;
    if (n >= 4 && memcmp(r->head + n - 4, "\r\n\r\n", 4) == 0) break;
  }
  return sscanf(r->head, "%7s %1023s", r->method, r->path) == 2;
}

static bool read_request(int c, request *r) {
  char value[256];
  if (!read_head(c, r)) return false;
  r->length = strtoul(header_value(r, "\r\nContent-Length", value, sizeof value), NULL, 10);
  if (strstr(header_value(r, "\r\nExpect", value, sizeof value), "100"))
    send_all(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
  r->body = calloc(1, r->length + 1);
  for (size_t n = 0; n < r->length;) {
    ssize_t k = recv(c, r->body + n, r->length - n, 0);
    if (k <= 0) return false;
    n += (size_t)k;
  }
  return true;
}

static bool answer(int c, int status, const char *extra, const char *body, bool cut) {
  char head[600];
  size_t n = strlen(body);
  int k = snprintf(head, sizeof head,
                   "HTTP/1.1 %d Stub\r\nContent-Type: application/json\r\n%s%s"
                   "Content-Length: %zu\r\n\r\n",
                   status, extra, extra[0] ? "\r\n" : "", cut ? n + 10 : n);
  return send_all(c, head, (size_t)k) && send_all(c, body, cut ? n / 2 : n) && !cut;
}

/* ---- what it says ---- */

static const char *text(json_t *o, const char *key, const char *otherwise) {
  const char *s = json_string_value(json_object_get(o, key));
  return s && s[0] ? s : otherwise;
}

/* A name as part of a URL. */
static const char *escaped(const char *from, char *to, size_t size) {
  size_t n = 0;
  for (; *from && n + 4 < size; from++)
    n += (size_t)snprintf(to + n, size - n,
                          strchr("/-_.~", *from) || isalnum(*from) ? "%c" : "%%%02X",
                          (unsigned char)*from);
  to[n] = 0;
  return to;
}

static json_t *upsert(json_t *v) {
  const char *name = text(v, "name", "none");
  bool inserted = !json_object_get(stub.seen, name);
  json_object_set_new(stub.seen, name, json_true());
  return json_pack("{s{s{s{ss ss ss sn sn sn s{ss ss s{ss ss}} si} sb}}}", "data", "upsertBucket",
                   "bucket", "id", "r1", "name", name, "displayName",
                   text(v, "displayName", "quiet-stub-1"), "description", "config", "sweepName",
                   "project", "id", "p", "name", text(v, "project", "uncategorized"), "entity",
                   "id", "e", "name", text(v, "entity", "stub"), "historyLineCount", stub.rows,
                   "inserted", inserted);
}

static json_t *run_files(json_t *v) {
  json_t *list = json_array(), *f;
  size_t i;
  json_array_foreach(json_object_get(v, "files"), i, f) {
    char url[1200], name[1000];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/storage/%s", stub.port,
             escaped(json_string_value(f), name, sizeof name));
    json_array_append_new(list, json_pack("{sO ss}", "name", f, "uploadUrl", url));
  }
  return json_pack("{s{s{ss s[s] so}}}", "data", "createRunFiles", "runID", "r1", "uploadHeaders",
                   "X-Stub:one", "files", list);
}

static json_t *artifact_files(json_t *v) {
  json_t *edges = json_array(), *f, *input = json_object_get(v, "input");
  size_t i;
  json_array_foreach(json_object_get(input ? input : v, "artifactFiles"), i, f) {
    char url[1200], name[1000];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/storage/artifact/%s", stub.port,
             escaped(text(f, "name", ""), name, sizeof name));
    json_array_append_new(
        edges, json_pack("{s{ss ss s[s] sn s{sO}}}", "node", "storagePath", "x", "uploadUrl", url,
                         "uploadHeaders", "X-Stub:two", "uploadMultipartUrls", "artifact", "id",
                         json_object_get(f, "artifactID")));
  }
  return json_pack("{s{s{s{so}}}}", "data", "createArtifactFiles", "files", "edges", edges);
}

static json_t *manifest(void) {
  char url[100];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/storage/manifest", stub.port);
  return json_pack("{s{s{s{ss s{ss ss s[]}}}}}", "data", "createArtifactManifest",
                   "artifactManifest", "id", "m", "file", "id", "f", "uploadUrl", url,
                   "uploadHeaders");
}

static json_t *graphql(const char *op, json_t *v) {
  char id[32];
  if (strcmp(op, "UpsertBucket") == 0) return upsert(v);
  if (strcmp(op, "CreateRunFiles") == 0) return run_files(v);
  if (strcmp(op, "CreateArtifactFiles") == 0) return artifact_files(v);
  if (strcmp(op, "CreateArtifactManifest") == 0) return manifest();
  if (strcmp(op, "ServerFeaturesQuery") == 0)
    return json_pack("{s{s{s[]}}}", "data", "serverInfo", "features");
  if (strcmp(op, "CreateArtifact") == 0) {
    snprintf(id, sizeof id, "QXJ0aWZhY3Q6%d", ++stub.artifacts);
    return json_pack("{s{s{s{ss ss s{sn}}}}}", "data", "createArtifact", "artifact", "id", id,
                     "state", "PENDING", "artifactSequence", "latestArtifact");
  }
  if (strcmp(op, "CommitArtifact") == 0)
    return json_pack("{s{s{s{sO ss}}}}", "data", "commitArtifact", "artifact", "id",
                     json_object_get(v, "artifactID"), "digest", "d");
  if (strcmp(op, "Viewer") == 0)
    return json_pack("{s{s{ss ss ss ss ss s{s[]}}}}", "data", "viewer", "id", "u", "entity", "stub",
                     "username", "stub", "email", "s@x", "flags", "{}", "teams", "edges");
  if (strcmp(op, "RunResumeStatus") == 0)
    return json_pack("{s{s{ss ss s{ss ss} sO}}}", "data", "model", "id", "p", "name", "p", "entity",
                     "id", "e", "name", "stub", "bucket", stub.bucket);
  if (strcmp(op, "ArtifactType") == 0)
    return json_pack("{s{s{s{s{ss}}}}}", "data", "project", "artifact", "artifactType", "name",
                     "run_table");
  return json_pack("{s{}}", "data");
}

/* The operation's name, from the query's text where it is not given. */
static const char *operation(json_t *body, char *to, size_t size) {
  const char *q = text(body, "query", ""), *name = text(body, "operationName", NULL);
  if (name) return name;
  q += strspn(q, " \n");
  q += strcspn(q, " ");
  q += strspn(q, " ");
  snprintf(to, size, "%.*s", (int)strcspn(q, " ({"), q);
  return to;
}

/* ---- the log ---- */

static void log_request(const request *r, const char *op, json_t *body, const char *fate) {
  char auth[300], type[100], agent[200], stub_header[50], blob[20] = "";
  json_t *line;
  char *s;
  if (strcmp(r->method, "PUT") == 0) {
    char path[1100];
    FILE *f;
    snprintf(blob, sizeof blob, "blob-%d", ++stub.blobs);
    snprintf(path, sizeof path, "%s/%s", stub.dir, blob);
    f = fopen(path, "wb");
    if (f) {
      fwrite(r->body, 1, r->length, f);
      fclose(f);
    }
  }
  line = json_pack("{si sf ss ss ss ss ss ss ss ss si sO? ss}", "n", ++stub.lines, "t", now(), "op",
                   op, "method", r->method, "path", r->path, "authorization",
                   header_value(r, "\r\nAuthorization", auth, sizeof auth), "type",
                   header_value(r, "\r\nContent-Type", type, sizeof type), "agent",
                   header_value(r, "\r\nUser-Agent", agent, sizeof agent), "x_stub",
                   header_value(r, "\r\nX-Stub", stub_header, sizeof stub_header), "fate", fate,
                   "length", (int)r->length, "body", body, "blob", blob);
  s = json_dumps(line, JSON_COMPACT);
  fprintf(stub.log, "%s\n", s ? s : "{}");
  fflush(stub.log);
  free(s);
  json_decref(line);
}

/* ---- steering ---- */

static void decode(char *to, size_t size, const char *from) {
  size_t n = 0;
  while (*from && *from != '&' && n + 1 < size) {
    if (*from == '%' && isxdigit(from[1]) && isxdigit(from[2])) {
      char hex[3] = {from[1], from[2], 0};
      to[n++] = (char)strtol(hex, NULL, 16);
      from += 3;
    } else {
      to[n++] = *from++;
    }
  }
  to[n] = 0;
}

static void argument(const char *path, const char *name, char *to, size_t size) {
  char want[32];
  const char *at = strchr(path, '?');
  to[0] = 0;
  for (; at; at = strchr(at + 1, '&')) {
    int n = snprintf(want, sizeof want, "%s=", name);
    if (strncmp(at + 1, want, (size_t)n) == 0) {
      decode(to, size, at + 1 + n);
      return;
    }
  }
}

static int number(const char *path, const char *name, int otherwise) {
  char s[32];
  argument(path, name, s, sizeof s);
  return s[0] ? atoi(s) : otherwise;
}

static void add_rule(const char *path) {
  rule *u = &stub.rules[stub.n_rules < RULES ? stub.n_rules++ : RULES - 1];
  *u = (rule){.count = number(path, "count", 1),
              .status = number(path, "status", 0),
              .delay = number(path, "delay", 0),
              .cut = number(path, "cut", 0) != 0,
              .close = number(path, "close", 0) != 0,
              .after = number(path, "after", 0) != 0};
  argument(path, "match", u->match, sizeof u->match);
  argument(path, "header", u->header, sizeof u->header);
  argument(path, "reply", u->reply, sizeof u->reply);
}

static void steer(int c, const char *path) {
  if (strncmp(path, "/stub/fail", 10) == 0) {
    add_rule(path);
  } else if (strncmp(path, "/stub/bucket", 12) == 0) {
    char s[1024];
    argument(path, "json", s, sizeof s);
    json_decref(stub.bucket);
    stub.bucket = json_loads(s, JSON_DECODE_ANY, NULL);
    if (!stub.bucket) stub.bucket = json_null();
  } else if (strncmp(path, "/stub/down", 10) == 0) {
    stub.down_until = now() + number(path, "ms", 1000) * 1e-3;
  }
  answer(c, 200, "", "{}", false);
  if (strncmp(path, "/stub/down", 10) == 0) {
    for (int i = 0; i < CONNECTIONS; i++)
      if (stub.open[i] && stub.open[i] != c) shutdown(stub.open[i], SHUT_RDWR);
    shutdown(stub.listener, SHUT_RDWR); /* wakes accept */
  }
  if (strncmp(path, "/stub/quit", 10) == 0) {
    fclose(stub.log);
    _exit(0);
  }
}

static rule *find_rule(const char *op, const char *path) {
  for (int i = 0; i < stub.n_rules; i++) {
    rule *u = &stub.rules[i];
    if (u->count > 0 && (strstr(op, u->match) || strstr(path, u->match))) return u;
  }
  return NULL;
}

/* ---- one request ---- */

/* The reply's text, to be freed; NULL for 404. */
static char *reply_of(const request *r, const char *op, json_t *body) {
  json_t *reply = NULL;
  char *s;
  if (strcmp(r->path, "/graphql") == 0) reply = graphql(op, json_object_get(body, "variables"));
  if (strstr(r->path, "/file_stream")) reply = json_object();
  if (strcmp(r->method, "PUT") == 0) return strdup("");
  if (!reply) return NULL;
  s = json_dumps(reply, JSON_COMPACT);
  json_decref(reply);
  return s;
}

/* The lines of the history that a post brings. */
static void count_rows(json_t *body) {
  json_t *part = json_object_get(json_object_get(body, "files"), "wandb-history.jsonl");
  int end = (int)json_integer_value(json_object_get(part, "offset")) +
            (int)json_array_size(json_object_get(part, "content"));
  if (end > stub.rows) stub.rows = end;
}

/* False when the connection shall end. */
static bool serve(int c, request *r) {
  json_t *body;
  char *reply;
  const char *op;
  rule u = {0}, *found;
  char name[64];
  bool go_on, failing;
  if (strncmp(r->path, "/stub/", 6) == 0) {
    steer(c, r->path);
    return true;
  }
  pthread_mutex_lock(&stub.lock);
  body = json_loadb(r->body, r->length, JSON_ALLOW_NUL, NULL);
  op = operation(body, name, sizeof name);
  found = find_rule(op, r->path);
  if (found) {
    u = *found;
    found->count--;
  }
  failing = (u.status && u.status != 200) || u.close;
  reply = failing && !u.after ? NULL : reply_of(r, op, body);
  if (reply) count_rows(body);
  log_request(r, op, body, failing && !u.after ? "failed" : reply ? "served" : "unknown");
  json_decref(body);
  pthread_mutex_unlock(&stub.lock);
  if (u.delay) pause_ms(u.delay);
  if (u.close)
    go_on = false;
  else if (failing)
    go_on = answer(c, u.status, u.header, u.reply[0] ? u.reply : "{\"error\":\"stub\"}", u.cut);
  else
    go_on = answer(c, reply ? 200 : 404, u.header,
                   u.reply[0] ? u.reply
                   : reply    ? reply
                              : "not found",
                   u.cut);
  free(reply);
  return go_on;
}

static void *connection(void *arg) {
  int slot = (int)(intptr_t)arg, c = stub.open[slot];
  request *r = calloc(1, sizeof *r);
  while (r && read_request(c, r) && serve(c, r)) {
    free(r->body);
    memset(r, 0, sizeof *r);
  }
  if (r) free(r->body);
  free(r);
  stub.open[slot] = 0;
  close(c);
  return NULL;
}

static bool start_listening(void) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)stub.port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  int on = 1;
  stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(stub.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(stub.listener, (struct sockaddr *)&a, n) != 0 || listen(stub.listener, 64) != 0 ||
      getsockname(stub.listener, (struct sockaddr *)&a, &n) != 0)
    return false;
  stub.port = ntohs(a.sin_port);
  return true;
}

static void take(int c) {
  pthread_t thread;
  for (int i = 0; i < CONNECTIONS; i++) {
    if (stub.open[i]) continue;
    stub.open[i] = c;
    if (pthread_create(&thread, NULL, connection, (void *)(intptr_t)i) == 0) {
      pthread_detach(thread);
      return;
    }
    stub.open[i] = 0;
    break;
  }
  close(c);
}

int main(int argc, char **argv) {
  char path[1100];
  if (argc < 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  alarm(900); /* should a test die before it says quit */
  stub.dir = argv[1];
  stub.port = argc > 2 ? atoi(argv[2]) : 0;
  stub.bucket = json_null();
  stub.seen = json_object();
  snprintf(path, sizeof path, "%s/requests.jsonl", stub.dir);
  stub.log = fopen(path, "ab");
  if (!stub.log || !start_listening()) return 1;
  printf("%d\n", stub.port);
  fflush(stdout);
  for (;;) {
    int c = accept(stub.listener, NULL, NULL);
    if (c >= 0) {
      take(c);
      continue;
    }
    if (errno == EINTR) continue;
    close(stub.listener);
    while (now() < stub.down_until) pause_ms(5);
    while (!start_listening()) pause_ms(20);
  }
}
