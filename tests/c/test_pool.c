/* The caching allocator: classes, reuse, accounting, limits, the request to collect, failures. */
#include "device/pool.h"

#include "test_core.h"

static void test_sizes(vg_device *d) {
  for (size_t bytes = 1; bytes < ((size_t)1 << 22); bytes = bytes * 9 / 7 + 1) {
    vg_buf b = {0};
    CHECK_OK(vg_buf_take(&b, d, bytes));
    CHECK(b.bytes >= bytes && (bytes < 512 || b.bytes <= bytes + bytes / 8 + 64));
    CHECK((uintptr_t)b.ptr % 64 == 0);
    memset(b.ptr, 1, b.bytes);
    vg_buf_give(&b);
    CHECK(b.ptr == NULL && b.bytes == 0);
    vg_buf_give(&b); /* none is fine */
  }
}

static void test_reuse(vg_device *d) {
  vg_buf a[3] = {{0}};
  vg_pool_stats before, after;
  for (int i = 0; i < 3; i++) CHECK_OK(vg_buf_take(&a[i], d, 100000));
  for (int i = 0; i < 3; i++) vg_buf_give(&a[i]);
  before = vg_pool_statistics(d);
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < 3; i++) CHECK_OK(vg_buf_take(&a[i], d, 99000 + (size_t)i));
    for (int i = 0; i < 3; i++) vg_buf_give(&a[i]);
  }
  after = vg_pool_statistics(d);
  CHECK(after.device_allocs == before.device_allocs);
  CHECK(after.live == 0 && after.live_blocks == 0);
  CHECK(after.cached == before.cached && after.cached > 0);
  vg_pool_trim(d);
  CHECK(vg_pool_statistics(d).cached == 0);
}

static void test_reserve(vg_device *d) {
  vg_buf b = {0};
  void *first;
  CHECK_OK(vg_buf_reserve(&b, d, 1000));
  first = b.ptr;
  CHECK_OK(vg_buf_reserve(&b, d, 900));
  CHECK(b.ptr == first);
  CHECK_OK(vg_buf_reserve(&b, d, 100000));
  CHECK(b.bytes >= 100000);
  vg_buf_give(&b);
}

static void test_limit(vg_device *d) {
  vg_buf a = {0}, b = {0};
  vg_pool_trim(d);
  vg_pool_set_limit(d, 1 << 20, 0);
  CHECK_OK(vg_buf_take(&a, d, 600000));
  CHECK_FAILS(vg_buf_take(&b, d, 600000), VG_ENOMEM, "would pass the limit of 1.0 MB");
  CHECK(b.ptr == NULL);
  vg_buf_give(&a);
  CHECK_OK(vg_buf_take(&b, d, 900000)); /* cached blocks make room */
  vg_buf_give(&b);
  vg_pool_set_limit(d, 0, 0);
  CHECK_FAILS(vg_buf_take(&a, d, (size_t)1 << 47), VG_ENOMEM, "memory:");
}

static void test_collection(vg_device *d) {
  vg_buf a = {0}, b = {0};
  d->ctx->want_collect = false;
  vg_pool_set_limit(d, 0, 1 << 20);
  CHECK_OK(vg_buf_take(&a, d, 500000));
  CHECK(!d->ctx->want_collect);
  CHECK_OK(vg_buf_take(&b, d, 700000));
  CHECK(d->ctx->want_collect);
  d->ctx->want_collect = false;
  vg_pool_collected(d); /* all of it is in use: the next request comes later */
  vg_buf_give(&b);
  CHECK_OK(vg_buf_take(&b, d, 700000));
  CHECK(!d->ctx->want_collect);
  vg_buf_give(&a);
  vg_buf_give(&b);
  vg_pool_set_limit(d, 0, 0);
}

static void test_peak(vg_device *d) {
  vg_buf a = {0};
  vg_pool_reset_peak(d);
  CHECK(vg_pool_statistics(d).peak == 0);
  CHECK_OK(vg_buf_take(&a, d, 5000));
  vg_buf_give(&a);
  CHECK(vg_pool_statistics(d).peak >= 5000);
}

/* One failed request to the system is retried after the cache was given back; a failing header
   loses no memory. */
static void test_failures(vg_device *d) {
  int64_t blocks = vg_alloc_statistics().live_blocks;
  for (int64_t n = 1; n <= 6; n++) {
    vg_buf b = {0};
    vg_status st;
    vg_pool_trim(d);
    vg_alloc_fail_after(n);
    st = vg_buf_take(&b, d, 3000);
    vg_buf_give(&b);
    vg_alloc_fail_after(0);
    CHECK(st == VG_OK || st == VG_ENOMEM);
    CHECK(vg_pool_statistics(d).live == 0);
  }
  vg_pool_trim(d);
  CHECK(vg_alloc_statistics().live_blocks <= blocks + 8); /* spare headers stay */
}

int main(void) {
  vg_context *c = NULL;
  int64_t blocks = vg_alloc_statistics().live_blocks;
  CHECK_OK(vg_context_new(&c));
  test_sizes(vg_cpu(c));
  test_reuse(vg_cpu(c));
  test_reserve(vg_cpu(c));
  test_limit(vg_cpu(c));
  test_collection(vg_cpu(c));
  test_peak(vg_cpu(c));
  test_failures(vg_cpu(c));
  CHECK(vg_context_free(c) == 0);
  CHECK(vg_alloc_statistics().live_blocks == blocks);
  return tally("pool");
}
