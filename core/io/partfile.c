/* PATH.part, its lock and its PATH.part.info. */
#include "io/partfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/file.h"

static vg_status failed(const vg_part *p, const char *doing) {
  const char *why = errno == ENOSPC ? "disk full" : strerror(errno);
  return vg_fail(VG_EIO, "%s while %s '%s'", why, doing, p->part);
}

static bool joined(char **out, const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end) + 1;
  *out = vg_alloc(n + m);
  if (!*out) return false;
  memcpy(*out, path, n);
  memcpy(*out + n, end, m);
  return true;
}

/* The file was renamed into place by its owner between our open and our lock. */
static bool gone(const vg_part *p) {
  struct stat mine, there;
  return fstat(p->fd, &mine) != 0 || stat(p->part, &there) != 0 || mine.st_ino != there.st_ino;
}

static vg_status lock(vg_part *p, bool (*keep_going)(void *), void *arg) {
  const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
  for (;;) {
    if (p->fd < 0) p->fd = open(p->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (p->fd < 0) return failed(p, "opening");
    if (flock(p->fd, LOCK_EX | LOCK_NB) == 0) {
      if (!gone(p)) return VG_OK;
    } else {
      if (errno != EWOULDBLOCK && errno != EINTR) return failed(p, "locking");
      if (!keep_going(arg)) return vg_fail(VG_EINTR, "interrupted");
      nanosleep(&pause, NULL);
    }
    if (gone(p)) {
      close(p->fd);
      p->fd = -1;
    }
  }
}

/* Reads the version if the notes are about this address. */
static bool read_info(vg_part *p, const char *url) {
  FILE *f = fopen(p->info, "re");
  char line[4096];
  size_t n = strlen(url);
  bool same = false;
  if (!f) return false;
  if (fgets(line, sizeof line, f)) same = strncmp(line, url, n) == 0 && strcmp(line + n, "\n") == 0;
  if (same && fgets(p->version, sizeof p->version, f)) p->version[strcspn(p->version, "\n")] = 0;
  fclose(f);
  return same;
}

vg_status vg_part_open(vg_part *p, const char *path, const char *url, bool checked,
                       bool (*keep_going)(void *), void *arg) {
  struct stat info;
  bool known;
  vg_status st;
  *p = (vg_part){.fd = -1};
  if (!joined(&p->path, path, "") || !joined(&p->part, path, ".part") ||
      !joined(&p->info, path, ".part.info"))
    return VG_ENOMEM;
  VG_TRY(lock(p, keep_going, arg));
  if (fstat(p->fd, &info) != 0) return failed(p, "opening");
  p->size = info.st_size;
  known = read_info(p, url);
  if (p->size && !(known && (p->version[0] || checked))) VG_TRY(vg_part_restart(p, url, ""));
done:
  return st;
}

vg_status vg_part_restart(vg_part *p, const char *url, const char *version) {
  vg_text notes = {0};
  vg_status st;
  if (ftruncate(p->fd, 0) != 0) return failed(p, "writing");
  p->size = 0;
  snprintf(p->version, sizeof p->version, "%s", version);
  vg_text_printf(&notes, "%s\n%s\n", url, p->version);
  st = notes.failed ? VG_ENOMEM : vg_file_replace(p->info, notes.data, notes.len, "download");
  vg_text_free(&notes);
  return st;
}

vg_status vg_part_write(vg_part *p, const void *data, size_t n) {
  int err = vg_write_all(p->fd, data, n, (uint64_t)p->size);
  if (err) {
    errno = err;
    return failed(p, "writing");
  }
  p->size += (int64_t)n;
  return VG_OK;
}

vg_status vg_part_commit(vg_part *p) {
  if (fsync(p->fd) != 0) return failed(p, "writing");
  if (rename(p->part, p->path) != 0) return failed(p, "renaming");
  unlink(p->info);
  return vg_sync_dir_of(p->path);
}

void vg_part_discard(vg_part *p) {
  unlink(p->part);
  unlink(p->info);
}

void vg_part_close(vg_part *p) {
  if (p->fd >= 0) close(p->fd);
  vg_free(p->path);
  vg_free(p->part);
  vg_free(p->info);
  *p = (vg_part){.fd = -1};
}
