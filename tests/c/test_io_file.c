/* Atomic replacement under every failure that can be produced: full disk, size limit, killed
   writer, two writers, links; also maps, directories and sums. */
#include "io/file.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/hash.h"
#include "test_io.h"

static bool holds(const char *path, const char *text) {
  size_t n;
  char *data = read_file(path, &n);
  bool same = n == strlen(text) && memcmp(data, text, n) == 0;
  free(data);
  return same;
}

static void replaces(void) {
  const char *path = in_scratch("a.txt"), *tmp = in_scratch("a.txt.tmp");
  vg_replace *r = NULL;
  CHECK_OK(vg_file_replace(path, "one", 3, "file"));
  CHECK(holds(path, "one"));
  CHECK_OK(vg_replace_begin(&r, path, "file"));
  CHECK_OK(vg_replace_write(r, "tw", 2));
  CHECK(holds(path, "one"));
  CHECK_OK(vg_replace_write_at(r, "T", 1, 0));
  CHECK_OK(vg_replace_write(r, "o", 1));
  CHECK_OK(vg_replace_commit(r));
  CHECK(holds(path, "Two") && access(tmp, F_OK) != 0);
  CHECK_OK(vg_replace_begin(&r, path, "file"));
  CHECK_OK(vg_replace_write(r, "lost", 4));
  vg_replace_abort(r);
  CHECK(holds(path, "Two") && access(tmp, F_OK) != 0);
  CHECK_FAILS(vg_file_replace(in_scratch("none/a"), "x", 1, "config"), VG_EIO,
              "config: No such file or directory while saving");
}

static void links(void) {
  const char *real = in_scratch("real.txt"), *link_path = in_scratch("link.txt");
  const char *second = in_scratch("second.txt");
  struct stat info;
  CHECK_OK(vg_file_replace(real, "old", 3, "file"));
  CHECK(symlink(real, link_path) == 0);
  CHECK_OK(vg_file_replace(link_path, "new", 3, "file"));
  CHECK(holds(real, "new") && lstat(link_path, &info) == 0 && S_ISLNK(info.st_mode));
  CHECK_OK(vg_link_or_copy(real, second, "file"));
  CHECK_OK(vg_link_or_copy(real, second, "file"));
  CHECK_OK(vg_file_replace(real, "newer", 5, "file"));
  CHECK(holds(second, "new") && holds(real, "newer"));
  CHECK_FAILS(vg_link_or_copy(in_scratch("no"), second, "file"), VG_EIO, "cannot open");
}

/* A process killed in the middle leaves the old file, and its rubbish does not stop the next. */
static void killed(void) {
  const char *path = in_scratch("k.txt");
  vg_replace *r = NULL;
  int status;
  pid_t child;
  CHECK_OK(vg_file_replace(path, "kept", 4, "file"));
  child = fork();
  if (child == 0) {
    if (vg_replace_begin(&r, path, "file") != VG_OK || vg_replace_write(r, "half", 4) != VG_OK)
      _exit(1);
    raise(SIGKILL);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  CHECK(holds(path, "kept") && access(in_scratch("k.txt.tmp"), F_OK) == 0);
  CHECK_OK(vg_file_replace(path, "next", 4, "file"));
  CHECK(holds(path, "next") && access(in_scratch("k.txt.tmp"), F_OK) != 0);
}

static void two_writers(void) {
  const char *path = in_scratch("two.txt");
  vg_replace *a = NULL, *b = NULL;
  CHECK_OK(vg_replace_begin(&a, path, "checkpoint"));
  CHECK_FAILS(vg_replace_begin(&b, path, "checkpoint"), VG_EIO, "another process is saving");
  CHECK_OK(vg_replace_write(a, "a", 1));
  CHECK_OK(vg_replace_commit(a));
  CHECK(holds(path, "a"));
}

static void fill_up(const char *path, const char *words) {
  char *big = calloc(1, 1 << 20);
  CHECK_OK(vg_file_replace(path, "kept", 4, "checkpoint"));
  CHECK_FAILS(vg_file_replace(path, big, 1 << 20, "checkpoint"), VG_EIO, words);
  CHECK(strstr(vg_error(), ": previous checkpoint kept"));
  CHECK(holds(path, "kept"));
  CHECK_OK(vg_file_replace(path, "then", 4, "checkpoint"));
  CHECK(holds(path, "then"));
  free(big);
}

/* A real full disk where mounting is allowed; the size limit stands in for it everywhere. */
static void full(void) {
  const char *dir = in_scratch("small");
  char path[600];
  struct rlimit old, small = {.rlim_cur = 1 << 16};
  CHECK(mkdir(dir, 0777) == 0);
  if (mount("none", dir, "tmpfs", 0, "size=256k") == 0) {
    snprintf(path, sizeof path, "%s/best.bin", dir);
    fill_up(path, "checkpoint: disk full while saving");
    CHECK(umount(dir) == 0);
  } else {
    printf("skipped: full tmpfs (mount: %s)\n", strerror(errno));
  }
  CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
  small.rlim_max = old.rlim_max;
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  fill_up(in_scratch("limited.bin"), "checkpoint: file size limit reached while saving");
  CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
}

static void maps_and_dirs(void) {
  vg_map m;
  CHECK_FAILS(vg_map_open(&m, in_scratch("none"), "data"), VG_EIO, "data: cannot open");
  CHECK_FAILS(vg_map_open(&m, in_scratch(""), "data"), VG_EIO, "is not a file");
  write_file(in_scratch("empty"), "", 0);
  CHECK_OK(vg_map_open(&m, in_scratch("empty"), "data"));
  CHECK(m.size == 0);
  vg_map_close(&m);
  CHECK_OK(vg_make_dirs(in_scratch("x/y//z/")));
  CHECK_OK(vg_make_dirs(in_scratch("x/y/z")));
  CHECK_FAILS(vg_make_dirs(in_scratch("empty/sub")), VG_EIO, "a file of this name exists");
  CHECK_OK(vg_file_replace(in_scratch("x/f"), "1", 1, "file"));
  CHECK_OK(vg_move(in_scratch("x/f"), in_scratch("x/g")));
  CHECK(holds(in_scratch("x/g"), "1"));
  CHECK_FAILS(vg_move(in_scratch("x/f"), in_scratch("x/h")), VG_EIO, "No such file");
}

/* Odd ends around the pieces that threads share, and a file cut short under the map. */
static void map_reads(void) {
  const size_t n = (3 << 20) + 77;
  unsigned char *data = vg_alloc(n), *to = vg_calloc(1, n + 1);
  const char *path = in_scratch("large");
  vg_map m;
  CHECK(data && to);
  for (size_t i = 0; i < n; i++) data[i] = (unsigned char)(i * 2654435761u >> 13);
  write_file(path, data, n);
  CHECK_OK(vg_map_open(&m, path, "data"));
  CHECK_OK(vg_map_read(&m, to, m.data, n));
  CHECK(memcmp(to, data, n) == 0 && to[n] == 0);
  CHECK_OK(vg_map_read(&m, to, m.data + 5, (1 << 20) + 1));
  CHECK(memcmp(to, data + 5, (1 << 20) + 1) == 0);
  CHECK_OK(vg_map_read(&m, to, m.data + n, 0));
  CHECK(truncate(path, (2 << 20) + 5) == 0);
  CHECK_FAILS(vg_map_read(&m, to, m.data, n), VG_EIO, "became shorter");
  CHECK_OK(vg_map_read(&m, to, m.data, (2 << 20) + 5));
  vg_map_close(&m);
  vg_free(data);
  vg_free(to);
}

static void sums(void) {
  vg_digest d;
  write_file(in_scratch("abc"), "abc", 3);
  CHECK_OK(vg_file_md5(&d, in_scratch("abc")));
  CHECK(strcmp(d.hex, "900150983cd24fb0d6963f7d28e17f72") == 0);
  CHECK_OK(vg_file_sha256(&d, in_scratch("abc")));
  CHECK(strcmp(d.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
  CHECK_OK(vg_file_md5(&d, in_scratch("empty")));
  CHECK(strcmp(d.hex, "d41d8cd98f00b204e9800998ecf8427e") == 0);
}

int main(void) {
  replaces();
  links();
  killed();
  two_writers();
  full();
  maps_and_dirs();
  map_reads();
  sums();
  return finish();
}
