/* Lists of tensors for the kernels of optim.cu. */
#ifndef VG_CUDA_TENSORS_H
#define VG_CUDA_TENSORS_H

#include "cuda/stream.h"

static inline bool vg_cuda_aligned(const void *p) { return ((uintptr_t)p & 15) == 0; }

static inline int64_t vg_cuda_pieces(int64_t count) {
  return (count + VG_CUDA_PIECE - 1) / VG_CUDA_PIECE;
}

/* One more, of `count` elements; line: its pointers are aligned. The caller sets these. */
static inline void vg_cuda_tensors_add(vg_cuda_tensors *t, int64_t count, bool line) {
  int64_t before = t->n ? t->pieces[t->n - 1] : 0;
  t->line[t->n] = line;
  t->count[t->n] = count;
  t->pieces[t->n++] = before + vg_cuda_pieces(count);
}

static inline int vg_cuda_tensors_batch(int n, int from) {
  return n - from < VG_CUDA_TENSORS ? n - from : VG_CUDA_TENSORS;
}

vg_cuda_clip vg_cuda_clip_of(const vg_grad_clip *c);

/* What comes now waits for everything that reads or writes parameters and gradients. */
vg_status vg_cuda_before_update(vg_device *d);

#endif
