/* Checks of the io tests: counted, printed, exit status at the end; scratch files in a directory of
   their own. */
#ifndef TEST_IO_H
#define TEST_IO_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "checks.h"

static char scratch[256];

/* `name` inside the scratch directory; the text lives in one of four rotating buffers. */
__attribute__((unused)) static const char *in_scratch(const char *name) {
  static char text[4][512];
  static int turn;
  char *t = text[turn++ % 4];
  if (!scratch[0]) {
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%.200s/vgg-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(scratch)) {
      perror(scratch);
      exit(1);
    }
  }
  snprintf(t, sizeof text[0], "%s/%s", scratch, name);
  return t;
}

__attribute__((unused)) static void write_file(const char *path, const void *data, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) {
    perror(path);
    exit(1);
  }
}

/* The whole file, with a zero behind it; freed with free. */
__attribute__((unused)) static char *read_file(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  struct stat info;
  char *data;
  if (!f || fstat(fileno(f), &info) != 0) {
    perror(path);
    exit(1);
  }
  *n = (size_t)info.st_size;
  data = malloc(*n + 1);
  if (!data || fread(data, 1, *n, f) != *n) {
    perror(path);
    exit(1);
  }
  data[*n] = 0;
  fclose(f);
  return data;
}

/* Removes the scratch directory, checks that nothing leaked, prints the tally. */
static int finish(void) {
  char command[300];
  CHECK(vg_alloc_statistics().live_blocks == 0);
  if (scratch[0]) {
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    CHECK(system(command) == 0);
  }
  return tally("io");
}

#endif
