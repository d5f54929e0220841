#define BF16_TABLE vg_bf16_avx512
#define BF16_NAME "emulated, avx512"
#include "cpu/bf16_impl.h"
