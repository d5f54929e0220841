/* Appending and replacing, with another try after a failure. */
#include "log/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/file.h"

static const double RETRY_SECONDS = 1;

struct vg_log_file {
  vg_log_file *next;
  vg_packet *first, **last; /* waiting, oldest first */
  int fd;                   /* -1: not open */
  uint64_t size;            /* whole records */
  double retry_at;
  bool gone;   /* given up */
  bool dirty;  /* written since the last sync */
  char path[]; /* empty: all the files that are put, as they share their fate */
};

/* ---- one attempt ---- */

static bool is_final(int err) {
  return err == ENOENT || err == ENOTDIR || err == EISDIR || err == EACCES || err == EPERM ||
         err == ENAMETOOLONG || err == ELOOP;
}

static const char *words(int err) {
  if (err == ENOSPC) return "disk full";
  if (err == EDQUOT) return "disk quota reached";
  if (err == EFBIG) return "file size limit reached";
  return strerror(err);
}

static void note(vg_log_files *f, const char *path, const char *why) {
  if (!*f->message) snprintf(f->message, sizeof f->message, "cannot write '%.160s': %s", path, why);
}

static int open_end(vg_log_file *t) {
  struct stat s;
  t->fd = open(t->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (t->fd < 0 || fstat(t->fd, &s) != 0) return errno;
  t->size = (uint64_t)s.st_size;
  return 0;
}

/* 0 or errno; ENOENT when the file is no longer in its directory. */
static int append(vg_log_file *t, const vg_packet *p) {
  struct stat s;
  int err = t->fd < 0 ? open_end(t) : 0;
  if (err) return err;
  if (fstat(t->fd, &s) == 0 && s.st_nlink == 0) return ENOENT;
  err = vg_write_all(t->fd, p->data + p->head, p->size - p->head, t->size);
  if (err) return err;
  t->size += p->size - p->head;
  t->dirty = true;
  return 0;
}

static int put(const vg_packet *p) {
  char tmp[PATH_MAX];
  int fd, err;
  if (snprintf(tmp, sizeof tmp, "%s.tmp", p->data) >= (int)sizeof tmp) return ENAMETOOLONG;
  fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  err = vg_write_all(fd, p->data + p->head, p->size - p->head, 0);
  if (close(fd) != 0 && !err) err = errno;
  if (!err && rename(tmp, p->data) != 0) err = errno;
  if (err) unlink(tmp);
  return err;
}

/* ---- lists ---- */

static vg_packet *pop(vg_log_file *t) {
  vg_packet *p = t->first;
  t->first = p->next;
  if (!t->first) t->last = &t->first;
  return p;
}

static void lose(vg_log_files *f, vg_packet *p) {
  f->lost++;
  f->lost_bytes += (int64_t)(p->size - p->head);
  vg_queue_release(f->queue, p);
}

/* Writes what waits for one file until the disk refuses. */
static void drain(vg_log_files *f, vg_log_file *t) {
  while (t->first) {
    vg_packet *p = t->first;
    int err = t->gone ? ENOENT : *t->path ? append(t, p) : put(p);
    if (err && !t->gone) note(f, p->data, words(err));
    if (err && !is_final(err)) {
      t->retry_at = vg_clock() + RETRY_SECONDS;
      return;
    }
    p = pop(t);
    if (err) {
      t->gone = *t->path != 0; /* another file that is put may be luckier */
      lose(f, p);
    } else {
      f->written++;
      vg_queue_release(f->queue, p);
    }
  }
}

static vg_log_file *find(const vg_log_files *f, const char *path) {
  vg_log_file *t = f->first;
  while (t && strcmp(t->path, path) != 0) t = t->next;
  return t;
}

static vg_log_file *add(vg_log_files *f, const char *path) {
  size_t n = strlen(path) + 1;
  vg_log_file *t = vg_calloc(1, sizeof *t + n);
  if (!t) return NULL;
  memcpy(t->path, path, n);
  t->fd = -1;
  t->last = &t->first;
  t->next = f->first;
  f->first = t;
  return t;
}

static void close_file(vg_log_file *t) {
  struct stat s;
  if (t->fd < 0) return;
  /* Part of a record that was refused. */
  if (fstat(t->fd, &s) == 0 && (uint64_t)s.st_size > t->size && ftruncate(t->fd, (off_t)t->size))
    t->gone = true;
  close(t->fd);
  t->fd = -1;
}

static void forget(vg_log_files *f, const char *path) {
  vg_log_file **link = &f->first, *t;
  while (*link && strcmp((*link)->path, path) != 0) link = &(*link)->next;
  if (!(t = *link)) return;
  drain(f, t);
  while (t->first) lose(f, pop(t));
  close_file(t);
  *link = t->next;
  vg_free(t);
}

/* ---- for the thread ---- */

void vg_log_files_take(vg_log_files *f, vg_packet *p) {
  const char *path = p->kind == VG_LOG_PUT ? "" : p->data;
  vg_log_file *t;
  if (p->kind == VG_LOG_FORGET) {
    forget(f, path);
    f->written++;
    vg_queue_release(f->queue, p);
    return;
  }
  t = find(f, path);
  if (!t) t = add(f, path);
  if (!t) {
    note(f, p->data, "no memory");
    lose(f, p);
    return;
  }
  p->next = NULL;
  *t->last = p;
  t->last = &p->next;
  if (t->first == p) drain(f, t); /* otherwise it waits for its turn */
}

bool vg_log_files_retry(vg_log_files *f, bool all) {
  double now = vg_clock();
  bool empty = true;
  for (vg_log_file *t = f->first; t; t = t->next) {
    if (all || t->retry_at <= now) drain(f, t);
    empty = empty && !t->first;
  }
  return empty;
}

double vg_log_files_due(const vg_log_files *f) {
  double due = INFINITY;
  for (const vg_log_file *t = f->first; t; t = t->next)
    if (t->first && t->retry_at < due) due = t->retry_at;
  return due;
}

bool vg_log_files_sync(vg_log_files *f) {
  bool good = true;
  for (vg_log_file *t = f->first; t; t = t->next) {
    if (!t->dirty) continue;
    if (fdatasync(t->fd) == 0 || errno == EINVAL) {
      t->dirty = false;
    } else {
      note(f, t->path, words(errno));
      good = false;
    }
  }
  return good;
}

void vg_log_files_end(vg_log_files *f) {
  vg_log_files_retry(f, true);
  for (vg_log_file *t = f->first, *next; t; t = next) {
    next = t->next;
    while (t->first) lose(f, pop(t));
    close_file(t);
    vg_free(t);
  }
  f->first = NULL;
}
