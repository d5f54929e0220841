/* Counter-based random numbers (Philox4x32-10) and the one place where PyTorch's MT19937 is needed.
   A draw is a pure function of its key, so it is the same for any thread count, batch size or
   device. Inline because the kernels of every backend compile it. */
#ifndef VG_BASE_RNG_H
#define VG_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/hd.h"

/* What a stream of numbers is for: streams of different purpose never overlap. */
typedef enum vg_purpose {
  VG_RNG_USER = 1, /* tensor fills asked for by a script */
  VG_RNG_INIT,     /* parameter initialisation */
  VG_RNG_DROPOUT,
  VG_RNG_SHUFFLE,
  VG_RNG_AUGMENT,
  VG_RNG_SYNTHETIC, /* the generated data set */
  VG_RNG_ATTACK
} vg_purpose;

/* A stream: `seed` from the user, `purpose`, and `index`, a call number or (epoch << 32 | sample).
 */
typedef struct vg_stream {
  uint64_t seed;
  uint64_t index;
  uint32_t purpose;
} vg_stream;

typedef struct vg_u32x4 {
  uint32_t v[4];
} vg_u32x4;

/* Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. */
VG_HD vg_u32x4 vg_philox(vg_u32x4 c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c.v[0], b = (uint64_t)0xCD9E8D57u * c.v[2];
    vg_u32x4 n = {{(uint32_t)(b >> 32) ^ c.v[1] ^ k0, (uint32_t)b,
                   (uint32_t)(a >> 32) ^ c.v[3] ^ k1, (uint32_t)a}};
    c = n;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/* Block `i` (four words) of a stream. The purpose is folded into the top of the 64-bit block
   number, which leaves 2^56 blocks a stream. */
VG_HD vg_u32x4 vg_stream_block(vg_stream s, uint64_t i) {
  vg_u32x4 c = {{(uint32_t)i, (uint32_t)(i >> 32) | s.purpose << 24, (uint32_t)s.index,
                 (uint32_t)(s.index >> 32)}};
  return vg_philox(c, (uint32_t)s.seed, (uint32_t)(s.seed >> 32));
}

/* Uniform in [0, 1) with 24 bits, exact in float. */
VG_HD float vg_u01(uint32_t word) { return (float)(word >> 8) * (1.0f / 16777216.0f); }

#ifndef __CUDACC__
/* Mersenne twister seeded as torch.Generator().manual_seed(seed) seeds it (init_genrand, 32 bits).
 */
typedef struct vg_mt19937 {
  uint32_t state[624];
  int next;
} vg_mt19937;

void vg_mt19937_seed(vg_mt19937 *g, uint32_t seed);
uint32_t vg_mt19937_next(vg_mt19937 *g);

/* torch.randperm(n) on CPU for n < 2^32 / 20 (its "small n" path): swap r[i] with r[i + next %
 * (n-i)]. */
void vg_torch_randperm(int64_t *out, int64_t n, uint64_t seed);
#endif

#endif
