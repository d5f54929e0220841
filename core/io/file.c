/* Atomic replacement, maps, directories. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

enum { START_WRITING = 1 << 20, READ = 1 << 20 /* bytes a thread reads at a time */ };

struct vg_replace {
  int fd;
  char *path, *tmp, *what;
  uint64_t size;
};

/* Why writing failed, in the words a user acts on. */
static vg_status refuse(const vg_replace *r, int err) {
  bool had = access(r->path, F_OK) == 0;
  const char *why = strerror(err);
  if (err == ENOSPC) why = "disk full";
  if (err == EDQUOT) why = "disk quota reached";
  if (err == EFBIG) why = "file size limit reached";
  return vg_fail(VG_EIO, "%s: %s while saving '%s': %s%s%s", r->what, why, r->path,
                 had ? "previous " : "nothing was saved", had ? r->what : "", had ? " kept" : "");
}

static vg_status opened(vg_replace *r, int flags, bool *again) {
  struct stat mine, there;
  r->fd = open(r->tmp, flags, 0666);
  if (r->fd < 0) return refuse(r, errno);
  if (flock(r->fd, LOCK_EX | LOCK_NB) != 0)
    return vg_fail(VG_EIO, "%s: another process is saving '%s'", r->what, r->path);
  /* Between open and lock its previous owner may have renamed it into place. */
  *again = fstat(r->fd, &mine) != 0 || stat(r->tmp, &there) != 0 || mine.st_ino != there.st_ino;
  return VG_OK;
}

static vg_status open_tmp(vg_replace *r) {
  bool again = true;
  vg_status st = VG_OK;
  for (int tries = 0; again && tries < 100; tries++) {
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
    VG_TRY(opened(r, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, &again));
  }
  if (again || ftruncate(r->fd, 0) != 0) st = refuse(r, again ? EBUSY : errno);
done:
  return st;
}

static void release(vg_replace *r) {
  if (!r) return;
  if (r->fd >= 0) close(r->fd);
  vg_free(r->path);
  vg_free(r->tmp);
  vg_free(r->what);
  vg_free(r);
}

vg_status vg_replace_begin(vg_replace **out, const char *path, const char *what) {
  vg_replace *r = vg_calloc(1, sizeof *r);
  char real[PATH_MAX];
  struct stat info;
  vg_status st = VG_ENOMEM;
  if (!r) return st;
  r->fd = -1;
  if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && realpath(path, real)) path = real;
  r->path = vg_strdup(path);
  r->what = vg_strdup(what);
  r->tmp = vg_alloc(strlen(path) + sizeof ".tmp");
  if (!r->path || !r->what || !r->tmp) goto done;
  sprintf(r->tmp, "%s.tmp", path);
  VG_TRY(open_tmp(r));
  *out = r;
  r = NULL;
done:
  release(r);
  return st;
}

static int write_all(int fd, const char *p, size_t n, uint64_t at) {
  while (n) {
    ssize_t k = pwrite(fd, p, n > (1u << 30) ? 1u << 30 : n, (off_t)at);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return k < 0 ? errno : ENOSPC;
    p += k;
    n -= (size_t)k;
    at += (uint64_t)k;
  }
  return 0;
}

int vg_write_all(int fd, const void *data, size_t n, uint64_t at) {
  const struct timespec now = {0};
  sigset_t limit, before;
  int err;
  sigemptyset(&limit);
  sigaddset(&limit, SIGXFSZ); /* a size limit would kill the process instead of telling us */
  pthread_sigmask(SIG_BLOCK, &limit, &before);
  err = write_all(fd, data, n, at);
  if (err == EFBIG && !sigismember(&before, SIGXFSZ)) sigtimedwait(&limit, NULL, &now);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return err;
}

vg_status vg_replace_write_at(vg_replace *r, const void *data, size_t n, uint64_t at) {
  int err = vg_write_all(r->fd, data, n, at);
  if (err) return refuse(r, err);
  if (n >= START_WRITING) /* the disk works while the next tensor is summed */
    sync_file_range(r->fd, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE);
  if (at + n > r->size) r->size = at + n;
  return VG_OK;
}

vg_status vg_replace_write(vg_replace *r, const void *data, size_t n) {
  return vg_replace_write_at(r, data, n, r->size);
}

static vg_status sync_dir_of(const char *path) {
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t n = slash ? (size_t)(slash - path) : 0;
  int fd, bad;
  if (n >= sizeof dir) return vg_fail(VG_EIO, "path too long: '%.60s...'", path);
  memcpy(dir, path, n);
  dir[n] = 0;
  fd = open(n ? dir : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return vg_fail(VG_EIO, "cannot open directory '%s': %s", dir, strerror(errno));
  bad = fsync(fd) != 0 && errno != EINVAL && errno != EROFS; /* some file systems cannot */
  close(fd);
  return bad ? vg_fail(VG_EIO, "cannot sync directory '%s': %s", dir, strerror(errno)) : VG_OK;
}

vg_status vg_sync_dir_of(const char *path) { return sync_dir_of(path); }

vg_status vg_replace_commit(vg_replace *r) {
  vg_status st = VG_OK;
  /* Rename while the lock is held, so that nobody reuses the name in between. */
  if (fsync(r->fd) != 0 || rename(r->tmp, r->path) != 0) {
    st = refuse(r, errno);
    unlink(r->tmp);
    goto done;
  }
  VG_TRY(sync_dir_of(r->path));
done:
  release(r);
  return st;
}

void vg_replace_abort(vg_replace *r) {
  if (!r) return;
  unlink(r->tmp);
  release(r);
}

vg_status vg_file_replace(const char *path, const void *data, size_t n, const char *what) {
  vg_replace *r = NULL, *ended;
  vg_status st;
  VG_TRY(vg_replace_begin(&r, path, what));
  VG_TRY(vg_replace_write(r, data, n));
  ended = r;
  r = NULL;
  VG_TRY(vg_replace_commit(ended));
done:
  vg_replace_abort(r);
  return st;
}

vg_status vg_map_open(vg_map *m, const char *path, const char *what) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  void *p = NULL;
  vg_status st = VG_OK;
  *m = (vg_map){0};
  if (fd < 0 || fstat(fd, &info) != 0) {
    st = vg_fail(VG_EIO, "%s: cannot open '%s': %s", what, path, strerror(errno));
  } else if (!S_ISREG(info.st_mode)) {
    st = vg_fail(VG_EIO, "%s: '%s' is not a file", what, path);
  } else if (info.st_size > 0) {
    p = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      st = vg_fail(VG_EIO, "%s: cannot map '%s': %s", what, path, strerror(errno));
    } else {
      *m = (vg_map){.data = p, .size = (size_t)info.st_size, .fd = fd};
      return st;
    }
  }
  if (fd >= 0) close(fd);
  return st;
}

void vg_map_close(vg_map *m) {
  if (m->data) {
    munmap((void *)(uintptr_t)m->data, m->size);
    close(m->fd);
  }
  *m = (vg_map){0};
}

void vg_map_drop(const vg_map *m, const void *data, size_t n) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), base = (uintptr_t)m->data;
  uintptr_t at = (uintptr_t)data, end;
  if (!m->data || m->writable || at < base || n > m->size || at - base > m->size - n) return;
  end = (at + n) & ~(page - 1);
  at = (at + page - 1) & ~(page - 1);
  if (at < end) madvise((void *)at, end - at, MADV_DONTNEED);
}

vg_status vg_map_writable(vg_map *m) {
  if (m->writable) return VG_OK;
  if (mprotect((void *)(uintptr_t)m->data, m->size, PROT_READ | PROT_WRITE) != 0)
    return vg_fail(VG_ENOMEM, "map: %s", strerror(errno));
  m->writable = true;
  return VG_OK;
}

/* 0, errno, or -1 for a file that ends early. */
static int read_all(int fd, char *to, size_t n, size_t at) {
  while (n) {
    ssize_t k = pread(fd, to, n, (off_t)at);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return k < 0 ? errno : -1;
    to += k;
    n -= (size_t)k;
    at += (size_t)k;
  }
  return 0;
}

vg_status vg_map_read(const vg_map *m, void *to, const void *data, size_t n) {
  const size_t at = (size_t)((const unsigned char *)data - m->data), pieces = (n - 1) / READ + 1;
  int bad = 0;
  if (n == 0) return VG_OK;
#pragma omp parallel for schedule(dynamic, 1) reduction(max : bad) if (pieces > 1)
  for (size_t i = 0; i < pieces; i++) {
    size_t from = i * READ, k = n - from < READ ? n - from : READ;
    int err = read_all(m->fd, (char *)to + from, k, at + from);
    if (err) bad = err < 0 ? INT_MAX : err;
  }
  if (bad == INT_MAX) return vg_fail(VG_EIO, "read: the file became shorter while it was read");
  return bad ? vg_fail(VG_EIO, "read: %s", strerror(bad)) : VG_OK;
}

static bool is_dir(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

vg_status vg_make_dirs(const char *path) {
  char part[PATH_MAX];
  size_t n = strlen(path);
  if (n == 0 || n >= sizeof part) return vg_fail(VG_EIO, "mkdir: path empty or too long");
  memcpy(part, path, n + 1);
  for (size_t i = 1; i <= n; i++) {
    if (part[i] != '/' && part[i] != 0) continue;
    part[i] = 0;
    if (mkdir(part, 0777) != 0) {
      int err = errno;
      if (!is_dir(part))
        return vg_fail(VG_EIO, "mkdir: cannot make '%s': %s", part,
                       err == EEXIST ? "a file of this name exists" : strerror(err));
    }
    if (i < n) part[i] = '/';
  }
  return VG_OK;
}

vg_status vg_move(const char *from, const char *to) {
  if (rename(from, to) != 0)
    return vg_fail(VG_EIO, "rename: '%s' to '%s': %s", from, to, strerror(errno));
  return sync_dir_of(to);
}

static vg_status copy(const char *from, const char *to, const char *what) {
  vg_map m = {0};
  vg_status st;
  VG_TRY(vg_map_open(&m, from, what));
  VG_TRY(vg_file_replace(to, m.data, m.size, what));
done:
  vg_map_close(&m);
  return st;
}

vg_status vg_link_or_copy(const char *from, const char *to, const char *what) {
  vg_text tmp = {0};
  struct stat a, b;
  vg_status st = VG_OK;
  if (stat(from, &a) != 0)
    return vg_fail(VG_EIO, "%s: cannot open '%s': %s", what, from, strerror(errno));
  if (stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) return VG_OK;
  vg_text_printf(&tmp, "%s.link", to);
  if (tmp.failed) {
    st = VG_ENOMEM;
  } else {
    unlink(vg_text_str(&tmp));
    st = link(from, vg_text_str(&tmp)) == 0 ? vg_move(vg_text_str(&tmp), to) : copy(from, to, what);
  }
  vg_text_free(&tmp);
  return st;
}
