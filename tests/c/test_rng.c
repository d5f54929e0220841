/* Philox against the published known answers (Random123), MT19937 against its reference output, the
   permutation against torch.randperm. */
#include "base/rng.h"
#include "test_core.h"

static bool same(vg_u32x4 a, uint32_t w, uint32_t x, uint32_t y, uint32_t z) {
  return a.v[0] == w && a.v[1] == x && a.v[2] == y && a.v[3] == z;
}

static void test_philox(void) {
  const uint32_t f = 0xffffffffu;
  CHECK(same(vg_philox((vg_u32x4){{0, 0, 0, 0}}, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
             0x9b00dbd8));
  CHECK(same(vg_philox((vg_u32x4){{f, f, f, f}}, f, f), 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
             0x6d5451fd));
  CHECK(same(vg_philox((vg_u32x4){{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822,
                       0x299f31d0),
             0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

static void test_streams(void) {
  vg_stream a = {.seed = 1, .index = 2, .purpose = VG_RNG_USER}, b = a, c = a, d = a;
  b.purpose = VG_RNG_DROPOUT;
  c.index = 3;
  d.seed = 2;
  CHECK(vg_stream_block(a, 0).v[0] == vg_stream_block(a, 0).v[0]);
  CHECK(vg_stream_block(a, 0).v[0] != vg_stream_block(a, 1).v[0]);
  CHECK(vg_stream_block(a, 0).v[0] != vg_stream_block(b, 0).v[0]);
  CHECK(vg_stream_block(a, 0).v[0] != vg_stream_block(c, 0).v[0]);
  CHECK(vg_stream_block(a, 0).v[0] != vg_stream_block(d, 0).v[0]);
  CHECK(vg_u01(0) == 0.0f);
  CHECK(vg_u01(0xffffffffu) < 1.0f);
}

static void test_uniform(void) {
  vg_stream s = {.seed = 7, .index = 0, .purpose = VG_RNG_USER};
  double sum = 0, squares = 0;
  const int n = 100000;
  for (int i = 0; i < n; i++) {
    vg_u32x4 b = vg_stream_block(s, (uint64_t)i);
    for (int k = 0; k < 4; k++) {
      double u = (double)vg_u01(b.v[k]);
      sum += u;
      squares += u * u;
    }
  }
  CHECK(sum / (4 * n) > 0.4985 && sum / (4 * n) < 0.5015);
  CHECK(squares / (4 * n) > 0.3315 && squares / (4 * n) < 0.3352);
}

static void test_twister(void) {
  vg_mt19937 g;
  uint32_t last = 0;
  vg_mt19937_seed(&g, 5489);
  CHECK(vg_mt19937_next(&g) == 3499211612u);
  for (int i = 1; i < 10000; i++) last = vg_mt19937_next(&g);
  CHECK(last == 4123659995u);
}

static void test_permutation(void) {
  static int64_t p[50000];
  static bool seen[50000];
  const int64_t ten[10] = {2, 6, 1, 8, 4, 5, 0, 9, 3, 7};
  const int64_t six[6] = {36044, 49165, 37807, 11341, 6091, 16904};
  bool all = true;
  vg_torch_randperm(p, 10, 42);
  CHECK(!memcmp(p, ten, sizeof ten));
  vg_torch_randperm(p, 50000, 0);
  CHECK(!memcmp(p, six, sizeof six));
  for (int i = 0; i < 50000; i++) seen[p[i]] = true;
  for (int i = 0; i < 50000; i++) all = all && seen[i];
  CHECK(all);
}

int main(void) {
  test_philox();
  test_streams();
  test_uniform();
  test_twister();
  test_permutation();
  return tally("rng");
}
