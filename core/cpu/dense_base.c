#define DENSE_TABLE vg_cpu_dense_base
#define LANES 8
#include "cpu/dense_impl.h"
