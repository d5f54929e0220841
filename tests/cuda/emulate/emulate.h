/* What a .cu file sees when g++ compiles it as C++ (VG_CUDA_EMULATE): CUDA's qualifiers, indices,
   barriers, warp operations, integer atomics and intrinsics, on top of block.h. Types and the
   runtime's prototypes come from NVIDIA's own header. What is missing here is not to be used in a
   kernel: float atomics, cooperative groups, textures, inline PTX, extern __shared__. */
#ifndef VG_EMULATE_H
#define VG_EMULATE_H

#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#include "block.h"
#include "call.h"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __managed__
#undef __launch_bounds__
#undef __grid_constant__
#undef __forceinline__
#undef __noinline__
#define __global__
#define __device__
#define __host__
/* Blocks run one after another, so one static object serves them all. */
#define __shared__ static
#define __constant__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))

#define threadIdx (vg_emulated_self->index)
#define blockIdx vg_emulated_block_index
#define blockDim vg_emulated_block
#define gridDim vg_emulated_grid
static const int warpSize = 32;

#define VG_DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(vg_emulated_shared())

#include "intrinsics.h"
#include "warp.h"

/* ---- launching: the arguments are converted and copied at once, the kernel runs when the stream
   comes to it ---- */

namespace vg_emulate {

template <class... P>
struct bound {
  void (*kernel)(P...);
  std::tuple<P...> values;
  vg_emulated_argument arguments[sizeof...(P) + 1];
  int narguments;

  template <class T>
  void note(const T &value) {
    arguments[narguments++] = {&value, sizeof value, std::is_pointer_v<T>};
  }
  static void body(void *self) {
    bound *b = static_cast<bound *>(self);
    std::apply(b->kernel, b->values);
  }
  static void destroy(void *self) { delete static_cast<bound *>(self); }
};

/* Arguments convert to the kernel's parameter types, as they would in <<<>>>. */
template <class... P, class... A>
void launch(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared,
            cudaStream_t stream, A &&...arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "a kernel called with a wrong number of arguments");
  static_assert((std::is_trivially_copyable_v<P> && ...), "arguments are copied byte by byte");
  auto *b = new bound<P...>{
      kernel, std::tuple<P...>(static_cast<P>(std::forward<A>(arguments))...), {}, 0};
  std::apply([b](const P &...v) { (b->note(v), ...); }, b->values);
  shim_launch(name, reinterpret_cast<const void *>(kernel), grid, block, shared, stream,
              {bound<P...>::body, bound<P...>::destroy, b, b->arguments, b->narguments});
}

}  // namespace vg_emulate

#define VG_LAUNCH(kernel, grid, block, shared, stream, ...) \
  vg_emulate::launch(#kernel, kernel, grid, block, shared, stream, ##__VA_ARGS__)

#endif
