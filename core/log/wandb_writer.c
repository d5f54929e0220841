/* The thread behind a run directory. */
#include "log/wandb_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/protobuf.h"
#include "base/thread.h"
#include "log/system.h"
#include "log/wandb_log.h"

enum { ROOM = 256 << 20 };

struct vg_wandb_writer {
  vg_wandb_log log;
  vg_wandb_writer_options told; /* its callback */
  vg_queue *queue;
  pthread_t thread;
  double start, interval, next_sample;
  vg_system system;
  vg_lock lock; /* of what follows */
  int64_t pushed, written;
  bool done, abandoned;
  char problem[300];
};

static vg_status problem(vg_wandb_writer *w) {
  return w->problem[0] ? vg_fail(VG_EIO, "%s", w->problem) : VG_OK;
}

static bool failed(vg_wandb_writer *w) {
  bool yes;
  vg_lock_take(&w->lock);
  yes = w->problem[0] != 0;
  vg_lock_give(&w->lock);
  return yes;
}

/* Nobody listens any more once the writer was abandoned. */
static void tell(vg_wandb_writer *w, vg_wandb_news kind, const char *text, size_t n) {
  vg_lock_take(&w->lock);
  if (w->told.tell && !w->abandoned) w->told.tell(w->told.arg, kind, text, n);
  vg_lock_give(&w->lock);
}

/* ---- on the thread ---- */

static int make_parents(const char *path) {
  char dir[1024];
  size_t n = strlen(path);
  if (n >= sizeof dir) return ENAMETOOLONG;
  memcpy(dir, path, n + 1);
  for (char *p = dir + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) return errno;
    *p = '/';
  }
  return 0;
}

static int write_file(const char *path, const char *data, size_t n) {
  int fd, err = make_parents(path);
  if (err) return err;
  fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  while (n && !err) {
    ssize_t k = write(fd, data, n);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) err = k < 0 ? errno : ENOSPC;
    if (k > 0) data += k, n -= (size_t)k;
  }
  if (close(fd) != 0 && !err) err = errno;
  return err;
}

static int link_file(const char *from, const char *to) {
  int err = make_parents(to);
  if (err) return err;
  return link(from, to) == 0 || errno == EEXIST ? 0 : errno;
}

static vg_status do_job(vg_wandb_writer *w, const vg_packet *p) {
  const char *rest = p->data + p->head;
  size_t n = p->size - p->head;
  int err;
  switch ((vg_wandb_job)p->kind) {
    case VG_WANDB_RECORD: return vg_wandb_log_append(&w->log, rest, n);
    case VG_WANDB_FILE: err = write_file(p->data, rest, n); break;
    case VG_WANDB_LINK: err = link_file(p->data, rest); break;
    case VG_WANDB_SEND:
    default: tell(w, (vg_wandb_news)p->data[0], rest, n); return VG_OK;
  }
  return err ? vg_fail(VG_EIO, "wandb: cannot write '%s': %s", p->data, strerror(err)) : VG_OK;
}

static void note(vg_wandb_writer *w, vg_status st) {
  if (st == VG_OK) return;
  vg_lock_take(&w->lock);
  if (!w->problem[0]) snprintf(w->problem, sizeof w->problem, "%s", vg_error());
  vg_lock_give(&w->lock);
}

static size_t begin_stats(vg_text *t, double now) {
  size_t stats = vg_pb_begin(t, 7), stamp;
  stamp = vg_pb_begin(t, 2);
  vg_pb_int(t, 1, (int64_t)floor(now));
  vg_pb_int(t, 2, (int64_t)((now - floor(now)) * 1e9));
  vg_pb_end(t, stamp);
  return stats;
}

/* A sample as a record and as a line for the server. */
static void sample(vg_wandb_writer *w) {
  vg_system_metric m[VG_SYSTEM_METRICS];
  int n = vg_system_sample(&w->system, m);
  double now = vg_wall_clock();
  vg_text record = {0}, line = {0};
  size_t stats = begin_stats(&record, now);
  vg_text_printf(&line, "{\"_wandb\":true,\"_timestamp\":%.6f,\"_runtime\":%.6f", now,
                 now - w->start);
  for (int i = 0; i < n; i++) {
    char value[40];
    size_t item = vg_pb_begin(&record, 3);
    snprintf(value, sizeof value, "%.6g", m[i].value);
    vg_pb_string(&record, 1, m[i].name);
    vg_pb_string(&record, 16, value);
    vg_pb_end(&record, item);
    vg_text_printf(&line, ",\"system.%s\":%s", m[i].name, value);
  }
  vg_text_printf(&line, "}");
  vg_pb_end(&record, stats);
  if (!record.failed && !line.failed && n) {
    note(w, vg_wandb_log_append(&w->log, record.data, record.len));
    tell(w, VG_WANDB_EVENT, line.data, line.len);
  }
  vg_text_free(&record);
  vg_text_free(&line);
}

static void release(vg_wandb_writer *w) {
  vg_wandb_log_close(&w->log);
  vg_queue_free(w->queue);
  vg_lock_destroy(&w->lock);
  vg_free(w);
}

static void do_jobs(vg_wandb_writer *w, vg_packet *p) {
  for (vg_packet *next; p; p = next) {
    next = p->next;
    if (p->kind == VG_WANDB_SEND || !failed(w)) note(w, do_job(w, p));
    vg_queue_release(w->queue, p);
    vg_lock_take(&w->lock);
    w->written++;
    vg_lock_tell(&w->lock);
    vg_lock_give(&w->lock);
  }
}

static void *run(void *arg) {
  vg_wandb_writer *w = arg;
  bool abandoned;
  for (;;) {
    vg_packet *p = vg_queue_take(w->queue, w->next_sample);
    if (!p && vg_queue_is_closed(w->queue)) break;
    do_jobs(w, p);
    if (vg_clock() >= w->next_sample) {
      if (!failed(w)) sample(w);
      w->next_sample += w->interval;
    }
  }
  vg_lock_take(&w->lock);
  w->done = true;
  abandoned = w->abandoned;
  vg_lock_tell(&w->lock);
  vg_lock_give(&w->lock);
  if (abandoned) release(w);
  return NULL;
}

/* ---- from outside ---- */

vg_status vg_wandb_writer_open(vg_wandb_writer **out, const vg_wandb_writer_options *o) {
  vg_wandb_writer *w = vg_calloc(1, sizeof *w);
  vg_status st;
  if (!w) return VG_ENOMEM;
  vg_lock_init(&w->lock);
  w->log.fd = -1;
  w->told = *o;
  w->start = o->start;
  w->interval = o->stats_interval > 0 ? o->stats_interval : INFINITY;
  w->next_sample = vg_clock() + w->interval;
  vg_system_sample(&w->system, (vg_system_metric[VG_SYSTEM_METRICS]){{NULL, 0}});
  VG_TRY(vg_queue_new(&w->queue, ROOM));
  VG_TRY(vg_wandb_log_create(&w->log, o->path));
  VG_TRY(vg_thread_start(&w->thread, run, w, "wandb"));
  *out = w;
  w = NULL;
done:
  if (w) release(w);
  return st;
}

static vg_status push(vg_wandb_writer *w, vg_packet *p) {
  vg_status st;
  vg_lock_take(&w->lock);
  st = problem(w);
  if (st == VG_OK) w->pushed++;
  vg_lock_give(&w->lock);
  if (st == VG_OK && !vg_queue_push(w->queue, p)) {
    vg_lock_take(&w->lock);
    w->pushed--;
    if (!w->problem[0])
      snprintf(w->problem, sizeof w->problem,
               "wandb: the disk does not keep up, the log ends here");
    st = problem(w);
    vg_lock_give(&w->lock);
  }
  if (st != VG_OK) vg_free(p);
  return st;
}

vg_status vg_wandb_writer_push(vg_wandb_writer *w, vg_wandb_job kind, const void *head,
                               size_t n_head, const void *body, size_t n_body) {
  vg_packet *p = vg_packet_new((int)kind, n_head + n_body);
  if (!p) return VG_ENOMEM;
  p->head = n_head;
  if (n_head) memcpy(p->data, head, n_head);
  if (n_body) memcpy(p->data + n_head, body, n_body);
  return push(w, p);
}

vg_status vg_wandb_writer_send(vg_wandb_writer *w, vg_wandb_news kind, const void *text, size_t n) {
  const char head = (char)kind;
  if (!w->told.tell) return VG_OK;
  return vg_wandb_writer_push(w, VG_WANDB_SEND, &head, 1, text, n);
}

vg_status vg_wandb_writer_flush(vg_wandb_writer *w, double seconds) {
  double deadline = vg_clock() + seconds;
  bool in_time = true;
  int64_t upto;
  vg_status st;
  vg_lock_take(&w->lock);
  upto = w->pushed;
  while (w->written < upto && in_time) in_time = vg_lock_wait(&w->lock, deadline);
  st = problem(w);
  if (st == VG_OK && w->written < upto) st = vg_fail(VG_EIO, "wandb: the disk does not answer");
  vg_lock_give(&w->lock);
  return st;
}

vg_status vg_wandb_writer_close(vg_wandb_writer *w, double seconds) {
  double deadline = vg_clock() + seconds;
  bool in_time = true, done;
  pthread_t thread = w->thread;
  vg_status st;
  vg_queue_close(w->queue);
  vg_lock_take(&w->lock);
  while (!w->done && in_time) in_time = vg_lock_wait(&w->lock, deadline);
  st = problem(w);
  done = w->done;
  if (!done) { /* a hanging disk: the thread cleans up should it ever come back */
    w->abandoned = true;
    st = vg_fail(VG_EIO, "wandb: the disk does not answer");
  }
  vg_lock_give(&w->lock);
  if (!done) {
    pthread_detach(thread);
    return st;
  }
  pthread_join(thread, NULL);
  release(w);
  return st;
}
