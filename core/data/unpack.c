/* Unpacking an archive into the directory torchvision or the binary version would have. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "data/cifar10.h"
#include "io/file.h"
#include "io/tar.h"

typedef struct unpacker {
  char dir[4096];
  bool python;
  int files;
} unpacker;

/* Only the names CIFAR-10 is made of are written, wherever in the archive they lie. */
static bool want(void *arg, const char *name, size_t size) {
  const unpacker *u = arg;
  const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
  char expect[32];
  (void)size;
  if (strcmp(base, u->python ? "batches.meta" : "batches.meta.txt") == 0) return true;
  for (int i = 0; i <= 5; i++) {
    if (i)
      snprintf(expect, sizeof expect, "data_batch_%d%s", i, u->python ? "" : ".bin");
    else
      snprintf(expect, sizeof expect, "test_batch%s", u->python ? "" : ".bin");
    if (strcmp(base, expect) == 0) return true;
  }
  return false;
}

static vg_status put(void *arg, const char *name, const void *data, size_t size) {
  unpacker *u = arg;
  const char *slash = strrchr(name, '/');
  char path[4096 + 64];
  snprintf(path, sizeof path, "%s/%s", u->dir, slash ? slash + 1 : name);
  u->files++;
  return vg_file_replace(path, data, size, "data");
}

vg_status vg_cifar10_unpack(const vg_cifar_place *archive, const char *root) {
  unpacker u = {.python = archive->form == VG_CIFAR_PY_TAR};
  int fd = -1;
  vg_status st;
  if (!u.python && archive->form != VG_CIFAR_BIN_TAR)
    return vg_fail(VG_EINVAL, "unpack: '%s' is not an archive", archive->path);
  if (strlen(root) > 3900) return vg_fail(VG_EINVAL, "unpack: path is too long");
  snprintf(u.dir, sizeof u.dir, "%s/cifar-10-batches-%s", root, u.python ? "py" : "bin");
  VG_TRY(vg_make_dirs(u.dir));
  fd = open(archive->path, O_RDONLY | O_CLOEXEC); /* locked: programs started together take turns */
  if (fd < 0 || flock(fd, LOCK_EX) != 0) {
    st = vg_fail(VG_EIO, "data: cannot lock %s: %s", archive->path, strerror(errno));
    goto done;
  }
  VG_TRY(vg_tar_each_wanted(archive->path, want, put, &u));
  if (!u.files) st = vg_fail(VG_EDATA, "data: no CIFAR-10 files in %s", archive->path);
done:
  if (fd >= 0) close(fd);
  return st;
}
