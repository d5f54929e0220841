/* What a reader of weights that accepts a file must be able to do with it. */
#ifndef FUZZ_TORCH_H
#define FUZZ_TORCH_H

#include <string.h>

#include "fuzz.h"
#include "io/weights.h"

static void fuzz_use(const vg_weights *w) {
  size_t total = 0;
  for (size_t i = 0; i < vg_weights_count(w); i++) {
    const vg_st_tensor *t = vg_weights_at(w, i);
    char *to;
    total += t->bytes;
    if (total > 8 * vg_weights_size(w) + (2u << 20)) abort();
    if (vg_weights_find(w, t->name) != t) abort();
    fuzz_sink += vg_weights_verify(w, t) == VG_OK;
    if (vg_st_loaded_as(t->dtype) == VG_ST_DTYPES) continue;
    to = malloc(8 * t->bytes + 1); /* a byte may become an int64 */
    if (!to) abort();
    if (vg_weights_read(w, t, to) != VG_OK) abort();
    for (size_t k = 0; k < t->bytes; k += 64) fuzz_sink += (unsigned char)to[k];
    free(to);
  }
  for (size_t i = 0; i < vg_weights_meta_count(w); i++)
    fuzz_sink += (unsigned)strlen(vg_weights_meta_at(w, i).value);
}

static void fuzz_weights(const uint8_t *data, size_t size) {
  vg_weights *w = NULL;
  if (vg_weights_parse(&w, data, size, "fuzz", "checkpoint") == VG_OK) {
    fuzz_use(w);
  } else if (!vg_error()[0]) {
    abort(); /* a failure must say something */
  }
  vg_weights_close(w);
}

#endif
