/* Wire format of protocol buffers: tag = field << 3 | type, then the value. */
#include "base/protobuf.h"

#include <string.h>

enum { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5, LONGEST = 10 };

static size_t varint(unsigned char out[LONGEST], uint64_t v) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7) out[n++] = (unsigned char)(v | 0x80);
  out[n++] = (unsigned char)v;
  return n;
}

void vg_pb_raw_varint(vg_text *t, uint64_t v) {
  unsigned char b[LONGEST];
  size_t n = varint(b, v);
  vg_text_add(t, (const char *)b, n);
}

static void tag(vg_text *t, uint32_t field, uint32_t type) {
  vg_pb_raw_varint(t, (uint64_t)field << 3 | type);
}

/* The n low bytes of v, the lowest first. */
static void little_endian(vg_text *t, uint64_t v, size_t n) {
  unsigned char b[8];
  for (size_t i = 0; i < n; i++) b[i] = (unsigned char)(v >> 8 * i);
  vg_text_add(t, (const char *)b, n);
}

static uint64_t bits_of(double v) {
  uint64_t u;
  memcpy(&u, &v, sizeof u);
  return u;
}

void vg_pb_uint(vg_text *t, uint32_t field, uint64_t v) {
  tag(t, field, VARINT);
  vg_pb_raw_varint(t, v);
}

/* A negative number takes ten bytes, also where the field is an int32. */
void vg_pb_int(vg_text *t, uint32_t field, int64_t v) { vg_pb_uint(t, field, (uint64_t)v); }

void vg_pb_sint(vg_text *t, uint32_t field, int64_t v) {
  vg_pb_uint(t, field, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void vg_pb_fixed32(vg_text *t, uint32_t field, uint32_t v) {
  tag(t, field, FOUR_BYTES);
  little_endian(t, v, 4);
}

void vg_pb_fixed64(vg_text *t, uint32_t field, uint64_t v) {
  tag(t, field, EIGHT_BYTES);
  little_endian(t, v, 8);
}

void vg_pb_float(vg_text *t, uint32_t field, float v) {
  uint32_t u;
  memcpy(&u, &v, sizeof u);
  vg_pb_fixed32(t, field, u);
}

void vg_pb_double(vg_text *t, uint32_t field, double v) { vg_pb_fixed64(t, field, bits_of(v)); }

void vg_pb_bytes(vg_text *t, uint32_t field, const void *data, size_t n) {
  tag(t, field, LENGTH);
  vg_pb_raw_varint(t, n);
  if (n) vg_text_add(t, data, n);
}

void vg_pb_string(vg_text *t, uint32_t field, const char *s) {
  vg_pb_bytes(t, field, s, strlen(s));
}

void vg_pb_doubles(vg_text *t, uint32_t field, const double *v, size_t n) {
  tag(t, field, LENGTH);
  vg_pb_raw_varint(t, n * sizeof *v);
  for (size_t i = 0; i < n; i++) little_endian(t, bits_of(v[i]), 8);
}

/* One byte is kept for the length; a longer one is made room for at the end. */
size_t vg_pb_begin(vg_text *t, uint32_t field) {
  tag(t, field, LENGTH);
  vg_text_add(t, "", 1);
  return t->len;
}

void vg_pb_end(vg_text *t, size_t mark) {
  static const char room[LONGEST];
  unsigned char b[LONGEST];
  size_t length = t->len - mark, n;
  if (t->failed) return;
  n = varint(b, length);
  if (n > 1) vg_text_add(t, room, n - 1);
  if (t->failed) return;
  memmove(t->data + mark - 1 + n, t->data + mark, length);
  memcpy(t->data + mark - 1, b, n);
}
