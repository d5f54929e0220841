/* Downloads against a server that cuts, ignores, stalls and lies. `test_io_download --serve` only
   runs that server, prints its port and ends when asked for /quit: the Lua specs use it so. */
#include "io/download.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "device/interrupt.h"
#include "http_server.h"
#include "io/hash.h"
#include "test_io.h"

static http_server server;
static char md5_one[33], sha_one[65];

static bool whole(const char *path, int version) {
  size_t n;
  char *data;
  bool same;
  if (access(path, F_OK) != 0) return false;
  data = read_file(path, &n);
  same = n == HTTP_BODY;
  for (int i = 0; same && i < HTTP_BODY; i++)
    same = (unsigned char)data[i] == http_byte(version, i);
  free(data);
  return same;
}

static int64_t size_of(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? info.st_size : -1;
}

/* A request for `what` of the server into the scratch file `name`, quick to retry. */
static vg_download_request ask(const char *what, const char *name) {
  static char url[4][128], path[4][600];
  static int turn;
  int i = turn++ % 4;
  snprintf(url[i], sizeof url[i], "http://127.0.0.1:%d/%s", server.port, what);
  snprintf(path[i], sizeof path[i], "%s", in_scratch(name));
  server.requests = 0;
  return (vg_download_request){
      .url = url[i], .path = path[i], .what = "weights", .backoff = 0.01, .timeout = 2};
}

static void plain(void) {
  vg_download_request q = ask("full", "dir/sub/full.bin");
  vg_digest d;
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 1);
  CHECK(size_of(in_scratch("dir/sub/full.bin.part")) < 0);
  CHECK(size_of(in_scratch("dir/sub/full.bin.part.info")) < 0);
  CHECK_OK(vg_file_md5(&d, q.path));
  snprintf(md5_one, sizeof md5_one, "%.32s", d.hex);
  CHECK_OK(vg_file_sha256(&d, q.path));
  snprintf(sha_one, sizeof sha_one, "%s", d.hex);
  CHECK_OK(vg_download(&q)); /* it is there: no request */
  q.md5 = md5_one;
  CHECK_OK(vg_download(&q));
  CHECK(server.requests == 1);
  q = ask("moved", "moved.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1));
  q = ask("nolength", "nolength.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1));
  q = ask("busy", "busy.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 3);
}

static void resumes(void) {
  vg_download_request q = ask("cut", "cut.bin");
  q.retries = -1;
  CHECK_FAILS(vg_download(&q), VG_EIO,
              "weights: connection closed after 108 of 293 KiB; kept cut.bin.part, run again to");
  CHECK(size_of(in_scratch("cut.bin.part")) == HTTP_CUT && size_of(q.path) < 0);
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 2);
  CHECK(strcmp(server.range, "bytes=111000-") == 0 && strcmp(server.if_range, "\"v1\"") == 0);
  q = ask("cut", "cut2.bin"); /* the same without our doing */
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 2);
  q = ask("norange", "norange.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 2 && server.range[0]);
  q = ask("changed", "changed.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 2));
  q = ask("wrongrange", "wrongrange.bin");
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && server.requests == 3);
}

/* Part files of unknown origin: another address, no notes, already complete. */
static void strange_parts(void) {
  vg_download_request q = ask("cut", "strange.bin");
  char *data;
  q.retries = -1;
  CHECK(vg_download(&q) == VG_EIO);
  q = ask("full", "strange.bin"); /* bytes of another address are not continued */
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && !server.range[0]);
  q = ask("full", "nonotes.bin");
  write_file(in_scratch("nonotes.bin.part"), "rubbish", 7);
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1));
  q = ask("cut", "complete.bin");
  q.retries = -1;
  CHECK(vg_download(&q) == VG_EIO);
  data = malloc(HTTP_BODY);
  for (int i = 0; i < HTTP_BODY; i++) data[i] = (char)http_byte(1, i);
  write_file(in_scratch("complete.bin.part"), data, HTTP_BODY);
  free(data);
  q = ask("full", "complete.bin");
  {
    char notes[200];
    int n = snprintf(notes, sizeof notes, "%s\n\"v1\"\n", q.url);
    write_file(in_scratch("complete.bin.part.info"), notes, (size_t)n);
  }
  CHECK_OK(vg_download(&q)); /* the server says 416: nothing behind it */
  CHECK(whole(q.path, 1));
}

static void sums(void) {
  vg_download_request q = ask("full", "sum.bin");
  q.md5 = "00000000000000000000000000000000";
  CHECK_FAILS(vg_download(&q), VG_EDATA, "weights: md5 begins ");
  CHECK(strstr(vg_error(), ", expected 00000000 of sum.bin: file deleted, run again"));
  CHECK(size_of(q.path) < 0 && size_of(in_scratch("sum.bin.part")) < 0);
  q.md5 = md5_one;
  sha_one[8] = 0; /* a prefix is enough */
  q.sha256 = sha_one;
  CHECK_OK(vg_download(&q));
  write_file(q.path, "damaged", 7); /* what is there does not fit: fetched again */
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1));
}

static void refusals(void) {
  vg_download_request q = ask("404", "none.bin");
  CHECK_FAILS(vg_download(&q), VG_EIO, "weights: server answered 404 for http://127.0.0.1:");
  CHECK(server.requests == 1 && size_of(in_scratch("none.bin.part")) < 0);
  q = ask("cutalways", "always.bin");
  q.retries = 3;
  CHECK_FAILS(vg_download(&q), VG_EIO,
              "connection closed after 10 of 293 KiB; kept always.bin.part");
  CHECK(server.requests == 4); /* the first brought something, then three retries in vain */
  q = ask("stall", "stall.bin");
  q.retries = -1;
  q.timeout = 1;
  CHECK_FAILS(vg_download(&q), VG_EIO,
              "no answer for 1 s after 29 of 293 KiB; kept stall.bin.part");
  q = ask("full", "offline.bin");
  q.url = "http://127.0.0.1:1/x";
  CHECK_FAILS(vg_download(&q), VG_EIO, "weights: no network (");
  CHECK(strstr(vg_error(), ": put the file in "));
  q.url = "file:///etc/passwd";
  CHECK_FAILS(vg_download(&q), VG_EIO, "is no http or https address");
  q = ask("full", "dir");
  CHECK(mkdir(q.path, 0777) == 0 || access(q.path, F_OK) == 0);
  q.path = "/proc/none/file";
  CHECK_FAILS(vg_download(&q), VG_EIO, "weights: mkdir: cannot make '/proc/none'");
}

/* No room for the bytes: said so, what came is kept and the rest fetched later. */
static void no_room(void) {
  vg_download_request q = ask("full", "room.bin");
  struct rlimit old, small = {.rlim_cur = 1 << 17};
  CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
  small.rlim_max = old.rlim_max;
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK_FAILS(vg_download(&q), VG_EIO, "weights: File too large while writing '");
  CHECK(strstr(vg_error(), "; kept room.bin.part, run again to resume"));
  CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && strncmp(server.range, "bytes=", 6) == 0);
}

static int stop_early(void *arg, int64_t done, int64_t total) {
  int *calls = arg;
  (void)total;
  ++*calls;
  return done > 30000;
}

static int watch(void *arg, int64_t done, int64_t total) {
  int64_t *last = arg;
  if (done < last[0] || (total && total != HTTP_BODY)) last[1]++;
  last[0] = done;
  return 0;
}

static void interrupts(void) {
  vg_download_request q = ask("drip", "drip.bin");
  int calls = 0;
  int64_t last[2] = {0};
  q.progress = stop_early;
  q.arg = &calls;
  CHECK_FAILS(vg_download(&q), VG_EINTR, "weights: download interrupted after ");
  CHECK(calls > 0 && size_of(in_scratch("drip.bin.part")) > 30000);
  vg_interrupt_request();
  q.progress = NULL;
  CHECK_FAILS(vg_download(&q), VG_EINTR, "interrupted");
  vg_interrupt_clear();
  q.progress = watch;
  q.arg = last;
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1) && last[0] == HTTP_BODY && last[1] == 0);
}

/* Two processes want the same file: one request is made, both succeed. */
static void together(void) {
  vg_download_request q = ask("drip", "both.bin");
  int status = 1;
  pid_t child = fork();
  if (child == 0) _exit(vg_download(&q) == VG_OK && whole(q.path, 1) ? 0 : 1);
  CHECK_OK(vg_download(&q));
  CHECK(whole(q.path, 1));
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(server.requests == 1);
  CHECK(size_of(in_scratch("both.bin.part")) < 0);
}

int main(int argc, char **argv) {
  if (!http_start(&server)) {
    perror("http server");
    return 1;
  }
  if (argc > 1 && strcmp(argv[1], "--serve") == 0) {
    printf("%d\n", server.port);
    fflush(stdout);
    pthread_join(server.thread, NULL);
    return 0;
  }
  plain();
  resumes();
  strange_parts();
  sums();
  refusals();
  no_room();
  interrupts();
  together();
  http_stop(&server);
  return finish();
}
