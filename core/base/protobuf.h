/* Protocol buffers, written: each call appends one field to a growing string. Nothing is left out
   because it holds its default; callers skip what they do not want on the wire. A failed allocation
   sticks to the text (`failed`), as everywhere with vg_text. */
#ifndef VG_BASE_PROTOBUF_H
#define VG_BASE_PROTOBUF_H

#include "base/text.h"

/* A number without tag and wire type; seven bits a byte, the low ones first. */
VG_API void vg_pb_raw_varint(vg_text *t, uint64_t v);

VG_API void vg_pb_uint(vg_text *t, uint32_t field, uint64_t v); /* uint32, uint64, bool, enum */
VG_API void vg_pb_int(vg_text *t, uint32_t field, int64_t v);   /* int32, int64 */
VG_API void vg_pb_sint(vg_text *t, uint32_t field, int64_t v);  /* sint32, sint64: zigzag */
VG_API void vg_pb_fixed32(vg_text *t, uint32_t field, uint32_t v);
VG_API void vg_pb_fixed64(vg_text *t, uint32_t field, uint64_t v);
VG_API void vg_pb_float(vg_text *t, uint32_t field, float v);
VG_API void vg_pb_double(vg_text *t, uint32_t field, double v);
VG_API void vg_pb_bytes(vg_text *t, uint32_t field, const void *data, size_t n);
VG_API void vg_pb_string(vg_text *t, uint32_t field, const char *s); /* up to its NUL */
VG_API void vg_pb_doubles(vg_text *t, uint32_t field, const double *v, size_t n); /* packed */

/* A message inside a message: begin, fields of any depth, end with what begin returned.
     size_t m = vg_pb_begin(t, 5);
     vg_pb_string(t, 1, "tag");
     vg_pb_end(t, m); */
VG_API size_t vg_pb_begin(vg_text *t, uint32_t field);
VG_API void vg_pb_end(vg_text *t, size_t mark);

#endif
