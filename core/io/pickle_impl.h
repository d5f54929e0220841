/* What pickle.c (the stack machine), pickle_value.c (tree and memory) and pickle_call.c (globals
   that are understood) share. */
#ifndef VG_IO_PICKLE_IMPL_H
#define VG_IO_PICKLE_IMPL_H

#include "io/pickle.h"

typedef struct vg_pk_chunk vg_pk_chunk;

struct vg_pickle {
  vg_pk_chunk *chunks;
  size_t memory, limit;
  vg_pk *root;
  size_t used;
  /* While reading. */
  const char *what;
  const unsigned char *data;
  size_t size, at, op_at; /* next byte; start of the current opcode */
  vg_pickle_options opt;
  vg_pk_seq stack, memo;
  size_t *marks, n_marks, cap_marks;
};

/* Fails with VG_EDATA at the current opcode; a macro so that compilers see the constant. */
#define vg_pk_bad(p, ...) (vg_pk_complain(p, __VA_ARGS__), VG_EDATA)
void vg_pk_complain(const vg_pickle *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Zeroed memory that lives as long as the tree. */
vg_status vg_pk_memory(vg_pickle *p, void **out, size_t bytes);
vg_status vg_pk_new(vg_pickle *p, vg_pk **out, vg_pk_kind kind);
vg_status vg_pk_new_text(vg_pickle *p, vg_pk **out, vg_pk_kind kind, const void *bytes, size_t n);

/* Appends to a container, which must not be inside another value yet; `v` is sealed. */
vg_status vg_pk_append(vg_pickle *p, vg_pk *container, vg_pk *v);

/* REDUCE and NEWOBJ: `fn` applied to the tuple `args`; BUILD: `obj` given its state. */
vg_status vg_pk_reduce(vg_pickle *p, vg_pk **out, vg_pk *fn, vg_pk *args);
vg_status vg_pk_build(vg_pickle *p, vg_pk *obj, vg_pk *state);
/* GLOBAL: a known or allowed name, else refused. */
vg_status vg_pk_global(vg_pickle *p, vg_pk **out, vg_pk_bytes module, vg_pk_bytes name);

#endif
