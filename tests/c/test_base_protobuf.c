/* The protocol buffer writer against the examples of the format's documentation and against a plain
   nested encoding. */
#include "base/alloc.h"
#include "base/protobuf.h"
#include "checks.h"

static vg_text t;

static bool is(const char *bytes, size_t n) {
  bool same = !t.failed && t.len == n && !memcmp(t.data, bytes, n);
  vg_text_free(&t);
  return same;
}
#define IS(literal) is(literal, sizeof(literal) - 1)

static void test_numbers(void) {
  vg_pb_uint(&t, 1, 150);
  CHECK(IS("\x08\x96\x01"));
  vg_pb_uint(&t, 2, 0);
  CHECK(IS("\x10\x00"));
  vg_pb_uint(&t, 16, UINT64_MAX);
  CHECK(IS("\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  vg_pb_int(&t, 1, -2);
  CHECK(IS("\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  vg_pb_sint(&t, 1, -1);
  vg_pb_sint(&t, 1, 1);
  vg_pb_sint(&t, 1, -64);
  vg_pb_sint(&t, 1, 64);
  CHECK(IS("\x08\x01\x08\x02\x08\x7f\x08\x80\x01"));
  vg_pb_sint(&t, 1, INT64_MIN);
  CHECK(IS("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  vg_pb_fixed32(&t, 3, 0x01020304);
  vg_pb_fixed64(&t, 4, 0x0102030405060708);
  CHECK(IS("\x1d\x04\x03\x02\x01\x21\x08\x07\x06\x05\x04\x03\x02\x01"));
  vg_pb_float(&t, 2, 0.5f);
  vg_pb_double(&t, 1, -1.5);
  CHECK(IS("\x15\x00\x00\x00\x3f\x09\x00\x00\x00\x00\x00\x00\xf8\xbf"));
}

static void test_lengths(void) {
  const double v[2] = {1, 2};
  vg_pb_string(&t, 2, "testing");
  CHECK(IS("\x12\x07testing"));
  vg_pb_bytes(&t, 2, NULL, 0);
  CHECK(IS("\x12\x00"));
  vg_pb_bytes(&t, 1, "a\0b", 3);
  CHECK(
      IS("\x0a\x03"
         "a\0b"));
  vg_pb_doubles(&t, 6, v, 2);
  CHECK(IS("\x32\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40"));
}

static void test_nesting(void) {
  size_t outer = vg_pb_begin(&t, 3), inner;
  vg_pb_uint(&t, 1, 150);
  vg_pb_end(&t, outer);
  CHECK(IS("\x1a\x03\x08\x96\x01"));
  outer = vg_pb_begin(&t, 5);
  vg_pb_end(&t, vg_pb_begin(&t, 1));
  inner = vg_pb_begin(&t, 2);
  vg_pb_string(&t, 1, "x");
  vg_pb_end(&t, inner);
  vg_pb_end(&t, outer);
  CHECK(IS("\x2a\x07\x0a\x00\x12\x03\x0a\x01x"));
}

/* Lengths at which the length itself takes one more byte, nested, against a plain encoding. */
static void test_long_messages(void) {
  static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 128, 16379, 16380, 16384, 300000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    vg_text body = {0}, middle = {0}, want = {0};
    char *filler = vg_calloc(sizes[i] + 1, 1);
    size_t outer, inner;
    memset(filler, 'x', sizes[i]);
    vg_pb_bytes(&body, 1, filler, sizes[i]);
    vg_pb_bytes(&middle, 2, body.data, body.len);
    vg_pb_bytes(&want, 3, middle.data, middle.len);
    outer = vg_pb_begin(&t, 3);
    inner = vg_pb_begin(&t, 2);
    vg_pb_bytes(&t, 1, filler, sizes[i]);
    vg_pb_end(&t, inner);
    vg_pb_end(&t, outer);
    CHECK(is(want.data, want.len));
    vg_text_free(&body);
    vg_text_free(&middle);
    vg_text_free(&want);
    vg_free(filler);
  }
}

static void test_out_of_memory(void) {
  for (int n = 1; n < 4; n++) {
    vg_alloc_fail_after(n);
    size_t m = vg_pb_begin(&t, 1);
    for (int i = 0; i < 200; i++) vg_pb_string(&t, 1, "0123456789");
    vg_pb_end(&t, m);
    vg_alloc_fail_after(0);
    CHECK(t.failed);
    vg_text_free(&t);
  }
}

int main(void) {
  test_numbers();
  test_lengths();
  test_nesting();
  test_long_messages();
  test_out_of_memory();
  return tally("protobuf");
}
