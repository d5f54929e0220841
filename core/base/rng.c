/* MT19937 (Matsumoto and Nishimura 1998) as PyTorch's CPU generator uses it. */
#include "base/rng.h"

void vg_mt19937_seed(vg_mt19937 *g, uint32_t seed) {
  g->state[0] = seed;
  for (int i = 1; i < 624; i++)
    g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + (uint32_t)i;
  g->next = 624;
}

static void refill(vg_mt19937 *g) {
  for (int i = 0; i < 624; i++) {
    uint32_t y = (g->state[i] & 0x80000000u) | (g->state[(i + 1) % 624] & 0x7fffffffu);
    g->state[i] = g->state[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0);
  }
  g->next = 0;
}

uint32_t vg_mt19937_next(vg_mt19937 *g) {
  uint32_t y;
  if (g->next >= 624) refill(g);
  y = g->state[g->next++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

void vg_torch_randperm(int64_t *out, int64_t n, uint64_t seed) {
  vg_mt19937 g;
  vg_mt19937_seed(&g, (uint32_t)seed);
  for (int64_t i = 0; i < n; i++) out[i] = i;
  for (int64_t i = 0; i < n - 1; i++) {
    int64_t j = i + (int64_t)(vg_mt19937_next(&g) % (uint64_t)(n - i)), t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}
