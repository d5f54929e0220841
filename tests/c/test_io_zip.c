/* Archives against libzip: what we write it reads and finds consistent, what it writes we read. */
#include "io/zip.h"

#include <string.h>
#include <zip.h>

#include "test_io.h"

enum { LARGE = 300000 };

static unsigned char bytes[LARGE];

static const vg_zip_part parts[] = {
    {.name = "a/data.pkl", .size = 5, .data = "hello"},
    {.name = "a/data/0", .size = LARGE, .data = bytes},
    {.name = "a/empty", .size = 0, .data = ""},
    {.name = "a/\xc3\xa9", .size = 1, .data = "x"},
};
enum { PARTS = sizeof parts / sizeof *parts };

static void written_by_us(void) {
  const char *path = in_scratch("ours.zip");
  unsigned char *room = malloc(LARGE);
  int error = 0;
  zip_t *z;
  CHECK_OK(vg_zip_write(path, &(vg_zip_contents){.parts = parts, .n = PARTS}, "test"));
  z = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  CHECK(z && zip_get_num_entries(z, 0) == PARTS);
  for (int i = 0; z && i < PARTS; i++) {
    zip_stat_t s;
    zip_file_t *f = zip_fopen_index(z, (zip_uint64_t)i, 0);
    CHECK(zip_stat_index(z, (zip_uint64_t)i, 0, &s) == 0 && s.size == parts[i].size);
    CHECK(strcmp(s.name, parts[i].name) == 0 && s.comp_method == ZIP_CM_STORE);
    CHECK(f && zip_fread(f, room, LARGE) == (zip_int64_t)parts[i].size);
    CHECK(memcmp(room, parts[i].data, parts[i].size) == 0);
    CHECK(f && zip_fclose(f) == 0); /* fails when the CRC does not hold */
  }
  if (z) zip_discard(z);
  free(room);
}

static void write_theirs(const char *path, zip_int32_t method) {
  int error = 0;
  zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
  for (int i = 0; z && i < PARTS; i++) {
    zip_source_t *s = zip_source_buffer(z, parts[i].data, parts[i].size, 0);
    zip_int64_t at = zip_file_add(z, parts[i].name, s, ZIP_FL_ENC_UTF_8);
    CHECK(at >= 0 && zip_set_file_compression(z, (zip_uint64_t)at, method, 9) == 0);
  }
  CHECK(z && zip_close(z) == 0);
}

static void check_theirs(const char *path) {
  size_t n;
  char *data = read_file(path, &n);
  vg_zip *z = NULL;
  CHECK_OK(vg_zip_open(&z, data, n, "x", "test"));
  CHECK(z && vg_zip_count(z) == PARTS);
  for (int i = 0; z && i < PARTS; i++) {
    vg_zip_entry *e = vg_zip_find(z, parts[i].name);
    const void *found = NULL;
    CHECK(e && e->size == parts[i].size);
    if (!e) continue;
    CHECK_OK(vg_zip_verify(z, e));
    CHECK_OK(vg_zip_data(z, e, &found));
    CHECK(found && memcmp(found, parts[i].data, e->size) == 0);
  }
  CHECK(z && !vg_zip_find(z, "a/nothing"));
  vg_zip_close(z);
  free(data);
}

static void misuse(void) {
  vg_zip_part twice[2] = {parts[0], parts[0]};
  const char *path = in_scratch("m.zip");
  CHECK_FAILS(vg_zip_write(path, &(vg_zip_contents){.parts = twice, .n = 2}, "test"), VG_EINVAL,
              "entry 'a/data.pkl' is there twice");
  twice[0].name = "";
  CHECK_FAILS(vg_zip_write(path, &(vg_zip_contents){.parts = twice, .n = 1}, "test"), VG_EINVAL,
              "is no name for an entry");
  CHECK(access(path, F_OK) != 0);
}

int main(void) {
  for (int i = 0; i < LARGE; i++) bytes[i] = (unsigned char)(i * 7 ^ i >> 9);
  written_by_us();
  write_theirs(in_scratch("stored.zip"), ZIP_CM_STORE);
  check_theirs(in_scratch("stored.zip"));
  write_theirs(in_scratch("deflated.zip"), ZIP_CM_DEFLATE);
  check_theirs(in_scratch("deflated.zip"));
  misuse();
  return finish();
}
