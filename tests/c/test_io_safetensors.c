/* safetensors: round trip, files of Python's safetensors, and damage of every kind. */
#include "io/safetensors.h"

#include <math.h>

#include "test_io.h"

static const float weights[6] = {1, -2, 3.5f, 0, -0.0f, 1e30f};
static const int64_t steps[2] = {7, INT64_MIN};
static const uint8_t bytes[5] = {0, 1, 2, 254, 255};

static const vg_st_tensor three[] = {
    {.name = "b.bytes", .dtype = VG_ST_U8, .ndim = 1, .shape = {5}, .data = bytes},
    {.name = "features.0.weight", .dtype = VG_ST_F32, .ndim = 2, .shape = {2, 3}, .data = weights},
    {.name = "steps \"q\"\n\xc3\xa9", .dtype = VG_ST_I64, .ndim = 1, .shape = {2}, .data = steps},
    {.name = "empty", .dtype = VG_ST_F32, .ndim = 2, .shape = {0, 4}, .data = NULL},
    {.name = "scalar", .dtype = VG_ST_F32, .ndim = 0, .data = weights + 2},
};
static const vg_st_meta notes[] = {{"format", "pt"}, {"vgg.meta", "{\"epoch\":3,\"s\":\"\\\"\"}"}};

static const vg_st_contents good = {.tensors = three, .n_tensors = 5, .meta = notes, .n_meta = 2};

static vg_status verify_all(const vg_safetensors *f) {
  vg_status st = VG_OK;
  for (size_t i = 0; i < vg_safetensors_count(f) && st == VG_OK; i++)
    st = vg_safetensors_verify(f, vg_safetensors_at(f, i));
  return st;
}

/* Header and sums, all in one answer. */
static vg_status check(const void *data, size_t n) {
  vg_safetensors *f = NULL;
  vg_status st = vg_safetensors_parse(&f, data, n, "x", "checkpoint");
  if (st == VG_OK) st = verify_all(f);
  vg_safetensors_close(f);
  return st;
}

static void round_trip(void) {
  const char *path = in_scratch("a.safetensors");
  vg_safetensors *f = NULL;
  const vg_st_tensor *t;
  CHECK_OK(vg_safetensors_write(path, &good, "checkpoint"));
  CHECK_OK(vg_safetensors_open(&f, path, "checkpoint"));
  if (!f) return;
  CHECK(vg_safetensors_count(f) == 5);
  for (size_t i = 0; i < 5; i++) {
    t = vg_safetensors_find(f, three[i].name);
    CHECK(t && t->dtype == three[i].dtype && t->ndim == three[i].ndim);
    CHECK(t && memcmp(t->shape, three[i].shape, sizeof t->shape) == 0);
    CHECK(t && (t->bytes == 0 || memcmp(t->data, three[i].data, t->bytes) == 0));
    CHECK(t && (uintptr_t)t->data % vg_st_dtype_size(t->dtype) == 0);
  }
  CHECK(!vg_safetensors_find(f, "nothing"));
  CHECK(strcmp(vg_safetensors_meta(f, "format"), "pt") == 0);
  CHECK(strcmp(vg_safetensors_meta(f, "vgg.meta"), notes[1].value) == 0);
  CHECK(!vg_safetensors_meta(f, "nothing"));
  CHECK_OK(verify_all(f));
  vg_safetensors_close(f);
}

/* Other order in, same bytes out. */
static void same_bytes(void) {
  vg_st_tensor turned[5];
  vg_st_meta turned_notes[2] = {notes[1], notes[0]};
  vg_st_contents c = {.tensors = turned, .n_tensors = 5, .meta = turned_notes, .n_meta = 2};
  size_t n, m;
  char *a, *b;
  for (int i = 0; i < 5; i++) turned[i] = three[4 - i];
  CHECK_OK(vg_safetensors_write(in_scratch("b.safetensors"), &c, "checkpoint"));
  a = read_file(in_scratch("a.safetensors"), &n);
  b = read_file(in_scratch("b.safetensors"), &m);
  CHECK(n == m && memcmp(a, b, n) == 0);
  free(a);
  free(b);
}

static void misuse(void) {
  const char *path = in_scratch("m.safetensors");
  vg_st_tensor twice[2] = {three[0], three[0]};
  vg_st_tensor odd = {.name = "__metadata__", .dtype = VG_ST_U8, .ndim = 1, .shape = {0}};
  vg_st_contents c = {.tensors = twice, .n_tensors = 2};
  CHECK_FAILS(vg_safetensors_write(path, &c, "x"), VG_EINVAL, "'b.bytes' is there twice");
  c = (vg_st_contents){.tensors = &odd, .n_tensors = 1};
  CHECK_FAILS(vg_safetensors_write(path, &c, "x"), VG_EINVAL, "no name for a tensor");
  odd = (vg_st_tensor){.name = "x", .dtype = VG_ST_F32, .ndim = 2, .shape = {-1, 2}};
  CHECK_FAILS(vg_safetensors_write(path, &c, "x"), VG_EINVAL, "impossible shape");
  odd = (vg_st_tensor){.name = "\xff", .dtype = VG_ST_F32, .ndim = 1, .shape = {0}};
  CHECK_FAILS(vg_safetensors_write(path, &c, "x"), VG_EINVAL, "decode byte 0xff");
  CHECK(access(path, F_OK) != 0);
  c = (vg_st_contents){.tensors = NULL};
  CHECK_OK(vg_safetensors_write(path, &c, "x"));
  CHECK_FAILS(vg_safetensors_write(in_scratch("no/x"), &good, "checkpoint"), VG_EIO,
              "checkpoint: No such file or directory while saving");
}

/* Cut at every length, and every single bit turned: all of it must be found. */
static void damage(void) {
  size_t n;
  char *data = read_file(in_scratch("a.safetensors"), &n);
  int missed = 0;
  CHECK_OK(check(data, n));
  for (size_t k = 0; k < n; k++) {
    char *cut = malloc(k + 1);
    memcpy(cut, data, k);
    missed += check(cut, k) != VG_EDATA;
    free(cut);
  }
  CHECK(missed == 0);
  for (size_t k = 0; k < n; k++) {
    for (int bit = 0; bit < 8; bit++) {
      data[k] = (char)(data[k] ^ 1 << bit);
      if (check(data, n) != VG_EDATA) printf("byte %zu bit %d missed\n", k, bit), missed++;
      data[k] = (char)(data[k] ^ 1 << bit);
    }
  }
  CHECK(missed == 0);
  data[n - 1] = 7;
  CHECK_FAILS(check(data, n), VG_EDATA, "checkpoint: 'x' is damaged: tensor b.bytes fails its CRC");
  free(data);
}

/* A file from a header text and so many zero bytes of data. */
static vg_status header(const char *text, size_t data_bytes) {
  size_t n = strlen(text), size = 8 + n + data_bytes;
  unsigned char *file = calloc(1, size);
  vg_status st;
  for (int i = 0; i < 8; i++) file[i] = (unsigned char)((uint64_t)n >> 8 * i);
  memcpy(file + 8, text, n);
  st = check(file, size);
  free(file);
  return st;
}

static void hostile(void) {
#define T(name, rest) "\"" name "\":{\"dtype\":\"F32\"," rest "}"
  static const struct {
    const char *text;
    size_t bytes;
    const char *says;
  } bad[] = {
      {"{", 0, "not JSON"},
      {"[]", 0, "not JSON"},
      {"{}x", 0, "not JSON"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[0,4]") "," T(
           "a", "\"shape\":[1],\"data_offsets\":[0,4]") "}",
       4, "duplicate"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[0,8]") "}", 8, "does not fit its shape"},
      {"{" T("a", "\"shape\":[2],\"data_offsets\":[0,8]") "}", 4, "cut off"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[0,4]") "}", 8, "belong to no tensor"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[4,8]") "}", 8, "leaves a hole"},
      {"{" T("a", "\"shape\":[2],\"data_offsets\":[0,8]") "," T(
           "b", "\"shape\":[1],\"data_offsets\":[4,8]") "}",
       8, "overlaps"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[4,0]") "}", 4, "impossible offsets"},
      {"{" T("a", "\"shape\":[-1],\"data_offsets\":[0,4]") "}", 4, "impossible shape"},
      {"{" T("a", "\"shape\":[1.5],\"data_offsets\":[0,4]") "}", 4, "impossible shape"},
      {"{" T("a", "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]") "}", 0, "fit its"},
      {"{" T("a", "\"shape\":[99999999999999999999],\"data_offsets\":[0,0]") "}", 0, "not JSON"},
      {"{" T("a", "\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]") "}", 4, "more than 8"},
      {"{" T("a", "\"shape\":[1]") "}", 4, "not described"},
      {"{" T("a", "\"shape\":[1],\"data_offsets\":[0,4],\"more\":1") "}", 4, "not described"},
      {"{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown type 'F4'"},
      {"{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown type ''"},
      {"{\"a\":7}", 0, "not described"},
      {"{\"__metadata__\":7}", 0, "metadata is not an object"},
      {"{\"__metadata__\":{\"a\":7}}", 0, "is not a string"},
      {"{\"__metadata__\":{\"vgg.crc32\":\"{}\"}}", 0, "check sums"},
      {"{\"__metadata__\":{\"vgg.crc32\":\"[\",\"vgg.crc32.header\":\"00000000\"}}", 0,
       "check sum"},
  };
#undef T
  static const unsigned char huge[16] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_FAILS(header(bad[i].text, bad[i].bytes), VG_EDATA, bad[i].says);
  CHECK_OK(header("{}", 0));
  CHECK_FAILS(check(huge, sizeof huge), VG_EDATA, "claims 18446744073709551615 bytes");
  CHECK_FAILS(check(huge, 5), VG_EDATA, "too few for a header");
}

static double number(const vg_safetensors *f, const char *name, int i) {
  const vg_st_tensor *t = vg_safetensors_find(f, name);
  union {
    float f[8];
    uint16_t h[8];
    int64_t i[8];
    uint8_t u[8];
    char raw[64];
  } v;
  if (!t || t->bytes / vg_st_dtype_size(t->dtype) > 8) return NAN;
  vg_st_load(v.raw, t);
  switch (vg_st_loaded_as(t->dtype)) {
    case VG_ST_F32: return (double)v.f[i];
    case VG_ST_I64: return (double)v.i[i];
    case VG_ST_U8: return (double)v.u[i];
    default: return (double)v.h[i];
  }
}

/* All types as Python's safetensors writes them; each holds the same numbers where it can. */
static void python(void) {
  static const char *const whole[] = {"F64", "F32", "F16", "I64", "I32", "I16", "I8"};
  static const char *const natural[] = {"U8", "U16", "U32"};
  vg_safetensors *f = NULL;
  CHECK_OK(vg_safetensors_open(&f, "tests/parity/io/types.safetensors", "checkpoint"));
  if (!f) return;
  for (int i = 0; i < 7; i++) {
    CHECK(number(f, whole[i], 0) == -3 && number(f, whole[i], 1) == 0);
    CHECK(number(f, whole[i], 2) == 100);
  }
  for (int i = 0; i < 3; i++)
    CHECK(number(f, natural[i], 0) == 3 && number(f, natural[i], 2) == 200);
  CHECK(number(f, "BOOL", 0) == 1 && number(f, "BOOL", 1) == 0);
  CHECK(number(f, "BF16", 0) == 0xc040 && number(f, "BF16", 2) == 0x42c8);
  CHECK(number(f, "halves", 0) == 5.9604644775390625e-08 && number(f, "halves", 1) == 65504);
  CHECK(number(f, "halves", 2) == -INFINITY && isnan(number(f, "halves", 3)));
  CHECK(number(f, "halves", 4) == 0 && signbit(number(f, "halves", 4)));
  CHECK(strcmp(vg_safetensors_meta(f, "made"), "by safetensors") == 0);
  CHECK_OK(verify_all(f)); /* without sums there is nothing to fail */
  vg_safetensors_close(f);
}

/* Memory that runs out at any point leaves neither leaks nor half files. */
static void no_memory(void) {
  const char *path = in_scratch("n.safetensors");
  vg_status st = VG_ENOMEM;
  for (int n = 1; n < 500 && st == VG_ENOMEM; n++) {
    vg_safetensors *f = NULL;
    vg_alloc_fail_after(n);
    st = vg_safetensors_write(path, &good, "checkpoint");
    if (st == VG_OK) st = vg_safetensors_open(&f, path, "checkpoint");
    vg_alloc_fail_after(0);
    vg_safetensors_close(f);
  }
  CHECK_OK(st);
}

int main(void) {
  round_trip();
  same_bytes();
  misuse();
  damage();
  hostile();
  python();
  no_memory();
  return finish();
}
