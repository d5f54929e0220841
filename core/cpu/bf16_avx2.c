#define BF16_TABLE vg_bf16_avx2
#define BF16_NAME "emulated, avx2"
#include "cpu/bf16_impl.h"
