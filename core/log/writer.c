/* The writer's two sides: handing over, and the thread. */
#include "log/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "log/files.h"

enum { DEFAULT_ROOM = 16 << 20 };
static const double EXIT_SECONDS = 3;

struct vg_writer {
  vg_queue *queue;
  pthread_t thread;
  vg_log_files files; /* the thread's */
  vg_lock lock;       /* guards what follows */
  vg_writer_status now;
  int64_t handed, asked, answered; /* records; flushes */
  bool answer, silent;             /* of the last flush; one was not answered in time */
  bool done, abandoned;
  vg_writer *next;
};

/* ---- all writers, for exit() ---- */

static struct {
  pthread_mutex_t mutex;
  vg_writer *first;
  bool at_exit;
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void close_all(void) {
  for (;;) {
    vg_writer *w;
    pthread_mutex_lock(&all.mutex);
    w = all.first;
    pthread_mutex_unlock(&all.mutex);
    if (!w) return;
    vg_writer_close(w, EXIT_SECONDS, NULL);
  }
}

static void enlist(vg_writer *w) {
  pthread_mutex_lock(&all.mutex);
  if (!all.at_exit) all.at_exit = atexit(close_all) == 0;
  w->next = all.first;
  all.first = w;
  pthread_mutex_unlock(&all.mutex);
}

static void strike(const vg_writer *w) {
  vg_writer **link = &all.first;
  pthread_mutex_lock(&all.mutex);
  while (*link && *link != w) link = &(*link)->next;
  if (*link) *link = w->next;
  pthread_mutex_unlock(&all.mutex);
}

/* ---- the thread ---- */

/* Under the lock: what the files counted becomes visible. */
static void publish(vg_writer *w) {
  vg_log_files *f = &w->files;
  w->now.written += f->written;
  w->now.lost += f->lost;
  w->now.lost_bytes += f->lost_bytes;
  if (*f->message && !*w->now.message) memcpy(w->now.message, f->message, sizeof f->message);
  f->written = f->lost = f->lost_bytes = 0;
}

static void answer(vg_writer *w, vg_packet *p) {
  bool good = vg_log_files_retry(&w->files, true);
  if (p->kind == VG_LOG_SYNC) good = vg_log_files_sync(&w->files) && good;
  vg_lock_take(&w->lock);
  publish(w);
  w->answered++;
  w->answer = good;
  w->silent = false;
  vg_lock_tell(&w->lock);
  vg_lock_give(&w->lock);
  vg_queue_release(w->queue, p);
}

static void work(vg_writer *w, vg_packet *p) {
  for (vg_packet *next; p; p = next) {
    next = p->next;
    if (p->kind == VG_LOG_FLUSH || p->kind == VG_LOG_SYNC)
      answer(w, p);
    else
      vg_log_files_take(&w->files, p);
  }
  vg_log_files_retry(&w->files, false);
  vg_lock_take(&w->lock);
  publish(w);
  vg_lock_give(&w->lock);
}

static void destroy(vg_writer *w) {
  vg_queue_free(w->queue);
  vg_lock_destroy(&w->lock);
  vg_free(w);
}

static void *run(void *argument) {
  vg_writer *w = argument;
  bool abandoned;
  for (;;) {
    vg_packet *p = vg_queue_take(w->queue, vg_log_files_due(&w->files));
    if (!p && vg_queue_is_closed(w->queue)) break;
    work(w, p);
  }
  vg_log_files_end(&w->files);
  vg_lock_take(&w->lock);
  publish(w);
  w->done = true;
  abandoned = w->abandoned;
  vg_lock_tell(&w->lock);
  vg_lock_give(&w->lock);
  if (abandoned) destroy(w);
  return NULL;
}

/* ---- handing over ---- */

vg_status vg_writer_new(vg_writer **out, size_t room) {
  vg_writer *w = vg_calloc(1, sizeof *w);
  vg_status st = VG_ENOMEM;
  if (!w) return st;
  vg_lock_init(&w->lock);
  VG_TRY(vg_queue_new(&w->queue, room ? room : DEFAULT_ROOM));
  w->files.queue = w->queue;
  VG_TRY(vg_thread_start(&w->thread, run, w, "vgg-log"));
  enlist(w);
  *out = w;
  w = NULL;
done:
  if (w) destroy(w);
  return st;
}

static bool hand_over(vg_writer *w, int kind, const char *path, const void *data, size_t n) {
  size_t head = strlen(path) + 1;
  vg_packet *p = vg_packet_new(kind, head + n);
  vg_lock_take(&w->lock);
  w->handed++; /* before the thread can count it as written */
  vg_lock_give(&w->lock);
  if (p) {
    p->head = head;
    memcpy(p->data, path, head);
    if (n) memcpy(p->data + head, data, n);
    if (vg_queue_push(w->queue, p)) return true;
  }
  vg_lock_take(&w->lock);
  w->now.lost++;
  w->now.lost_bytes += (int64_t)n;
  vg_lock_give(&w->lock);
  vg_free(p);
  return false;
}

bool vg_writer_append(vg_writer *w, const char *path, const void *data, size_t n) {
  return hand_over(w, VG_LOG_APPEND, path, data, n);
}

bool vg_writer_put(vg_writer *w, const char *path, const void *data, size_t n) {
  return hand_over(w, VG_LOG_PUT, path, data, n);
}

bool vg_writer_forget(vg_writer *w, const char *path) {
  return hand_over(w, VG_LOG_FORGET, path, NULL, 0);
}

bool vg_writer_flush(vg_writer *w, double seconds, bool sync) {
  vg_packet *p = vg_packet_new(sync ? VG_LOG_SYNC : VG_LOG_FLUSH, 0);
  double deadline = vg_clock() + seconds;
  bool good = false;
  vg_lock_take(&w->lock);
  if (p && !w->silent && vg_queue_push(w->queue, p)) {
    int64_t mine = ++w->asked;
    p = NULL;
    while (w->answered < mine)
      if (!vg_lock_wait(&w->lock, deadline)) break;
    good = w->answered >= mine && w->answer;
    w->silent = w->answered < mine;
  }
  vg_lock_give(&w->lock);
  vg_free(p);
  return good;
}

static void look(vg_writer *w, vg_writer_status *out) {
  *out = w->now;
  out->waiting = w->handed - w->now.written - w->now.lost;
}

void vg_writer_look(vg_writer *w, vg_writer_status *out) {
  vg_lock_take(&w->lock);
  look(w, out);
  vg_lock_give(&w->lock);
}

void vg_writer_close(vg_writer *w, double seconds, vg_writer_status *out) {
  double deadline = vg_clock() + seconds;
  vg_writer_status last;
  pthread_t thread = w->thread;
  bool done;
  strike(w);
  vg_queue_close(w->queue);
  vg_lock_take(&w->lock);
  while (!w->done)
    if (!vg_lock_wait(&w->lock, deadline)) break;
  done = w->done;
  w->abandoned = !done;
  look(w, &last);
  vg_lock_give(&w->lock);
  if (done) {
    pthread_join(thread, NULL);
    destroy(w);
  } else {
    pthread_detach(thread);
  }
  if (out) *out = last;
}
