/* How kernels walk strided tensors: several of one shape together, or the dimensions of one in
   groups. Dimensions that lie densely behind each other are merged, so that contiguous operands and
   operands in one backend layout become a single row. */
#ifndef VG_TENSOR_WALK_H
#define VG_TENSOR_WALK_H

#include "tensor/tensor.h"

enum { VG_WALK_OPS = 4 };

typedef struct vg_walk {
  int nops, ndim; /* ndim is at least 1 */
  int64_t n;
  int64_t shape[VG_MAX_DIMS];
  int64_t stride[VG_WALK_OPS][VG_MAX_DIMS]; /* elements */
  size_t size[VG_WALK_OPS];                 /* bytes of an element */
  char *base[VG_WALK_OPS];
} vg_walk;

/* Operand 0 is the output; the dimensions come in the order of its memory, largest stride first.
   Either all operands are strided, or all have its layout. */
VG_API void vg_walk_init(vg_walk *w, int nops, const vg_tensor *const *t);

/* Some dimensions of a tensor, neighbours merged where memory allows. Start with n = 1. */
typedef struct vg_group {
  int ndim; /* at least 1 once closed: the last dimension is the inner one */
  int64_t n, shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
} vg_group;

VG_API void vg_group_add(vg_group *g, int64_t size, int64_t stride);
VG_API void vg_group_close(vg_group *g);
/* Offset in elements of index i of a group. */
VG_API int64_t vg_group_offset(const vg_group *g, int64_t i);

#endif
