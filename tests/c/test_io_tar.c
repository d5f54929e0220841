/* Tar reader against archives written by Python's tarfile, and against damaged ones. */
#include "io/tar.h"

#include <zlib.h>

#include "test_io.h"

typedef struct seen {
  int files, wrong;
  char names[8][300];
  size_t sizes[8];
} seen;

static vg_status note(void *arg, const char *name, const void *data, size_t size) {
  seen *s = arg;
  const unsigned char *b = data;
  int i = s->files++;
  if (i >= 8) return VG_OK;
  snprintf(s->names[i], sizeof s->names[i], "%s", name);
  s->sizes[i] = size;
  for (size_t j = 1; j < size; j++) s->wrong += b[j] != (unsigned char)(b[0] + j);
  return VG_OK;
}

static void formats(void) {
  static const char *const forms[] = {"ustar", "gnu", "pax"};
  for (int f = 0; f < 3; f++) {
    seen s = {0};
    char path[64];
    int last = f ? 3 : 2;
    snprintf(path, sizeof path, "tests/parity/io/%s.tar.gz", forms[f]);
    CHECK_OK(vg_tar_each(path, note, &s));
    CHECK(s.files == last + 1 && s.wrong == 0);
    CHECK(strcmp(s.names[0], "short.bin") == 0 && s.sizes[0] == 5);
    CHECK(strlen(s.names[last - 1]) == 155 && s.names[last - 1][60] == '/');
    CHECK(strcmp(s.names[last], "empty.bin") == 0 && s.sizes[last] == 0);
    if (f) CHECK(strlen(s.names[1]) == 128 && s.sizes[1] == 705);
  }
}

static bool only_short(void *arg, const char *name, size_t size) {
  (void)arg;
  (void)size;
  return strcmp(name, "short.bin") == 0;
}

static vg_status stop(void *arg, const char *name, const void *data, size_t size) {
  (void)arg;
  (void)data;
  (void)size;
  return vg_fail(VG_EINTR, "stopped at %s", name);
}

static void choice(void) {
  seen s = {0};
  CHECK_OK(vg_tar_each_wanted("tests/parity/io/gnu.tar.gz", only_short, note, &s));
  CHECK(s.files == 1);
  CHECK_FAILS(vg_tar_each("tests/parity/io/gnu.tar.gz", stop, NULL), VG_EINTR, "stopped at short");
  CHECK_FAILS(vg_tar_each("no-such.tar.gz", note, &s), VG_EIO, "cannot open 'no-such.tar.gz'");
}

static char *unpacked(const char *path, size_t *n) {
  gzFile f = gzopen(path, "rb");
  char *data = malloc(1 << 20);
  int got = gzread(f, data, 1 << 20);
  gzclose(f);
  *n = (size_t)got;
  return data;
}

typedef struct memory {
  const char *data;
  size_t left;
} memory;

static int64_t give(void *arg, void *buf, size_t n) {
  memory *m = arg;
  if (n > m->left) n = m->left;
  memcpy(buf, m->data, n);
  m->data += n;
  m->left -= n;
  return (int64_t)n;
}

/* A plain tar, cut at every 64th byte, must be found short unless only its zero tail is cut. */
static void cuts(void) {
  size_t n, tail;
  char *data = unpacked("tests/parity/io/gnu.tar.gz", &n);
  const char *path = in_scratch("cut.tar");
  seen s = {0};
  for (tail = n; tail > 0 && !data[tail - 1];) tail--;
  tail = (tail + 511) / 512 * 512;
  write_file(path, data, n);
  CHECK_OK(vg_tar_each(path, note, &s));
  for (size_t k = 0; k < tail; k += 64) {
    write_file(path, data, k);
    CHECK_FAILS(vg_tar_each(path, note, &s), VG_EDATA, k >= 512 ? "download cut off?" : "tar");
  }
  for (size_t k = 0; k < tail; k += 3) { /* any answer will do, but it must come */
    memory m = {.data = data, .left = n};
    vg_tar_source src = {.read = give, .arg = &m, .name = "memory"};
    data[k] = (char)~data[k];
    (void)!vg_tar_each_source(&src, NULL, note, &s);
    data[k] = (char)~data[k];
  }
  free(data);
}

static void gz_damage(void) {
  size_t n;
  char *data = read_file("tests/parity/io/pax.tar.gz", &n);
  const char *path = in_scratch("cut.tar.gz");
  seen s = {0};
  for (size_t k = 1; k < n; k++) {
    write_file(path, data, k);
    CHECK_FAILS(vg_tar_each(path, note, &s), VG_EDATA, "download");
  }
  data[n - 6] = (char)~data[n - 6]; /* the gzip checksum itself */
  write_file(path, data, n);
  CHECK_FAILS(vg_tar_each(path, note, &s), VG_EDATA, "incorrect data check");
  write_file(path, "<html>404</html>", 16);
  CHECK_FAILS(vg_tar_each(path, note, &s), VG_EDATA, "not a tar archive");
  free(data);
}

/* A header that claims more than the limit, and one that claims much and brings nothing. */
static void lies(void) {
  char h[1024] = "big.bin";
  const char *path = in_scratch("lie.tar");
  seen s = {0};
  for (int pass = 0; pass < 2; pass++) {
    unsigned sum = 0;
    memcpy(h + 124, pass ? "07777777777" : "77777777777", 12);
    h[156] = '0';
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    write_file(path, h, sizeof h);
    CHECK_FAILS(vg_tar_each(path, note, &s), VG_EDATA, pass ? "cut off" : "the limit is");
  }
}

static void no_memory(void) {
  vg_status st = VG_ENOMEM;
  seen s = {0};
  int rounds = 0;
  while (st == VG_ENOMEM && rounds < 50) {
    vg_alloc_fail_after(++rounds);
    st = vg_tar_each("tests/parity/io/pax.tar.gz", note, &s);
    vg_alloc_fail_after(0);
  }
  CHECK_OK(st);
  CHECK(rounds > 2);
}

int main(void) {
  formats();
  choice();
  cuts();
  gz_damage();
  lies();
  no_memory();
  return finish();
}
