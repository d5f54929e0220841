/* Fuzz target: the legacy form of torch.save. */
#include "fuzz_torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_weights(data, size);
  return 0;
}
