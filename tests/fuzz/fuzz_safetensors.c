/* Fuzz target: the safetensors reader. A file that is accepted must be readable to the last byte
   and find its own names again. */
#include "fuzz.h"
#include "io/safetensors.h"

static void use(const vg_safetensors *f) {
  char room[4096];
  for (size_t i = 0; i < vg_safetensors_count(f); i++) {
    const vg_st_tensor *t = vg_safetensors_at(f, i);
    const unsigned char *p = t->data;
    size_t elements = t->bytes / vg_st_dtype_size(t->dtype);
    for (size_t k = 0; k < t->bytes; k++) fuzz_sink += p[k];
    fuzz_sink += vg_safetensors_verify(f, t) == VG_OK;
    if (vg_safetensors_find(f, t->name) != t) abort();
    if (elements <= sizeof room / 8 && vg_st_loaded_as(t->dtype) != VG_ST_DTYPES)
      vg_st_load(room, t);
  }
  for (size_t i = 0; i < vg_safetensors_meta_count(f); i++)
    if (!vg_safetensors_meta(f, vg_safetensors_meta_at(f, i).key)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vg_safetensors *f = NULL;
  if (vg_safetensors_parse(&f, data, size, "fuzz", "checkpoint") == VG_OK) {
    use(f);
  } else if (!vg_error()[0]) {
    abort();
  }
  vg_safetensors_close(f);
  return 0;
}
