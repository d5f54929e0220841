/* Leaf layers below Lua: tensors and their order, refusals, forward, memory of a tensor replaced in
   place, and nothing left behind. */
#include "nn/layer.h"

#include "checks.h"

static const vg_conv2d_spec conv = {
    .in = 3, .out = 4, .kernel = {3, 3}, .conv = {{1, 1}, {1, 1}, {1, 1}, 1}, .bias = true};

static void test_tensors(vg_context *ctx) {
  static const char *const order[] = {"weight", "bias", "running_mean", "running_var",
                                      "num_batches_tracked"};
  vg_batchnorm2d_spec spec = {
      .channels = 4, .eps = 1e-5, .momentum = 0.1, .affine = true, .track_running_stats = true};
  vg_layer l = {0};
  CHECK(vg_batchnorm2d_new(&l, ctx, &spec) == VG_OK);
  for (int i = 0; i < 5; i++) {
    CHECK(vg_layer_find(&l, order[i]) == i);
    CHECK(l.tensor[i] && l.tensor[i]->requires_grad == (i < 2));
  }
  CHECK(vg_layer_find(&l, "wieght") == -1);
  CHECK(l.tensor[4]->dtype == VG_I64 && l.tensor[4]->ndim == 0);
  vg_layer_clear(&l);
  vg_layer_clear(&l);
  spec.affine = spec.track_running_stats = false;
  CHECK(vg_batchnorm2d_new(&l, ctx, &spec) == VG_OK);
  for (int i = 0; i < 5; i++) CHECK(!l.tensor[i]);
  vg_layer_clear(&l);
}

static void test_refusals(vg_context *ctx) {
  vg_conv2d_spec c = conv;
  vg_linear_spec linear = {.in = 0, .out = 3};
  vg_layer l = {0};
  c.conv.groups = 2;
  CHECK(vg_conv2d_new(&l, ctx, &c) == VG_EINVAL);
  CHECK(!strcmp(vg_error(), "Conv2d: 2 groups do not divide 3 -> 4 channels"));
  CHECK(vg_linear_new(&l, ctx, &linear) == VG_EINVAL);
  vg_layer_clear(&l);
}

static void test_forward(vg_context *ctx) {
  vg_layer l = {0};
  vg_tensor *x = NULL, *y = NULL, *bad = NULL;
  vg_layer_text text = {{0}, {0}};
  CHECK(vg_conv2d_new(&l, ctx, &conv) == VG_OK);
  CHECK(vg_new(&x, vg_cpu(ctx), VG_F32, 4, (int64_t[]){2, 3, 5, 5}) == VG_OK);
  CHECK(vg_fill_(x, 1) == VG_OK);
  CHECK(vg_layer_forward(&y, &l, x, NULL) == VG_OK);
  CHECK(y && y->shape[1] == 4 && y->shape[3] == 5 && y->node);
  CHECK(vg_new(&bad, vg_cpu(ctx), VG_F32, 3, (int64_t[]){3, 5, 5}) == VG_OK);
  vg_release(y);
  y = NULL;
  CHECK(vg_layer_forward(&y, &l, bad, NULL) == VG_ESHAPE && !y);
  l.kind->describe(&l, &text);
  CHECK(!strcmp(text.what, "3 -> 4") && !strcmp(text.how, "kernel 3, pad 1"));
  vg_release(x);
  vg_release(bad);
  vg_layer_clear(&l);
}

/* Everybody who holds the tensor sees the new memory; identity and gradient stay. */
static void test_become(vg_context *ctx) {
  vg_layer l = {0};
  vg_linear_spec spec = {.in = 2, .out = 1};
  vg_tensor *src = NULL, *held;
  CHECK(vg_linear_new(&l, ctx, &spec) == VG_OK);
  held = vg_retain(l.tensor[0]);
  CHECK(vg_new(&held->grad, vg_cpu(ctx), VG_F32, 2, held->shape) == VG_OK);
  CHECK(vg_fill_(held->grad, 3) == VG_OK);
  CHECK(vg_new(&src, vg_cpu(ctx), VG_F32, 2, held->shape) == VG_OK);
  CHECK(vg_fill_(src, 7) == VG_OK);
  CHECK(vg_tensor_become(l.tensor[0], src) == VG_OK);
  CHECK(held == l.tensor[0] && held->requires_grad && held->storage == src->storage);
  CHECK(((float *)vg_data(held))[1] == 7 && ((float *)vg_data(held->grad))[1] == 3);
  vg_release(src);
  src = NULL;
  CHECK(vg_new(&src, vg_cpu(ctx), VG_F32, 1, (int64_t[]){2}) == VG_OK);
  CHECK(vg_tensor_become(held, src) == VG_ESHAPE);
  vg_release(src);
  vg_release(held);
  vg_layer_clear(&l);
}

int main(void) {
  vg_context *ctx = NULL;
  CHECK(vg_context_new(&ctx) == VG_OK);
  test_tensors(ctx);
  test_refusals(ctx);
  test_forward(ctx);
  test_become(ctx);
  CHECK(ctx->live_tensors == 0);
  CHECK(vg_context_free(ctx) == 0);
  return tally("layer");
}
