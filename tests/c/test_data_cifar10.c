/* CIFAR-10 in its four forms, the split and order permutations, and files that are not as they
 * should be. */
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "checks.h"
#include "data/cifar10.h"
#include "data/synthetic.h"

#define SIZE VG_CIFAR_RECORD

static char root[64] = "/tmp/vgg-data-XXXXXX";

static const char *at(const char *name) {
  static char ring[4][256];
  static int next;
  char *path = ring[next++ & 3];
  snprintf(path, sizeof ring[0], "%s/%s", root, name);
  return path;
}

static void put(const char *name, const void *data, size_t n) {
  FILE *f = fopen(at(name), "wb");
  CHECK(f && fwrite(data, 1, n, f) == n);
  if (f) fclose(f);
}

static void make_dir(const char *name) { CHECK(mkdir(at(name), 0777) == 0); }

/* Records whose every byte follows from file and place. */
static uint8_t *records(int file, int n) {
  uint8_t *d = vg_alloc((size_t)n * SIZE);
  for (int i = 0; i < n; i++) {
    for (int j = 1; j < SIZE; j++) d[i * SIZE + j] = (uint8_t)(file * 31 + i * 7 + j);
    d[i * SIZE] = (uint8_t)((i + file) % 10);
  }
  return d;
}

static void put_batches(const char *dir, const int counts[6]) {
  char name[128];
  for (int f = 0; f < 6; f++) {
    uint8_t *d = records(f, counts[f]);
    snprintf(name, sizeof name, f ? "%s/data_batch_%d.bin" : "%s/test_batch.bin", dir, f);
    put(name, d, (size_t)counts[f] * SIZE);
    vg_free(d);
  }
}

static bool is_records(const vg_records *r, int64_t first, int file, int n) {
  uint8_t *want = records(file, n);
  bool same = first + n <= r->n && memcmp(vg_record_at(r, first), want, (size_t)n * SIZE) == 0;
  vg_free(want);
  return same;
}

static vg_status load(vg_records **out, const char *where, bool train, bool partial) {
  vg_cifar_place place;
  vg_status st = vg_cifar10_find(&place, where);
  return st == VG_OK ? vg_cifar10_read(out, &place, train, partial) : st;
}

static void official_size(void) {
  static const int counts[6] = {10000, 10000, 10000, 10000, 10000, 10000};
  vg_records *r = NULL;
  make_dir("full");
  make_dir("full/cifar-10-batches-bin");
  put_batches("full/cifar-10-batches-bin", counts);
  CHECK_OK(load(&r, at("full"), true, false));
  CHECK(r && r->n == 50000 && is_records(r, 0, 1, 10000) && is_records(r, 40000, 5, 10000));
  vg_records_release(r);
  put("full/cifar-10-batches-bin/batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\n",
      38);
  CHECK_FAILS(load(&r, at("full"), false, false), VG_EDATA, "class 6 is called ''");
  put("full/cifar-10-batches-bin/batches.meta.txt", "airplane\nbus\n", 13);
  CHECK_FAILS(load(&r, at("full"), false, false), VG_EDATA,
              "class 1 is called 'bus', expected 'automobile'");
  remove(at("full/cifar-10-batches-bin/batches.meta.txt"));
  truncate(at("full/cifar-10-batches-bin/data_batch_3.bin"), 12288000);
  CHECK_FAILS(
      load(&r, at("full"), true, false), VG_EDATA,
      "data: data_batch_3.bin is 12,288,000 bytes, expected 30,730,000 (download cut off?). "
      "Delete it, or: vgglua fetch cifar10 --repair");
  CHECK_FAILS(load(&r, at("full"), true, true), VG_EDATA, "want whole records of 3,073 bytes");
  truncate(at("full/cifar-10-batches-bin/data_batch_3.bin"), 30730001);
  CHECK_FAILS(load(&r, at("full"), true, false), VG_EDATA, "30,730,001 bytes, expected 30,730,000");
  CHECK_FAILS(load(&r, at("full"), true, true), VG_EDATA, "at most 10,000 of them");
  remove(at("full/cifar-10-batches-bin/data_batch_3.bin"));
  CHECK_FAILS(load(&r, at("full"), true, false), VG_EDATA, "data_batch_3.bin is missing");
  CHECK_OK(load(&r, at("full"), false, false)); /* the test stage does not look at training files */
  CHECK(r->n == 10000 && is_records(r, 0, 0, 10000));
  vg_records_release(r);
}

static void partial(void) {
  static const int counts[6] = {12, 20, 3, 1, 7, 9};
  vg_records *r = NULL;
  make_dir("small");
  put_batches("small", counts); /* directly in the root */
  CHECK_FAILS(load(&r, at("small"), true, false), VG_EDATA,
              "It holds 20 whole records: --partial-data uses it as it is");
  CHECK_OK(load(&r, at("small"), true, true));
  CHECK(r && r->n == 40 && is_records(r, 0, 1, 20) && is_records(r, 20, 2, 3) &&
        is_records(r, 31, 5, 9));
  vg_records_release(r);
  uint8_t *d = records(0, 12);
  d[7 * SIZE] = 23;
  put("small/test_batch.bin", d, 12 * SIZE);
  CHECK_FAILS(
      load(&r, at("small"), false, true), VG_EDATA,
      "data: test_batch.bin record 8 has label 23; CIFAR-10 labels are 0..9. Is this CIFAR-100?");
  put("small/test_batch.bin", d, 0);
  CHECK_FAILS(load(&r, at("small"), false, true), VG_EDATA, "test_batch.bin is 0 bytes");
  vg_free(d);
}

static void nothing(void) {
  vg_records *r = NULL;
  char want[256];
  snprintf(want, sizeof want, "Did you mean '%s'? Or run: vgglua fetch cifar10 --data-root",
           at("small"));
  CHECK_FAILS(load(&r, at("smal"), true, true), VG_EDATA, want);
  CHECK_FAILS(load(&r, at("samll"), true, true), VG_EDATA, want);
  CHECK_FAILS(load(&r, "/nonexistent/xyzzy", true, true), VG_EDATA,
              "data: no CIFAR-10 in '/nonexistent/xyzzy' (looked for cifar-10-batches-bin/ and "
              "cifar-10-batches-py/). Or run:");
  snprintf(want, sizeof want, "data: no CIFAR-10 in '%s'", root);
  CHECK_FAILS(load(&r, root, true, true), VG_EDATA, want);
  CHECK(strstr(vg_error(), "Did you mean") != NULL); /* the directory above the data */
}

/* A tar header of the old kind: enough for any reader. */
static void tar_header(uint8_t h[512], const char *name, size_t size) {
  unsigned sum = 0;
  memset(h, 0, 512);
  snprintf((char *)h, 100, "%s", name);
  memcpy(h + 100, "0000644\0000000000\0000000000\0", 24);
  snprintf((char *)h + 124, 12, "%011zo", size);
  memcpy(h + 136, "00000000000", 12);
  memset(h + 148, ' ', 8);
  h[156] = '0';
  memcpy(h + 257, "ustar\00000", 8);
  for (int i = 0; i < 512; i++) sum += h[i];
  snprintf((char *)h + 148, 8, "%06o", sum);
}

static void put_tar(gzFile z, const char *name, const void *data, size_t n) {
  uint8_t h[512];
  static const uint8_t zero[512];
  tar_header(h, name, n);
  gzwrite(z, h, 512);
  gzwrite(z, data, (unsigned)n);
  if (n % 512) gzwrite(z, zero, (unsigned)(512 - n % 512));
}

static void archives(void) {
  static const uint8_t end[1024];
  char name[128];
  vg_records *r = NULL;
  struct stat s;
  make_dir("tar");
  gzFile z = gzopen(at("tar/cifar-10-binary.tar.gz"), "wb1");
  for (int f = 5; f >= 0; f--) { /* not in order */
    uint8_t *d = records(f, 30 + f);
    snprintf(name, sizeof name,
             f ? "cifar-10-batches-bin/data_batch_%d.bin" : "cifar-10-batches-bin/test_batch.bin",
             f);
    put_tar(z, name, d, (size_t)(30 + f) * SIZE);
    vg_free(d);
  }
  put_tar(z, "cifar-10-batches-bin/readme.html", "x", 1);
  gzwrite(z, end, sizeof end);
  gzclose(z);
  CHECK_OK(load(&r, at("tar"), true, true));
  CHECK(r && r->n == 165 && is_records(r, 0, 1, 31) && is_records(r, 130, 5, 35));
  vg_records_release(r);
  CHECK_OK(load(&r, at("tar/cifar-10-binary.tar.gz"), false, true));
  CHECK(r && r->n == 30 && is_records(r, 0, 0, 30));
  vg_records_release(r);
  CHECK_FAILS(load(&r, at("tar"), false, false), VG_EDATA, "test_batch.bin is 92,190 bytes");
  vg_cifar_place place;
  CHECK_OK(vg_cifar10_find(&place, at("tar")));
  make_dir("unpacked");
  CHECK_OK(vg_cifar10_unpack(&place, at("unpacked")));
  CHECK_OK(load(&r, at("unpacked"), true, true));
  CHECK(r && r->n == 165 && is_records(r, 130, 5, 35));
  vg_records_release(r);
  CHECK(stat(at("unpacked/cifar-10-batches-bin/readme.html"), &s) != 0);
  CHECK(stat(at("tar/cifar-10-binary.tar.gz"), &s) == 0);
  CHECK(truncate(at("tar/cifar-10-binary.tar.gz"), s.st_size / 2) == 0);
  CHECK_FAILS(load(&r, at("tar"), true, true), VG_EDATA, "data: ");
}

static void pickles(void) {
  vg_records *r = NULL;
  CHECK_OK(load(&r, "tests/parity/cifar-py", true, true));
  CHECK(r && r->n == 10 && is_records(r, 0, 1, 2) && is_records(r, 8, 5, 2));
  vg_records_release(r);
  CHECK_OK(load(&r, "tests/parity/cifar-py", false, true));
  CHECK(r && r->n == 3 && is_records(r, 0, 0, 3));
  vg_records_release(r);
  CHECK_FAILS(load(&r, "tests/parity/cifar-py", false, false), VG_EDATA,
              "test_batch has 3 images, expected 10,000");
  CHECK_OK(load(&r, "tests/parity/cifar-py/cifar-10-python.tar.gz", true, true));
  CHECK(r && r->n == 10 && is_records(r, 8, 5, 2));
  vg_records_release(r);
  make_dir("py");
  put("py/test_batch", "\x80\x04}.", 4);
  CHECK_FAILS(load(&r, at("py"), false, true), VG_EDATA, "has no 'data' and 'labels'");
  put("py/test_batch", "cos\nsystem\n(S'true'\ntR.", 23);
  CHECK_FAILS(load(&r, at("py"), false, true), VG_EDATA, "data: ");
}

/* Every allocation may fail: an error each time, nothing lost, and success in the end. */
static void no_memory(void) {
  static const char *const places[] = {"tests/parity/cifar-py",
                                       "tests/parity/cifar-py/cifar-10-python.tar.gz", "small"};
  for (int p = 0; p < 3; p++) {
    int64_t blocks = vg_alloc_statistics().live_blocks;
    vg_status st = VG_ENOMEM;
    int n = 0;
    while (st != VG_OK && n < 400) {
      vg_records *r = NULL;
      vg_alloc_fail_after(++n);
      st = load(&r, p == 2 ? at(places[p]) : places[p], true, true);
      vg_alloc_fail_after(0);
      CHECK(st == VG_OK || (st == VG_ENOMEM && !r));
      vg_records_release(r);
      CHECK(vg_alloc_statistics().live_blocks == blocks);
    }
    CHECK(st == VG_OK && n > 2);
  }
}

/* Golden numbers of torch.utils.data.random_split (mission row DM5). */
static void splits(void) {
  static const struct {
    uint64_t seed;
    int n_val, first[3];
  } golden[] = {{42, 5000, {17408, 40845, 3378}},
                {42, 10000, {4938, 8171, 41491}},
                {0xDEADBEEF, 10000, {21560, 12222, 26990}}};
  int32_t *train = vg_alloc(50000 * 4), *val = vg_alloc(50000 * 4), *order = vg_alloc(50000 * 4);
  uint8_t *seen = vg_calloc(1, 50000);
  for (int g = 0; g < 3; g++) {
    CHECK_OK(vg_data_split(train, val, 50000, golden[g].n_val, golden[g].seed));
    for (int i = 0; i < 3; i++) CHECK(val[i] == golden[g].first[i]);
  }
  for (int i = 0; i < 40000; i++) seen[train[i]]++;
  for (int i = 0; i < 10000; i++) seen[val[i]]++;
  for (int i = 0; i < 50000; i++) CHECK(seen[i] == 1);
  vg_data_order(order, 50000, 42, 0);
  vg_data_order(train, 50000, 42, 1);
  vg_data_order(val, 50000, 42, 0);
  int64_t fixed = 0, kept = 0;
  for (int i = 0; i < 50000; i++) {
    seen[order[i]]++;
    fixed += order[i] == i;
    kept += order[i] == train[i];
  }
  for (int i = 0; i < 50000; i++) CHECK(seen[i] == 2);
  CHECK(memcmp(order, val, 50000 * 4) == 0 && fixed < 10 && kept < 10);
  vg_free(train);
  vg_free(val);
  vg_free(order);
  vg_free(seen);
}

static void synthetic(void) {
  vg_records *a = NULL, *b = NULL, *t = NULL;
  int counts[10] = {0};
  CHECK_OK(vg_synthetic_new(&a, 300, 5, 0));
  CHECK_OK(vg_synthetic_new(&b, 200, 5, 0));
  CHECK_OK(vg_synthetic_new(&t, 200, 5, 1));
  CHECK(memcmp(a->data, b->data, 200 * SIZE) == 0); /* the size of the set changes no image */
  int same = 0;
  for (int i = 0; i < 200; i++) {
    counts[*vg_record_at(b, i)]++;
    same += memcmp(vg_record_at(b, i) + 1, vg_record_at(t, i) + 1, SIZE - 1) == 0;
  }
  CHECK(same == 0);
  for (int c = 0; c < 10; c++) CHECK(counts[c] == 20);
  vg_records_release(a);
  vg_records_release(b);
  vg_records_release(t);
}

int main(void) {
  char command[128];
  int64_t blocks = vg_alloc_statistics().live_blocks;
  CHECK(mkdtemp(root) != NULL);
  official_size();
  partial();
  nothing();
  archives();
  pickles();
  no_memory();
  splits();
  synthetic();
  CHECK(vg_alloc_statistics().live_blocks == blocks);
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  CHECK(system(command) == 0);
  return tally("CIFAR-10 reader");
}
