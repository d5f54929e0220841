/* A line-wise conversation over a Unix socket, for a prompt inside a training that has no terminal:
   core.attach.listen(path), core.attach.connect(path). A thread reads what comes, so that the byte
   0x03 (Ctrl-C), or the other side's end, can stop what Lua is running. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bind/bind.h"
#include "bind/signals.h"
#include "device/interrupt.h"

#define SERVER "vgg.AttachServer"
#define LINE "vgg.AttachLine"

enum { STOP_BYTE = 3, MOST = 1 << 20 };

typedef struct server {
  int fd;
  char path[sizeof((struct sockaddr_un *)0)->sun_path];
} server;

typedef struct line {
  int fd; /* -1: closed on our side */
  lua_State *state;
  atomic_bool running; /* Lua evaluates for the other side: its Ctrl-C counts */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t news;
  char *text; /* received and not taken, under the lock */
  size_t length;
  bool ended;
} line;

/* ---- the reading thread ---- */

/* Appends without the stop byte; returns whether there was one. */
static bool append(line *c, const char *bytes, size_t n) {
  bool stop = false;
  char *more = vg_realloc(c->text, c->length + n + 1);
  if (!more || c->length + n > MOST) {
    if (more) c->text = more;
    c->ended = true;
    return true;
  }
  c->text = more;
  for (size_t i = 0; i < n; i++) {
    if (bytes[i] == STOP_BYTE)
      stop = true;
    else
      c->text[c->length++] = bytes[i];
  }
  return stop;
}

static void *read_all(void *arg) {
  line *c = arg;
  char bytes[4096];
  ssize_t n;
  do {
    bool stop = true;
    n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    pthread_mutex_lock(&c->lock);
    if (n > 0)
      stop = append(c, bytes, (size_t)n);
    else
      c->ended = true;
    pthread_cond_signal(&c->news);
    pthread_mutex_unlock(&c->lock);
    if (stop && atomic_load(&c->running)) vglua_signals_interrupt(c->state);
  } while (n != 0 && !(n < 0 && errno != EINTR));
  return NULL;
}

/* ---- life ---- */

static line *push_line(lua_State *L) {
  line *c = lua_newuserdata(L, sizeof *c);
  memset(c, 0, sizeof *c);
  c->fd = -1;
  luaL_getmetatable(L, LINE);
  lua_setmetatable(L, -2);
  return c;
}

/* Takes the socket over. Signals stay with Lua's thread. */
static bool start(lua_State *L, line *c, int fd) {
  pthread_condattr_t clock;
  sigset_t all, old;
  int rc;
  c->state = L;
  pthread_mutex_init(&c->lock, NULL);
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&c->news, &clock);
  pthread_condattr_destroy(&clock);
  c->fd = fd;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  rc = pthread_create(&c->thread, NULL, read_all, c);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (rc == 0) return true;
  close(fd);
  c->fd = -1;
  return false;
}

static int line_close(lua_State *L) {
  line *c = luaL_checkudata(L, 1, LINE);
  if (c->fd < 0) return 0;
  atomic_store(&c->running, false);
  shutdown(c->fd, SHUT_RDWR);
  pthread_join(c->thread, NULL);
  close(c->fd);
  c->fd = -1;
  vg_free(c->text);
  c->text = NULL;
  pthread_cond_destroy(&c->news);
  pthread_mutex_destroy(&c->lock);
  return 0;
}

static int server_close(lua_State *L) {
  server *s = luaL_checkudata(L, 1, SERVER);
  if (s->fd < 0) return 0;
  close(s->fd);
  unlink(s->path);
  s->fd = -1;
  return 0;
}

static int refuse(lua_State *L, int fd, const char *what, const char *path) {
  int why = errno;
  if (fd >= 0) close(fd);
  lua_pushnil(L);
  lua_pushfstring(L, "%s %s: %s", what, path, strerror(why));
  return 2;
}

static bool address(struct sockaddr_un *a, const char *path) {
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof a->sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  strcpy(a->sun_path, path);
  return true;
}

/* listen(path) -> server, only for this user; nil, why */
static int l_listen(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  server *s = lua_newuserdata(L, sizeof *s);
  struct sockaddr_un a;
  mode_t mask;
  int rc;
  s->fd = -1;
  luaL_getmetatable(L, SERVER);
  lua_setmetatable(L, -2);
  if (!address(&a, path)) return refuse(L, -1, "attach:", path);
  strcpy(s->path, path);
  unlink(path); /* left by a run that was killed */
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refuse(L, -1, "attach:", path);
  mask = umask(077);
  rc = bind(fd, (struct sockaddr *)&a, sizeof a);
  umask(mask);
  if (rc != 0 || listen(fd, 4) != 0) return refuse(L, fd, "attach:", path);
  s->fd = fd;
  return 1;
}

/* server:accept() -> line, nil when nobody waits */
static int server_accept(lua_State *L) {
  server *s = luaL_checkudata(L, 1, SERVER);
  int fd = s->fd < 0 ? -1 : accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return 0;
  return start(L, push_line(L), fd) ? 1 : 0;
}

/* connect(path) -> line; nil, why */
static int l_connect(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct sockaddr_un a;
  int fd;
  if (!address(&a, path)) return refuse(L, -1, "attach:", path);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
    return refuse(L, fd, "attach:", path);
  return start(L, push_line(L), fd) ? 1 : 0;
}

/* ---- talking ---- */

static line *check_line(lua_State *L) {
  line *c = luaL_checkudata(L, 1, LINE);
  if (c->fd < 0) luaL_error(L, "attach: the line is closed");
  return c;
}

/* line:send(text) -> true, false when the other side is gone */
static int line_send(lua_State *L) {
  line *c = check_line(L);
  size_t n, done = 0;
  const char *text = luaL_checklstring(L, 2, &n);
  while (done < n) {
    ssize_t k = send(c->fd, text + done, n - done, MSG_NOSIGNAL);
    if (k < 0 && errno == EINTR && !vg_interrupted()) continue;
    if (k <= 0) break;
    done += (size_t)k;
  }
  lua_pushboolean(L, done == n);
  return 1;
}

/* Length of the first whole line with its end, 0 when there is none. */
static size_t waiting(line *c) {
  char *end;
  size_t n;
  pthread_mutex_lock(&c->lock);
  end = c->length ? memchr(c->text, '\n', c->length) : NULL;
  n = end ? (size_t)(end - c->text) + 1 : 0;
  pthread_mutex_unlock(&c->lock);
  return n;
}

/* Takes n bytes; the lock is not held where Lua may raise. */
static void push_taken(lua_State *L, line *c, size_t n) {
  char *copy = lua_newuserdata(L, n);
  pthread_mutex_lock(&c->lock);
  memcpy(copy, c->text, n);
  c->length -= n;
  memmove(c->text, c->text + n, c->length);
  pthread_mutex_unlock(&c->lock);
  lua_pushlstring(L, copy, n - 1);
}

/* Waits for news, at most 50 ms; false when the other side has ended. */
static bool wait_for_news(line *c) {
  struct timespec until;
  bool open;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += 50000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&c->lock);
  open = !c->ended;
  if (open) pthread_cond_timedwait(&c->news, &c->lock, &until);
  pthread_mutex_unlock(&c->lock);
  return open;
}

/* line:receive(seconds) -> text without its end; nil, "closed", "timeout" or "signal" (SIGTERM, or
   an interruption that nobody handled) */
static int line_receive(lua_State *L) {
  line *c = check_line(L);
  double limit = vg_clock() + luaL_optnumber(L, 2, 1e9);
  const char *why = NULL;
  bool open = true;
  size_t n;
  while (!(n = waiting(c)) && !why) {
    if (!open)
      why = "closed";
    else if (vglua_signals_ending() || vg_interrupted())
      why = "signal";
    else if (vg_clock() >= limit)
      why = "timeout";
    else
      open = wait_for_news(c);
  }
  if (n) {
    push_taken(L, c, n);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* line:running(boolean): from now on the other side's Ctrl-C stops what Lua runs */
static int line_running(lua_State *L) {
  line *c = check_line(L);
  atomic_store(&c->running, lua_toboolean(L, 2));
  return 0;
}

/* ---- registration ---- */

void vglua_open_attach(lua_State *L);
void vglua_open_attach(lua_State *L) {
  static const luaL_Reg functions[] = {{"listen", l_listen}, {"connect", l_connect}, {NULL, NULL}};
  static const luaL_Reg server_methods[] = {
      {"accept", server_accept}, {"close", server_close}, {NULL, NULL}};
  static const luaL_Reg line_methods[] = {{"send", line_send},
                                          {"receive", line_receive},
                                          {"running", line_running},
                                          {"close", line_close},
                                          {NULL, NULL}};
  vglua_add_class(L, SERVER, server_methods, server_close);
  vglua_add_class(L, LINE, line_methods, line_close);
  vglua_add_module(L, "attach", functions);
}
