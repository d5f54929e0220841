/* A loopback HTTP server with bad habits for the download tests: one thread, one connection at a
   time. Paths: /full, /cut (the first request ends after 37 %), /norange (the same, and Range is
   ignored), /moved (redirects to /full), /404, /busy (503 twice), /stall (stops sending after 10
   %), /drip (slowly), /changed (another file behind the same address after a cut), /nolength,
   /wrongrange (a 206 for other bytes), /cutalways (never more than 10,000 bytes, no Range),
   /busyalways (503), /416 (the first request is cut, a Range never satisfied), /long and /short
   (announces more or less than it sends), /quit. What follows a second slash is a name: /cut/x. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HTTP_BODY = 300000, HTTP_CUT = HTTP_BODY * 37 / 100 };

typedef struct http_server {
  int fd, port;
  pthread_t thread;
  volatile int requests;          /* for this path, since the test last set it to 0 */
  char path[128];                 /* of the last request, with its name */
  char range[128], if_range[128]; /* of the last request */
} http_server;

/* Byte i of version v of the file. */
static unsigned char http_byte(int v, int i) { return (unsigned char)(i * 31 + (i >> 8) * 7 + v); }

static void http_send(int c, const void *data, size_t n) {
  for (const char *p = data; n;) {
    ssize_t k = send(c, p, n, MSG_NOSIGNAL);
    if (k <= 0) return;
    p += k;
    n -= (size_t)k;
  }
}

static void http_pause(int ms) {
  const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  nanosleep(&t, NULL);
}

/* Bytes [from, to) of version v; `drip` pauses between pieces. */
static void http_body(int c, int v, int from, int to, bool drip) {
  unsigned char piece[15000];
  while (from < to) {
    int n = to - from < (int)sizeof piece ? to - from : (int)sizeof piece;
    for (int i = 0; i < n; i++) piece[i] = http_byte(v, from + i);
    http_send(c, piece, (size_t)n);
    from += n;
    if (drip) http_pause(15);
  }
}

/* Head and body from `from`; the body ends at `to`, whatever was announced. */
static void http_file(int c, int v, int from, int to, bool partial, bool drip) {
  char head[400];
  int n;
  if (partial) {
    n = snprintf(head, sizeof head,
                 "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n"
                 "Content-Length: %d\r\nETag: \"v%d\"\r\nConnection: close\r\n\r\n",
                 from, HTTP_BODY - 1, HTTP_BODY, HTTP_BODY - from, v);
  } else {
    n = snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"v%d\"\r\n"
                 "Last-Modified: Mon, 01 Jan 2024 00:00:0%d GMT\r\nConnection: close\r\n\r\n",
                 HTTP_BODY, v, v);
  }
  http_send(c, head, (size_t)n);
  http_body(c, v, from, to, drip);
}

static void http_text(int c, const char *status, const char *extra) {
  char head[300];
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 %s\r\n%sContent-Length: 5\r\nConnection: close\r\n\r\nsorry", status,
                   extra);
  http_send(c, head, (size_t)n);
}

/* The whole file under a Content-Length that is not its own. */
static void http_lie(int c, int announced) {
  char head[200];
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"v1\"\r\n"
                   "Connection: close\r\n\r\n",
                   announced);
  http_send(c, head, (size_t)n);
  http_body(c, 1, 0, HTTP_BODY, false);
}

static void http_answer(http_server *s, int c, const char *path) {
  int from = 0, first = s->requests == 1;
  bool partial = sscanf(s->range, "bytes=%d-", &from) == 1;
  bool same = !s->if_range[0] || strcmp(s->if_range, "\"v1\"") == 0;
  if (strcmp(path, "/full") == 0) {
    if (partial && from >= HTTP_BODY)
      http_text(c, "416 Range Not Satisfiable", "Content-Range: bytes */300000\r\n");
    else
      http_file(c, 1, same ? from : 0, HTTP_BODY, partial && same, false);
  } else if (strcmp(path, "/cut") == 0) {
    http_file(c, 1, from, first ? HTTP_CUT : HTTP_BODY, partial, false);
  } else if (strcmp(path, "/norange") == 0) {
    http_file(c, 1, 0, first ? HTTP_CUT : HTTP_BODY, false, false);
  } else if (strcmp(path, "/cutalways") == 0) {
    http_file(c, 1, 0, 10000, false, false);
  } else if (strcmp(path, "/changed") == 0) {
    http_file(c, first ? 1 : 2, 0, first ? HTTP_CUT : HTTP_BODY, false, false);
  } else if (strcmp(path, "/wrongrange") == 0) {
    http_file(c, 1, first || !partial ? 0 : from + 5, first ? HTTP_CUT : HTTP_BODY, partial, false);
  } else if (strcmp(path, "/moved") == 0) {
    http_text(c, "302 Found", "Location: /full\r\n");
  } else if (strcmp(path, "/busy") == 0 && s->requests <= 2) {
    http_text(c, "503 Service Unavailable", "");
  } else if (strcmp(path, "/busy") == 0) {
    http_file(c, 1, from, HTTP_BODY, partial, false);
  } else if (strcmp(path, "/busyalways") == 0) {
    http_text(c, "503 Service Unavailable", "");
  } else if (strcmp(path, "/416") == 0 && partial) {
    http_text(c, "416 Range Not Satisfiable", "");
  } else if (strcmp(path, "/416") == 0) {
    http_file(c, 1, 0, s->requests > 2 ? HTTP_BODY : HTTP_CUT, false, false);
  } else if (strcmp(path, "/long") == 0) {
    http_lie(c, HTTP_BODY + 100000);
  } else if (strcmp(path, "/short") == 0) {
    http_lie(c, HTTP_BODY - 100000);
  } else if (strcmp(path, "/drip") == 0) {
    http_file(c, 1, from, HTTP_BODY, partial, true);
  } else if (strcmp(path, "/nolength") == 0) {
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    http_send(c, head, sizeof head - 1);
    http_body(c, 1, 0, HTTP_BODY, false);
  } else if (strcmp(path, "/stall") == 0) {
    struct pollfd gone = {.fd = c, .events = POLLIN};
    http_file(c, 1, from, from + HTTP_BODY / 10, partial, false);
    poll(&gone, 1, 10000); /* until the client gives up */
  } else {
    http_text(c, "404 Not Found", "");
  }
}

static void http_header(const char *request, const char *name, char to[128]) {
  const char *at = strcasestr(request, name);
  to[0] = 0;
  if (!at) return;
  at += strlen(name);
  at += strspn(at, " ");
  snprintf(to, 128, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static void *http_run(void *arg) {
  http_server *s = arg;
  for (;;) {
    char request[4096], path[128] = "", *name;
    size_t n = 0;
    int c = accept(s->fd, NULL, NULL);
    if (c < 0) return NULL;
    while (n < sizeof request - 1) {
      ssize_t k = recv(c, request + n, sizeof request - 1 - n, 0);
      if (k <= 0) break;
      n += (size_t)k;
      request[n] = 0;
      if (strstr(request, "\r\n\r\n")) break;
    }
    request[n] = 0;
    sscanf(request, "GET %127s", path);
    http_header(request, "\r\nRange:", s->range);
    http_header(request, "\r\nIf-Range:", s->if_range);
    if (strcmp(path, s->path) != 0) s->requests = 0;
    snprintf(s->path, sizeof s->path, "%s", path);
    name = path[0] ? strchr(path + 1, '/') : NULL;
    if (name) *name = 0;
    s->requests++;
    if (path[0]) http_answer(s, c, path);
    close(c);
    if (strcmp(path, "/quit") == 0) return NULL;
  }
}

static bool http_start(http_server *s) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  *s = (http_server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, n) != 0 || listen(s->fd, 16) != 0 ||
      getsockname(s->fd, (struct sockaddr *)&a, &n) != 0)
    return false;
  s->port = ntohs(a.sin_port);
  return pthread_create(&s->thread, NULL, http_run, s) == 0;
}

/* Ends the server by asking it to. */
static void http_stop(http_server *s) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                          .sin_port = htons((uint16_t)s->port)};
  int c = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c, (struct sockaddr *)&a, sizeof a) == 0) {
    http_send(c, "GET /quit HTTP/1.1\r\n\r\n", 22);
    pthread_join(s->thread, NULL);
  }
  close(c);
  close(s->fd);
}

#endif
