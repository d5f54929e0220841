/* Lock, thread, bounded queue. */
#include "base/thread.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

/* ---- lock ---- */

void vg_lock_init(vg_lock *k) {
  pthread_condattr_t monotonic;
  pthread_mutex_init(&k->mutex, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&k->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

void vg_lock_destroy(vg_lock *k) {
  pthread_cond_destroy(&k->changed);
  pthread_mutex_destroy(&k->mutex);
}

void vg_lock_take(vg_lock *k) { pthread_mutex_lock(&k->mutex); }

void vg_lock_give(vg_lock *k) { pthread_mutex_unlock(&k->mutex); }

void vg_lock_tell(vg_lock *k) { pthread_cond_broadcast(&k->changed); }

bool vg_lock_wait(vg_lock *k, double deadline) {
  struct timespec until;
  if (isinf(deadline)) return pthread_cond_wait(&k->changed, &k->mutex) == 0;
  if (deadline <= 0) deadline = 0;
  until.tv_sec = (time_t)deadline;
  until.tv_nsec = (long)((deadline - (double)until.tv_sec) * 1e9);
  return pthread_cond_timedwait(&k->changed, &k->mutex, &until) != ETIMEDOUT;
}

/* ---- thread ---- */

vg_status vg_thread_start(pthread_t *out, void *(*run)(void *), void *argument, const char *name) {
  sigset_t all, before;
  int err;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  err = pthread_create(out, NULL, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (err) return vg_fail(VG_ENOMEM, "thread: cannot start '%s': %s", name, strerror(err));
  pthread_setname_np(*out, name);
  return VG_OK;
}

/* ---- queue ---- */

struct vg_queue {
  vg_lock lock;
  vg_packet *first, **last;
  size_t room, used;
  bool closed;
};

static size_t weight(const vg_packet *p) { return sizeof *p + p->size; }

vg_packet *vg_packet_new(int kind, size_t size) {
  vg_packet *p = vg_alloc(sizeof *p + size);
  if (p) *p = (vg_packet){.kind = kind, .size = size};
  return p;
}

vg_status vg_queue_new(vg_queue **out, size_t bytes) {
  vg_queue *q = vg_calloc(1, sizeof *q);
  if (!q) return VG_ENOMEM;
  vg_lock_init(&q->lock);
  q->last = &q->first;
  q->room = bytes;
  *out = q;
  return VG_OK;
}

void vg_queue_free(vg_queue *q) {
  if (!q) return;
  for (vg_packet *p = q->first, *next; p; p = next) {
    next = p->next;
    vg_free(p);
  }
  vg_lock_destroy(&q->lock);
  vg_free(q);
}

bool vg_queue_push(vg_queue *q, vg_packet *take) {
  bool fits;
  vg_lock_take(&q->lock);
  fits = !q->closed && (take->size == 0 || q->used == 0 || q->used + weight(take) <= q->room);
  if (fits) {
    bool was_empty = !q->first;
    take->next = NULL;
    *q->last = take;
    q->last = &take->next;
    q->used += weight(take);
    if (was_empty) vg_lock_tell(&q->lock);
  }
  vg_lock_give(&q->lock);
  return fits;
}

vg_packet *vg_queue_take(vg_queue *q, double deadline) {
  vg_packet *all;
  vg_lock_take(&q->lock);
  while (!q->first && !q->closed)
    if (!vg_lock_wait(&q->lock, deadline)) break;
  all = q->first;
  q->first = NULL;
  q->last = &q->first;
  vg_lock_give(&q->lock);
  return all;
}

void vg_queue_release(vg_queue *q, vg_packet *p) {
  vg_lock_take(&q->lock);
  q->used -= weight(p);
  vg_lock_give(&q->lock);
  vg_free(p);
}

void vg_queue_close(vg_queue *q) {
  vg_lock_take(&q->lock);
  q->closed = true;
  vg_lock_tell(&q->lock);
  vg_lock_give(&q->lock);
}

bool vg_queue_is_closed(vg_queue *q) {
  bool closed;
  vg_lock_take(&q->lock);
  closed = q->closed;
  vg_lock_give(&q->lock);
  return closed;
}
