/* Fuzz target: the pickle reader, with every global allowed so that all paths are open. Walks what
   comes out, which must be a finite tree of readable memory. */
#include "fuzz.h"
#include "io/pickle.h"

static vg_pk_leave allow(void *arg, const char *module, const char *name) {
  (void)arg;
  if (module[0] == 'd') return VG_PK_AS_DICT;
  return module[0] != 'n' || name[0] != 'x' ? VG_PK_ALLOW : VG_PK_REFUSE;
}

static unsigned touch(const char *p, size_t n) {
  unsigned sum = 0;
  for (size_t i = 0; i < n; i++) sum += (unsigned char)p[i];
  return sum;
}

/* Small pickles can share values so often that a whole walk never ends: hence the budget. */
static unsigned walk(const vg_pk *v, int *budget) {
  unsigned sum = v->kind;
  if (--*budget < 0) return sum;
  switch (v->kind) {
    case VG_PK_STR:
    case VG_PK_BYTES:
    case VG_PK_DTYPE: return sum + touch(v->text.p, v->text.n);
    case VG_PK_LIST:
    case VG_PK_TUPLE:
    case VG_PK_DICT:
    case VG_PK_PERSISTENT:
      for (size_t i = 0; i < v->seq.n; i++) sum += walk(v->seq.v[i], budget);
      return sum;
    case VG_PK_ARRAY:
      return sum + touch(v->array->data, (size_t)v->array->count * (size_t)v->array->item);
    case VG_PK_CALL:
      sum += walk(v->call.args, budget);
      if (v->call.state) sum += walk(v->call.state, budget);
      return sum + touch(v->call.name.p, v->call.name.n);
    default: return sum;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vg_pickle_options open_mind = {.allow = allow, .persistent_ids = true, .memory_limit = 16 << 20};
  const vg_pickle_options *options[] = {&open_mind, NULL};
  for (int i = 0; i < 2; i++) {
    vg_pickle *p = NULL;
    int budget = 100000;
    if (vg_pickle_load(&p, data, size, "fuzz", options[i]) == VG_OK) {
      fuzz_sink += walk(vg_pickle_root(p), &budget);
      fuzz_sink += vg_pk_get(vg_pickle_root(p), "data") != NULL;
    } else if (!vg_error()[0]) {
      abort(); /* a failure must say something */
    }
    vg_pickle_free(p);
  }
  return 0;
}
