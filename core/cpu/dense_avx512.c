#define DENSE_TABLE vg_cpu_dense_avx512
#define LANES 16
#include "cpu/dense_impl.h"
