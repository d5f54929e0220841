#define DENSE_TABLE vg_cpu_dense_avx2
#define LANES 8
#include "cpu/dense_impl.h"
