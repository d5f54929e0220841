/* Barriers, warp operations and integer atomics of emulate.h. */
#ifndef VG_EMULATE_WARP_H
#define VG_EMULATE_WARP_H

static inline void __syncthreads(void) { vg_emulated_barrier(VG_SYNC, 0); }
static inline int __syncthreads_or(int v) { return vg_emulated_barrier(VG_SYNC_OR, v != 0); }
static inline int __syncthreads_and(int v) { return vg_emulated_barrier(VG_SYNC_AND, v != 0); }
static inline int __syncthreads_count(int v) { return vg_emulated_barrier(VG_SYNC_COUNT, v != 0); }
static inline void __syncwarp(unsigned mask = 0xffffffffu) {
  vg_emulated_exchange(VG_WARP_SYNC, mask, 0, 0);
}
static inline void __threadfence(void) {}
static inline void __threadfence_block(void) {}
static inline void __threadfence_system(void) {}

namespace vg_emulate {

template <class T>
T shuffle(unsigned mask, T value, int source) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move words of 4 or 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = vg_emulated_exchange(VG_WARP_SHUFFLE, mask, bits, source);
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The lane to read from, own lane where that leaves the segment of `width` lanes. */
inline int inside(int source, int width) {
  int lane = static_cast<int>(vg_emulated_lane()), first = lane / width * width;
  return source < first || source >= first + width ? lane : source;
}

template <class T>
T changed(T *p, T value) {
  T old = *p;
  *p = value;
  return old;
}

}  // namespace vg_emulate

template <class T>
T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
  int lane = static_cast<int>(vg_emulated_lane());
  return vg_emulate::shuffle(mask, v, lane / width * width + (source & (width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32) {
  int lane = static_cast<int>(vg_emulated_lane());
  int source = lane ^ bits; /* a later segment is out of reach, an earlier one is not */
  return vg_emulate::shuffle(mask, v, source >= lane / width * width + width ? lane : source);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  int lane = static_cast<int>(vg_emulated_lane());
  return vg_emulate::shuffle(mask, v, vg_emulate::inside(lane - static_cast<int>(delta), width));
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
  int lane = static_cast<int>(vg_emulated_lane());
  return vg_emulate::shuffle(mask, v, vg_emulate::inside(lane + static_cast<int>(delta), width));
}

static inline unsigned __ballot_sync(unsigned mask, int v) {
  return static_cast<unsigned>(vg_emulated_exchange(VG_WARP_BALLOT, mask, v != 0, 0));
}
static inline int __any_sync(unsigned mask, int v) { return __ballot_sync(mask, v) != 0; }
static inline int __all_sync(unsigned mask, int v) { return __ballot_sync(mask, !v) == 0; }

#define VG_WARP_REDUCE(name, kind, type)                                                     \
  static inline type name(unsigned mask, type v) {                                           \
    return static_cast<type>(vg_emulated_exchange(kind, mask, static_cast<uint32_t>(v), 0)); \
  }
VG_WARP_REDUCE(__reduce_add_sync, VG_WARP_ADD, unsigned)
VG_WARP_REDUCE(__reduce_min_sync, VG_WARP_MIN, unsigned)
VG_WARP_REDUCE(__reduce_max_sync, VG_WARP_MAX, unsigned)
VG_WARP_REDUCE(__reduce_add_sync, VG_WARP_ADD, int)
VG_WARP_REDUCE(__reduce_min_sync, VG_WARP_MIN_SIGNED, int)
VG_WARP_REDUCE(__reduce_max_sync, VG_WARP_MAX_SIGNED, int)
VG_WARP_REDUCE(__reduce_and_sync, VG_WARP_AND, unsigned)
VG_WARP_REDUCE(__reduce_or_sync, VG_WARP_OR, unsigned)
VG_WARP_REDUCE(__reduce_xor_sync, VG_WARP_XOR, unsigned)
#undef VG_WARP_REDUCE

/* Integers only: sums of floats by atomics depend on the order, so nobody may use them. */
#define VG_ATOMICS(type)                                                                         \
  static inline type atomicAdd(type *p, type v) { return vg_emulate::changed<type>(p, *p + v); } \
  static inline type atomicExch(type *p, type v) { return vg_emulate::changed<type>(p, v); }     \
  static inline type atomicMax(type *p, type v) {                                                \
    return vg_emulate::changed<type>(p, *p > v ? *p : v);                                        \
  }                                                                                              \
  static inline type atomicMin(type *p, type v) {                                                \
    return vg_emulate::changed<type>(p, *p < v ? *p : v);                                        \
  }                                                                                              \
  static inline type atomicAnd(type *p, type v) { return vg_emulate::changed<type>(p, *p & v); } \
  static inline type atomicOr(type *p, type v) { return vg_emulate::changed<type>(p, *p | v); }  \
  static inline type atomicXor(type *p, type v) { return vg_emulate::changed<type>(p, *p ^ v); } \
  static inline type atomicCAS(type *p, type compare, type v) {                                  \
    return vg_emulate::changed<type>(p, *p == compare ? v : *p);                                 \
  }
VG_ATOMICS(int)
VG_ATOMICS(unsigned)
VG_ATOMICS(unsigned long long)
#undef VG_ATOMICS
static inline int atomicSub(int *p, int v) { return atomicAdd(p, -v); }
static inline unsigned atomicSub(unsigned *p, unsigned v) { return atomicAdd(p, 0u - v); }
static inline unsigned atomicInc(unsigned *p, unsigned most) {
  return vg_emulate::changed<unsigned>(p, *p >= most ? 0u : *p + 1u);
}
static inline unsigned atomicDec(unsigned *p, unsigned most) {
  return vg_emulate::changed<unsigned>(p, *p == 0u || *p > most ? most : *p - 1u);
}

#endif
