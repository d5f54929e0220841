/* Text forms of protocol 0: numbers, quoted strings, unicode escapes. */
#ifndef VG_IO_PICKLE_TEXT_H
#define VG_IO_PICKLE_TEXT_H

#include "io/pickle.h"

/* Decimal, optional sign and trailing L; false if it is not one or does not fit. */
bool vg_pk_parse_int(vg_pk_bytes s, int64_t *out);
bool vg_pk_parse_float(vg_pk_bytes s, double *out);

/* A Python 2 repr, 'a\x00b', into `to` (at least s.n bytes). */
bool vg_pk_unquote(vg_pk_bytes s, char *to, size_t *n);

/* raw-unicode-escape into UTF-8; `to` has room for 2 * s.n bytes. */
bool vg_pk_unescape(vg_pk_bytes s, char *to, size_t *n);

/* UTF-8 of code points below 256 into bytes; `to` has room for s.n bytes. */
bool vg_pk_latin1(vg_pk_bytes s, char *to, size_t *n);

#endif
