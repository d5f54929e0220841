/* Long runs are folded 64 bytes at a time by carry-less products (V. Gopal et al., "Fast CRC
   Computation for Generic Polynomials Using PCLMULQDQ", 2009): what is left after folding has the
   CRC of the whole. The rest, and other processors, are zlib's. */
#include "io/crc32.h"

#include <string.h>
#include <zlib.h>

#if defined(__x86_64__)
typedef long long v2 __attribute__((vector_size(16)));

/* x^(n+32) and x^(n-32) modulo the polynomial, bits reversed: to move 512 and 128 bits on. */
static const v2 by_512 = {0x154442bd4, 0x1c6e41596}, by_128 = {0x1751997d0, 0x0ccaa009e};

static inline v2 load(const unsigned char *p) {
  v2 v;
  memcpy(&v, p, sizeof v);
  return v;
}

__attribute__((target("pclmul,sse4.1"))) static inline v2 fold(v2 x, v2 k, v2 next) {
  return __builtin_ia32_pclmulqdq128(x, k, 0x00) ^ __builtin_ia32_pclmulqdq128(x, k, 0x11) ^ next;
}

/* n is a multiple of 64, at least 64. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t folded(uint32_t crc,
                                                                const unsigned char *p, size_t n) {
  v2 a = load(p), b = load(p + 16), c = load(p + 32), d = load(p + 48);
  unsigned char left[16];
  a ^= (v2){(long long)(uint32_t)~crc, 0};
  for (p += 64, n -= 64; n; p += 64, n -= 64) {
    a = fold(a, by_512, load(p));
    b = fold(b, by_512, load(p + 16));
    c = fold(c, by_512, load(p + 32));
    d = fold(d, by_512, load(p + 48));
  }
  a = fold(fold(fold(a, by_128, b), by_128, c), by_128, d);
  memcpy(left, &a, sizeof left);
  return (uint32_t)crc32_z(0xffffffff, left, sizeof left);
}

static bool can_fold(void) { return __builtin_cpu_supports("pclmul"); }
#else
static uint32_t folded(uint32_t crc, const unsigned char *p, size_t n) {
  return (uint32_t)crc32_z(crc, p, n);
}

static bool can_fold(void) { return false; }
#endif

uint32_t vg_crc32(uint32_t crc, const void *data, size_t n) {
  const unsigned char *p = data;
  size_t many = n & ~(size_t)63;
  if (many >= 256 && can_fold()) {
    crc = folded(crc, p, many);
    p += many;
    n -= many;
  }
  return n ? (uint32_t)crc32_z(crc, p, n) : crc;
}

enum { PIECE = 1 << 20 };

uint32_t vg_crc32_team(const void *data, size_t n,
                       void (*done)(void *arg, const void *data, size_t n), void *arg) {
  const char *p = data;
  size_t pieces = (n + PIECE - 1) / PIECE, last = n - (pieces - 1) * PIECE;
  uint32_t crc = 0;
  if (n == 0) return 0;
#pragma omp parallel for ordered schedule(static, 1) if (pieces > 1)
  for (size_t i = 0; i < pieces; i++) {
    size_t k = i + 1 < pieces ? PIECE : last;
    uint32_t one = vg_crc32(0, p + i * PIECE, k);
    if (done) done(arg, p + i * PIECE, k);
#pragma omp ordered
    crc = (uint32_t)crc32_combine(crc, one, (z_off_t)k);
  }
  return crc;
}
