/* What the C tests of tensors and tape share. */
#ifndef TEST_CORE_H
#define TEST_CORE_H

#include "autograd/tape.h"
#include "base/alloc.h"
#include "checks.h"
#include "ops/ops.h"

#endif
