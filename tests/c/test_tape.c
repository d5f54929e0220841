/* The tape from C: accumulation, retained graphs, versions, deep chains, failing allocations. */
#include "autograd/tape.h"

#include "test_core.h"

static vg_tensor *leaf(vg_device *d, float a, float b) {
  vg_tensor *t = NULL;
  int64_t shape[1] = {2};
  float v[2] = {a, b};
  CHECK_OK(vg_new(&t, d, VG_F32, 1, shape));
  CHECK_OK(vg_write(t, v));
  t->requires_grad = true;
  return t;
}

static float at(const vg_tensor *t, int i) {
  float v[2] = {0, 0};
  CHECK(t != NULL && vg_read(t, v) == VG_OK);
  return v[i];
}

static void test_shared(vg_device *d) {
  vg_tensor *x = leaf(d, 2, 3), *sq = NULL, *cube = NULL, *y = NULL, *s = NULL;
  CHECK_OK(vg_binary_op(&sq, VG_MUL, x, x));
  CHECK_OK(vg_binary_op(&cube, VG_MUL, sq, x));
  CHECK_OK(vg_binary_op(&y, VG_ADD, sq, cube));
  CHECK_OK(vg_reduce(&s, VG_SUM, (vg_scalars){0, 0}, y, 0, NULL, false));
  CHECK_OK(vg_backward(s, NULL, true));
  CHECK(at(x->grad, 0) == 16 && at(x->grad, 1) == 33);
  CHECK_OK(vg_backward(s, NULL, false));
  CHECK(at(x->grad, 0) == 32);
  CHECK_FAILS(vg_backward(s, NULL, false), VG_ESTATE, "freed by an earlier backward");
  vg_release(x);
  vg_release(sq);
  vg_release(cube);
  vg_release(y);
  vg_release(s);
}

static void test_versions(vg_device *d) {
  vg_tensor *x = leaf(d, 1, 2), *w = leaf(d, 3, 4), *y = NULL, *s = NULL;
  w->requires_grad = false;
  CHECK_OK(vg_binary_op(&y, VG_MUL, x, w));
  CHECK_OK(vg_reduce(&s, VG_SUM, (vg_scalars){0, 0}, y, 0, NULL, false));
  CHECK_OK(vg_fill_(w, 0));
  CHECK_FAILS(vg_backward(s, NULL, false), VG_ESTATE, "saved by mul was changed in place");
  CHECK_FAILS(vg_fill_(x, 0), VG_ESTATE, "needs its history");
  vg_no_grad_begin(d->ctx);
  CHECK_OK(vg_fill_(x, 0));
  vg_no_grad_end(d->ctx);
  vg_release(x);
  vg_release(w);
  vg_release(y);
  vg_release(s);
}

static void test_depth(vg_device *d, bool backward) {
  vg_tensor *x = leaf(d, 1, 2), *y = vg_retain(x);
  vg_tensor *g = leaf(d, 1, 1);
  g->requires_grad = false;
  for (int i = 0; i < 100000; i++) {
    vg_tensor *z = NULL;
    if (vg_unary_op(&z, VG_MUL_SCALAR, (vg_scalars){1, 0}, y) != VG_OK) break;
    vg_release(y);
    y = z;
  }
  if (backward) {
    CHECK_OK(vg_backward(y, g, false));
    CHECK(at(x->grad, 1) == 1);
  }
  vg_release(y);
  vg_release(g);
  vg_release(x);
}

static vg_status whole_step(vg_device *d) {
  vg_tensor *x = NULL, *y = NULL, *z = NULL, *s = NULL;
  int64_t shape[2] = {2, 3};
  vg_status st;
  VG_TRY(vg_filled(&x, d, VG_F32, 2, shape, 0.5));
  x->requires_grad = true;
  VG_TRY(vg_unary_op(&y, VG_EXP, (vg_scalars){0, 0}, x));
  VG_TRY(vg_cat(&z, 2, (vg_tensor *[]){x, y}, 1));
  VG_TRY(vg_reduce(&s, VG_VAR, (vg_scalars){1, 0}, z, 0, NULL, false));
  st = vg_backward(s, NULL, false);
done:
  vg_release(x);
  vg_release(y);
  vg_release(z);
  vg_release(s);
  return st;
}

static void test_failures(vg_device *d) {
  int failed = 0;
  CHECK_OK(whole_step(d));
  for (int64_t n = 1; n < 400; n++) {
    vg_status st;
    vg_pool_trim(d);
    vg_alloc_fail_after(n);
    st = whole_step(d);
    vg_alloc_fail_after(0);
    CHECK(st == VG_OK || st == VG_ENOMEM);
    failed += st != VG_OK;
    CHECK(d->ctx->live_tensors == 0 && d->ctx->no_grad == 0);
    CHECK(vg_pool_statistics(d).live == 0);
  }
  CHECK(failed > 30);
}

int main(void) {
  vg_context *c = NULL;
  int64_t blocks = vg_alloc_statistics().live_blocks;
  CHECK_OK(vg_context_new(&c));
  test_shared(vg_cpu(c));
  test_versions(vg_cpu(c));
  test_depth(vg_cpu(c), true);
  test_depth(vg_cpu(c), false);
  CHECK(c->live_tensors == 0);
  test_failures(vg_cpu(c));
  CHECK(vg_context_free(c) == 0);
  CHECK(vg_alloc_statistics().live_blocks == blocks);
  return tally("tape");
}
