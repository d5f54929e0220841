/* Arithmetic that CUDA has and C++ has not. The fast variants are exact here. */
#ifndef VG_EMULATE_INTRINSICS_H
#define VG_EMULATE_INTRINSICS_H

namespace vg_emulate {
template <class To, class From>
inline To bits_of(From v) {
  static_assert(sizeof(To) == sizeof(From), "the same size");
  To out;
  memcpy(&out, &v, sizeof out);
  return out;
}
}  // namespace vg_emulate

static inline unsigned __float_as_uint(float v) { return vg_emulate::bits_of<unsigned>(v); }
static inline int __float_as_int(float v) { return vg_emulate::bits_of<int>(v); }
static inline float __uint_as_float(unsigned v) { return vg_emulate::bits_of<float>(v); }
static inline float __int_as_float(int v) { return vg_emulate::bits_of<float>(v); }
static inline long long __double_as_longlong(double v) { return vg_emulate::bits_of<long long>(v); }
static inline double __longlong_as_double(long long v) { return vg_emulate::bits_of<double>(v); }

static inline float rsqrtf(float v) { return 1.0f / sqrtf(v); }
static inline double rsqrt(double v) { return 1.0 / sqrt(v); }
static inline float sinpif(float v) { return static_cast<float>(sin(M_PI * v)); }
static inline float cospif(float v) { return static_cast<float>(cos(M_PI * v)); }
static inline void sincospif(float v, float *s, float *c) { *s = sinpif(v), *c = cospif(v); }
/* glibc declares these names for itself. */
#define __expf(v) expf(v)
#define __exp10f(v) powf(10.0f, v)
#define __logf(v) logf(v)
#define __log2f(v) log2f(v)
#define __powf(a, b) powf(a, b)
#define __sinf(v) sinf(v)
#define __cosf(v) cosf(v)
#define __sincosf(v, s, c) sincosf(v, s, c)
#define __tanf(v) tanf(v)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __saturatef(float v) { return fminf(fmaxf(v, 0.0f), 1.0f); }

static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __frsqrt_rn(float a) { return static_cast<float>(1.0 / sqrt(a)); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return sqrt(a); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

/* Conversions saturate on the device, and NaN gives 0; the C cast is undefined there. */
namespace vg_emulate {
template <class To>
inline To saturated(double v) {
  if (v != v) return 0;
  if (v <= static_cast<double>(std::numeric_limits<To>::min()))
    return std::numeric_limits<To>::min();
  if (v >= static_cast<double>(std::numeric_limits<To>::max()))
    return std::numeric_limits<To>::max();
  return static_cast<To>(v);
}
}  // namespace vg_emulate
static inline int __float2int_rn(float v) { return vg_emulate::saturated<int>(nearbyintf(v)); }
static inline int __float2int_rz(float v) { return vg_emulate::saturated<int>(truncf(v)); }
static inline int __float2int_rd(float v) { return vg_emulate::saturated<int>(floorf(v)); }
static inline int __float2int_ru(float v) { return vg_emulate::saturated<int>(ceilf(v)); }
static inline unsigned __float2uint_rn(float v) {
  return vg_emulate::saturated<unsigned>(nearbyintf(v));
}
static inline unsigned __float2uint_rz(float v) {
  return vg_emulate::saturated<unsigned>(truncf(v));
}
static inline unsigned __float2uint_rd(float v) {
  return vg_emulate::saturated<unsigned>(floorf(v));
}
static inline long long __float2ll_rn(float v) {
  return vg_emulate::saturated<long long>(nearbyintf(v));
}
static inline long long __float2ll_rz(float v) {
  return vg_emulate::saturated<long long>(truncf(v));
}
static inline int __double2int_rn(double v) { return vg_emulate::saturated<int>(nearbyint(v)); }
static inline int __double2int_rz(double v) { return vg_emulate::saturated<int>(trunc(v)); }
static inline long long __double2ll_rn(double v) {
  return vg_emulate::saturated<long long>(nearbyint(v));
}
static inline long long __double2ll_rz(double v) {
  return vg_emulate::saturated<long long>(trunc(v));
}
static inline float __int2float_rn(int v) { return static_cast<float>(v); }
static inline float __uint2float_rn(unsigned v) { return static_cast<float>(v); }
static inline float __ll2float_rn(long long v) { return static_cast<float>(v); }
static inline double __ll2double_rn(long long v) { return static_cast<double>(v); }
static inline float __double2float_rn(double v) { return static_cast<float>(v); }

static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz(static_cast<unsigned>(v)) : 32; }
static inline int __clzll(long long v) {
  return v ? __builtin_clzll(static_cast<unsigned long long>(v)) : 64;
}
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline unsigned __brev(unsigned v) {
  unsigned out = 0;
  for (int i = 0; i < 32; i++) out |= (v >> i & 1u) << (31 - i);
  return out;
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
static inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<int64_t>(a) * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  unsigned out = 0;
  for (int i = 0; i < 4; i++) {
    unsigned s = selector >> (4 * i) & 0xfu;
    unsigned byte = static_cast<unsigned>(both >> (8 * (s & 7u)) & 0xffu);
    if (s & 8u) byte = byte & 0x80u ? 0xffu : 0u;
    out |= byte << (8 * i);
  }
  return out;
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) << (by & 31u) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) >> (by & 31u));
}

/* Loads and stores with a hint for the cache. */
#define VG_HINTED_LOAD(name)         \
  template <class T>                 \
  static inline T name(const T *p) { \
    return *p;                       \
  }
VG_HINTED_LOAD(__ldg)
VG_HINTED_LOAD(__ldcg)
VG_HINTED_LOAD(__ldca)
VG_HINTED_LOAD(__ldcs)
VG_HINTED_LOAD(__ldlu)
VG_HINTED_LOAD(__ldcv)
#undef VG_HINTED_LOAD
#define VG_HINTED_STORE(name)          \
  template <class T>                   \
  static inline void name(T *p, T v) { \
    *p = v;                            \
  }
VG_HINTED_STORE(__stwb)
VG_HINTED_STORE(__stcg)
VG_HINTED_STORE(__stcs)
VG_HINTED_STORE(__stwt)
#undef VG_HINTED_STORE

static inline void __trap(void) { __builtin_trap(); }

template <class A, class B>
static inline std::common_type_t<A, B> min(A a, B b) {
  std::common_type_t<A, B> x = static_cast<std::common_type_t<A, B>>(a),
                           y = static_cast<std::common_type_t<A, B>>(b);
  if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>) return fmin(x, y);
  return y < x ? y : x;
}
template <class A, class B>
static inline std::common_type_t<A, B> max(A a, B b) {
  std::common_type_t<A, B> x = static_cast<std::common_type_t<A, B>>(a),
                           y = static_cast<std::common_type_t<A, B>>(b);
  if constexpr (std::is_floating_point_v<std::common_type_t<A, B>>) return fmax(x, y);
  return x < y ? y : x;
}

#endif
