/* Fuzz target: the zip form of torch.save, the bytes as they come: the archive's own structure. */
#include "fuzz_torch.h"
#include "io/zip.h"

static void archive(const uint8_t *data, size_t size) {
  vg_zip *z = NULL;
  if (vg_zip_open(&z, data, size, "fuzz", "checkpoint") != VG_OK) return;
  for (size_t i = 0; i < vg_zip_count(z); i++) {
    vg_zip_entry *e = vg_zip_at(z, i);
    const void *bytes;
    if (vg_zip_find(z, e->name) != e) abort();
    fuzz_sink += vg_zip_verify(z, e) == VG_OK;
    if (vg_zip_data(z, e, &bytes) != VG_OK) continue;
    for (size_t k = 0; k < e->size; k += 64) fuzz_sink += ((const uint8_t *)bytes)[k];
  }
  vg_zip_close(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  archive(data, size);
  fuzz_weights(data, size);
  return 0;
}
