/* The background writer on good and bad disks. /dev/full stands for a full disk, a size limit for
   one that gets better, a pipe nobody reads for one that never answers. Also run under the thread
   sanitizer. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "checks.h"
#include "log/writer.h"

static char dir[64];

static const char *in(const char *name) {
  static char path[4][PATH_MAX];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, PATH_MAX, "%s/%s", dir, name);
  return p;
}

static size_t size_of(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 ? (size_t)s.st_size : SIZE_MAX;
}

static bool holds(const char *path, const char *want) {
  char text[256] = "";
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  return n == strlen(want) && !memcmp(text, want, n);
}

static void nap(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds,
                       .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&t, NULL);
}

static void test_good_disk(void) {
  vg_writer *w = NULL;
  vg_writer_status s;
  char line[32];
  bool same = true;
  CHECK_OK(vg_writer_new(&w, 0));
  for (int i = 0; i < 2000; i++) {
    int n = snprintf(line, sizeof line, "%d\n", i);
    CHECK(vg_writer_append(w, in(i % 2 ? "odd" : "even"), line, (size_t)n));
  }
  CHECK(vg_writer_put(w, in("whole"), "first, and longer", 17));
  CHECK(vg_writer_put(w, in("whole"), "second", 6));
  CHECK(vg_writer_flush(w, 10, true));
  CHECK(holds(in("whole"), "second"));
  CHECK(size_of(in("whole.tmp")) == SIZE_MAX);
  FILE *f = fopen(in("odd"), "r");
  for (int i = 1; i < 2000; i += 2) same = same && fgets(line, sizeof line, f) && atoi(line) == i;
  CHECK(same && !fgets(line, sizeof line, f));
  fclose(f);
  vg_writer_look(w, &s);
  CHECK(s.written == 2002 && s.waiting == 0 && s.lost == 0 && !*s.message);
  CHECK(vg_writer_forget(w, in("odd")));
  CHECK(vg_writer_flush(w, 10, false));
  CHECK(truncate(in("odd"), 2) == 0);
  CHECK(vg_writer_append(w, in("odd"), "more\n", 5)); /* opened anew, at its new end */
  vg_writer_close(w, 10, &s);
  CHECK(s.waiting == 0 && s.lost == 0);
  CHECK(holds(in("odd"), "1\nmore\n"));
}

static void test_full_disk(void) {
  static const char record[1000];
  vg_writer *w = NULL;
  vg_writer_status s;
  int taken = 0;
  double start;
  CHECK_OK(vg_writer_new(&w, 64 << 10));
  start = vg_clock();
  for (int i = 0; i < 1000; i++) taken += vg_writer_append(w, "/dev/full", record, sizeof record);
  CHECK(taken >= 50 && taken <= 64);
  CHECK(!vg_writer_flush(w, 5, false)); /* answers at once: it was tried */
  CHECK(vg_clock() - start < 3);
  vg_writer_look(w, &s);
  CHECK(s.lost == 1000 - taken && s.waiting == taken && s.lost_bytes == s.lost * 1000);
  CHECK(!strcmp(s.message, "cannot write '/dev/full': disk full"));
  CHECK(!vg_writer_append(w, in("good"), record, sizeof record)); /* no room for others, either */
  start = vg_clock();
  vg_writer_close(w, 5, &s);
  CHECK(vg_clock() - start < 3);
  CHECK(s.lost == 1001 && s.waiting == 0 && s.written == 0);
}

static void limit_file_size(rlim_t bytes) {
  struct rlimit r;
  getrlimit(RLIMIT_FSIZE, &r);
  r.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &r);
}

/* A record that was written in part is written whole when that is possible, before later ones. */
static void test_recovery(void) {
  vg_writer *w = NULL;
  vg_writer_status s;
  CHECK_OK(vg_writer_new(&w, 0));
  CHECK(vg_writer_append(w, in("limited"), "12345\n", 6));
  CHECK(vg_writer_flush(w, 5, false));
  limit_file_size(10);
  CHECK(vg_writer_append(w, in("limited"), "6789012345\n", 11));
  CHECK(vg_writer_append(w, in("limited"), "67\n", 3));
  CHECK(!vg_writer_flush(w, 5, false));
  vg_writer_look(w, &s);
  CHECK(s.waiting == 2 && strstr(s.message, "file size limit reached"));
  limit_file_size(RLIM_INFINITY);
  CHECK(vg_writer_flush(w, 5, false));
  CHECK(holds(in("limited"), "12345\n6789012345\n67\n"));
  limit_file_size(25);
  CHECK(vg_writer_append(w, in("limited"), "a record too long\n", 18));
  vg_writer_close(w, 5, &s);
  limit_file_size(RLIM_INFINITY);
  CHECK(s.lost == 1 && s.written == 3);
  CHECK(holds(in("limited"), "12345\n6789012345\n67\n")); /* no part of the record is left */
}

static void test_retry_by_itself(void) {
  vg_writer *w = NULL;
  CHECK_OK(vg_writer_new(&w, 0));
  limit_file_size(0);
  CHECK(vg_writer_append(w, in("later"), "x\n", 2));
  CHECK(!vg_writer_flush(w, 5, false));
  limit_file_size(RLIM_INFINITY);
  for (int i = 0; i < 40 && size_of(in("later")) != 2; i++) nap(0.1);
  CHECK(holds(in("later"), "x\n"));
  vg_writer_close(w, 5, NULL);
}

static void test_removed_directory(void) {
  vg_writer *w = NULL;
  vg_writer_status s;
  CHECK_OK(vg_writer_new(&w, 0));
  CHECK(mkdir(in("gone"), 0777) == 0);
  CHECK(vg_writer_append(w, in("gone/log"), "1\n", 2));
  CHECK(vg_writer_flush(w, 5, false));
  CHECK(unlink(in("gone/log")) == 0 && rmdir(in("gone")) == 0);
  CHECK(vg_writer_append(w, in("gone/log"), "2\n", 2));
  CHECK(vg_writer_put(w, in("gone/file"), "3", 1));
  CHECK(vg_writer_append(w, in("fine"), "4\n", 2));
  CHECK(vg_writer_flush(w, 5, true));
  CHECK(mkdir(in("gone"), 0777) == 0);
  CHECK(vg_writer_append(w, in("gone/log"), "5\n", 2)); /* given up: a file has no missing start */
  CHECK(vg_writer_put(w, in("gone/file"), "6", 1));     /* whole files stand for themselves */
  vg_writer_close(w, 5, &s);
  CHECK(s.lost == 3 && s.written == 3 && s.waiting == 0);
  CHECK(strstr(s.message, "gone/log': No such file or directory"));
  CHECK(size_of(in("gone/log")) == SIZE_MAX && holds(in("gone/file"), "6"));
  CHECK(holds(in("fine"), "4\n"));
}

/* The thread hangs in open(): nobody else does, and it may go on alone after the close. */
static void test_hanging_disk(void) {
  vg_writer *w = NULL;
  vg_writer_status s;
  double start = vg_clock(), longest = 0;
  int64_t blocks = vg_alloc_statistics().live_blocks;
  CHECK(mkfifo(in("pipe"), 0666) == 0);
  CHECK_OK(vg_writer_new(&w, 1 << 20));
  CHECK(vg_writer_append(w, in("pipe"), "x", 1));
  CHECK(!vg_writer_flush(w, 0.1, false));
  CHECK(vg_clock() - start < 2);
  for (int i = 0; i < 20000; i++) {
    double before = vg_clock();
    vg_writer_append(w, in("other"), "0123456789", 10);
    if (vg_clock() - before > longest) longest = vg_clock() - before;
  }
  CHECK(longest < 0.5);
  start = vg_clock();
  CHECK(!vg_writer_flush(w, 10, false)); /* did not answer before: not waited for again */
  CHECK(vg_clock() - start < 2);
  vg_writer_close(w, 0.1, &s);
  CHECK(s.written == 0 && s.waiting > 1000 && s.lost > 1000);
  int fd = open(in("pipe"), O_RDONLY | O_NONBLOCK); /* the thread wakes up, and ends */
  for (int i = 0; i < 100 && vg_alloc_statistics().live_blocks > blocks; i++) nap(0.05);
  CHECK(vg_alloc_statistics().live_blocks == blocks);
  close(fd);
}

/* What was handed over before exit() is in the file. */
static void test_exit(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    vg_writer *w = NULL;
    if (vg_writer_new(&w, 0) != VG_OK) _exit(1);
    for (int i = 0; i < 1000; i++) vg_writer_append(w, in("exit"), "12345678\n", 9);
    exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(size_of(in("exit")) == 9000);
}

static void test_no_memory(void) {
  for (int n = 1; n < 5; n++) {
    vg_writer *w = NULL;
    vg_alloc_fail_after(n);
    if (vg_writer_new(&w, 0) == VG_OK) {
      vg_writer_append(w, in("memory"), "x\n", 2);
      vg_writer_flush(w, 5, false);
      vg_alloc_fail_after(0);
      vg_writer_close(w, 5, NULL);
    }
    vg_alloc_fail_after(0);
  }
}

int main(void) {
  int64_t before = vg_alloc_statistics().live_blocks;
  char command[128];
  snprintf(dir, sizeof dir, "/tmp/vgg-test-writer-XXXXXX");
  if (!mkdtemp(dir)) {
    perror(dir);
    return 1;
  }
  test_exit();
  test_good_disk();
  test_full_disk();
  test_recovery();
  test_retry_by_itself();
  test_removed_directory();
  test_hanging_disk();
  test_no_memory();
  CHECK(vg_alloc_statistics().live_blocks == before);
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  CHECK(system(command) == 0);
  return tally("writer");
}
