/* Fill, unary, binary and where: hands the operands to the kernels as one walk. */
#include "base/bf16.h"
#include "cuda/walk.h"

static bool is_whole(vg_dtype d) { return d == VG_I64 || d == VG_U8; }

static vg_status not_defined(const char *op, vg_dtype d) {
  return vg_fail(VG_EDTYPE, "%s: not defined for %s", op, vg_dtype_name(d));
}

static vg_status unary(vg_device *d, vg_unary op, vg_scalars s, vg_tensor *y, const vg_tensor *x) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_walk w;
  if (op == VG_POW_SCALAR && s.a == 2)
    op = VG_SQUARE; /* exact, and pow is slow */
  else if (op == VG_POW_SCALAR && s.a == 0.5 && !is_whole(x->dtype))
    op = VG_SQRT;
  if (is_whole(x->dtype) && !vg_cuda_has_whole_unary((int)op))
    return not_defined("unary operation", x->dtype);
  vg_cuda_walk_of(&w, 2, (const vg_tensor *[]){y, x});
  return VG_CUDA(vg_cuda_unary(&w, (int)op, s.a, s.b, stream));
}

static vg_status unary_bwd(vg_device *d, vg_unary op, vg_scalars s, vg_tensor *gx,
                           const vg_tensor *gy, const vg_tensor *x, const vg_tensor *y) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_walk w;
  if (op == VG_POW_SCALAR && s.a == 2) op = VG_SQUARE;
  if (is_whole(gy->dtype)) return not_defined("unary backward", gy->dtype);
  vg_cuda_walk_of(&w, x || y ? 3 : 2, (const vg_tensor *[]){gx, gy, x ? x : y});
  return VG_CUDA(vg_cuda_unary_bwd(&w, (int)op, s.a, s.b, stream));
}

static vg_status binary(vg_device *d, vg_binary op, vg_tensor *y, const vg_tensor *a,
                        const vg_tensor *b) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_walk w;
  if (is_whole(a->dtype) && is_whole(b->dtype) && !vg_cuda_has_whole_binary((int)op))
    return not_defined("binary operation", a->dtype);
  vg_cuda_walk_of(&w, 3, (const vg_tensor *[]){y, a, b});
  return VG_CUDA(vg_cuda_binary(&w, (int)op, stream));
}

/* The bits of the value in y's dtype, by the rules of a conversion from f32 or i64. */
static uint64_t bits_of(vg_dtype d, double value) {
  switch (d) {
    case VG_F32: return vg_bits((float)value);
    case VG_BF16: return vg_f32_to_bf16((float)value);
    case VG_I64: return (uint64_t)(int64_t)value;
    default: return (uint8_t)(int64_t)value;
  }
}

static vg_status fill(vg_device *d, vg_tensor *y, double value) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_walk w;
  if (y->n == 0) return VG_OK;
  vg_cuda_walk_of(&w, 1, (const vg_tensor *[]){y});
  return VG_CUDA(vg_cuda_fill(&w, bits_of(y->dtype, value), stream));
}

static vg_status where(vg_device *d, vg_tensor *y, const vg_tensor *mask, const vg_tensor *a,
                       const vg_tensor *b) {
  cudaStream_t stream = vg_cuda_stream(d);
  vg_cuda_walk w;
  vg_cuda_walk_of(&w, 4, (const vg_tensor *[]){y, mask, a, b});
  return VG_CUDA(vg_cuda_where(&w, stream));
}

const vg_elementwise_vt vg_cuda_elementwise = {
    .fill = fill, .unary = unary, .unary_bwd = unary_bwd, .binary = binary, .where = where};
