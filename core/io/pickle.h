/* Restricted pickle reader, protocols 0 to 5. Nothing executes: known opcodes build a tree of plain
   values, a short list of globals is understood (numpy arrays, OrderedDict, bytes), anything else
   is refused by name. Depth, memory and lengths are bounded and the tree has no cycles.

   A caller who knows more globals (torch) allows them by name with a hook: calling one then only
   makes a VG_PK_CALL value which the caller interprets. Persistent ids likewise become
   VG_PK_PERSISTENT.

   A small pickle can refer to one value many times, so a consumer that walks the whole tree must
   bound its work; looking up known keys is always safe. */
#ifndef VG_IO_PICKLE_H
#define VG_IO_PICKLE_H

#include "base/status.h"

typedef enum vg_pk_kind {
  VG_PK_NONE,
  VG_PK_BOOL,
  VG_PK_INT,
  VG_PK_FLOAT,
  VG_PK_STR,   /* UTF-8, or the raw bytes of a Python 2 str */
  VG_PK_BYTES, /* bytes or bytearray */
  VG_PK_LIST,
  VG_PK_TUPLE,
  VG_PK_DICT,  /* items alternate key, value, in file order; also OrderedDict */
  VG_PK_ARRAY, /* numpy array of a plain little-endian type */
  VG_PK_DTYPE, /* numpy dtype: `text` is its code without byte order, "u1" */
  VG_PK_GLOBAL,
  VG_PK_CALL,      /* an allowed global applied to arguments */
  VG_PK_PERSISTENT /* items[0] is the id */
} vg_pk_kind;

enum { VG_PK_MAX_DIM = 8, VG_PK_MAX_DEPTH = 64 };

typedef struct vg_pk vg_pk;

typedef struct vg_pk_bytes {
  const char *p; /* inside the pickle's data or the tree's memory; not zero-terminated */
  size_t n;
} vg_pk_bytes;

typedef struct vg_pk_seq {
  vg_pk **v;
  size_t n, cap;
} vg_pk_seq;

typedef struct vg_pk_array {
  char code[8]; /* "u1", "i8", "f4", "b1" */
  int item;     /* bytes of one element */
  int ndim;
  int64_t shape[VG_PK_MAX_DIM];
  int64_t count;    /* elements */
  bool fortran;     /* column-major */
  const void *data; /* not aligned: copy before reading wider elements */
} vg_pk_array;

typedef struct vg_pk_call {
  vg_pk_bytes module, name;
  vg_pk *args;  /* tuple; NULL for VG_PK_GLOBAL */
  vg_pk *state; /* what BUILD was given, or NULL */
  bool dict;    /* VG_PK_AS_DICT */
} vg_pk_call;

struct vg_pk {
  uint8_t kind;  /* vg_pk_kind */
  uint8_t depth; /* containers below and including this one */
  bool sealed;   /* already inside another value */
  union {
    bool b;
    int64_t i;
    double f;
    vg_pk_bytes text; /* STR, BYTES, DTYPE */
    vg_pk_seq seq;    /* LIST, TUPLE, DICT, PERSISTENT */
    vg_pk_call call;  /* GLOBAL, CALL */
    vg_pk_array *array;
  };
};

typedef enum vg_pk_leave {
  VG_PK_REFUSE,
  VG_PK_ALLOW,  /* VG_PK_GLOBAL, and VG_PK_CALL when called */
  VG_PK_AS_DICT /* calling it makes a VG_PK_DICT, empty or from pairs */
} vg_pk_leave;

typedef struct vg_pickle_options {
  /* What to do with further globals; NULL refuses all. */
  vg_pk_leave (*allow)(void *arg, const char *module, const char *name);
  void *arg;
  bool persistent_ids;
  size_t memory_limit; /* bytes of tree; 0 = 256 MiB plus twice the pickle */
} vg_pickle_options;

typedef struct vg_pickle vg_pickle; /* owns a tree */

/* Reads the one pickle at the start of `data`, which must outlive the tree (long strings are not
   copied). `what` names the file in messages; `opt` may be NULL. VG_EDATA: damaged or refused,
   saying where and what. */
VG_API vg_status vg_pickle_load(vg_pickle **out, const void *data, size_t size, const char *what,
                                const vg_pickle_options *opt);
VG_API const vg_pk *vg_pickle_root(const vg_pickle *p);
VG_API size_t vg_pickle_used(const vg_pickle *p); /* bytes of the pickle itself, STOP included */
VG_API void vg_pickle_free(vg_pickle *p);

/* Value of a str or bytes key (Python 2 pickles hold either), or NULL; also NULL if not a dict. */
VG_API const vg_pk *vg_pk_get(const vg_pk *dict, const char *key);

/* Whether a str or bytes value equals `text`. */
VG_API bool vg_pk_is(const vg_pk *v, const char *text);

/* Whether a GLOBAL or CALL is of this name. */
VG_API bool vg_pk_calls(const vg_pk *v, const char *module, const char *name);

#endif
