/* What the pipelines draw: ranges, rates, uniformity (chi-square at 1 in 10,000), independence of
   threads, batches and order, and that keys never repeat. */
#include <math.h>
#include <omp.h>

#include "base/alloc.h"
#include "checks.h"
#include "data/batch.h"
#include "data/synthetic.h"

enum { N = 40000 };

static const vg_aug_op ops[] = {
    {VG_AUG_PAD, 1, {36, 36}, VG_BORDER_CONSTANT, 0, {{0}}},
    {VG_AUG_CROP, 1, {32, 32}, VG_BORDER_CONSTANT, 0, {{0}}},
    {VG_AUG_HFLIP, 0.5, {0}, VG_BORDER_CONSTANT, 0, {{0}}},
    {VG_AUG_JITTER,
     0.5,
     {0},
     VG_BORDER_CONSTANT,
     0,
     {{0.8, 1.2}, {0.8, 1.2}, {0.8, 1.2}, {-0.1, 0.1}}},
    {VG_AUG_COARSE_DROPOUT, 0.3, {0}, VG_BORDER_CONSTANT, 0, {{1, 1}, {4, 8}, {4, 8}}},
    {VG_AUG_ROTATE, 1, {0}, VG_BORDER_CONSTANT, 0, {{-10, 10}}},
    {VG_AUG_RESIZED_CROP, 1, {32, 32}, VG_BORDER_CONSTANT, 0, {{0.8, 1}, {0.8, 1.2}}},
};

static vg_pipeline pipeline(int n) {
  vg_pipeline p = {.ops = n};
  const double mean[3] = {0.4914, 0.4822, 0.4465}, std[3] = {0.2470, 0.2435, 0.2616};
  memcpy(p.op, ops, (size_t)n * sizeof *ops);
  vg_pipeline_albumentations_table(&p, mean, std);
  return p;
}

static vg_aug_draw draw(int place, uint32_t epoch, uint32_t sample, int side) {
  return vg_augment_draw(&ops[place], (vg_aug_key){42, epoch, sample}, place, side, side);
}

/* Whether counts of k equally likely cells are believable: the normal approximation of chi-square
   with k - 1 degrees of freedom, limit 3.72 standard deviations (1 in 10,000). */
static bool uniform(const int *count, int k, int total) {
  double chi = 0, want = (double)total / k;
  for (int i = 0; i < k; i++) chi += (count[i] - want) * (count[i] - want) / want;
  double z = (cbrt(chi / (k - 1)) - (1 - 2.0 / (9 * (k - 1)))) / sqrt(2.0 / (9 * (k - 1)));
  if (fabs(z) >= 3.72) printf("chi-square %.1f for %d cells\n", chi, k);
  return fabs(z) < 3.72;
}

static bool rate(int hits, double p) { return fabs(hits - N * p) < 3.89 * sqrt(N * p * (1 - p)); }

static void crops(void) {
  int cells[25] = {0}, next[25] = {0}, flips = 0;
  for (int i = 0; i < N; i++) {
    vg_aug_draw d = draw(1, 0, (uint32_t)i, 36), e = draw(1, 1, (uint32_t)i, 36);
    CHECK(d.box[0][0] >= 0 && d.box[0][0] <= 4 && d.box[0][1] >= 0 && d.box[0][1] <= 4);
    cells[5 * d.box[0][0] + d.box[0][1]]++;
    next[5 * ((e.box[0][0] - d.box[0][0] + 5) % 5) + (e.box[0][1] - d.box[0][1] + 5) % 5]++;
    flips += draw(2, 0, (uint32_t)i, 32).on;
  }
  CHECK(uniform(cells, 25, N));
  CHECK(uniform(next, 25, N)); /* an epoch says nothing about the next */
  CHECK(rate(flips, 0.5));
}

static void jitters(void) {
  int on = 0, orders[24] = {0}, bins[4][20] = {{0}}, code[256];
  memset(code, -1, sizeof code);
  for (int i = 0, seen = 0; i < N; i++) {
    vg_aug_draw d = draw(3, 0, (uint32_t)i, 32);
    on += d.on;
    if (!d.on) continue;
    int key = d.order[0] * 64 + d.order[1] * 16 + d.order[2] * 4 + d.order[3];
    if (code[key] < 0) code[key] = seen++;
    CHECK(code[key] < 24);
    orders[code[key]]++;
    for (int k = 0; k < 4; k++) {
      const double *r = ops[3].range[k];
      CHECK(d.factor[k] >= r[0] && d.factor[k] < r[1]);
      bins[k][(int)((d.factor[k] - r[0]) / (r[1] - r[0]) * 20)]++;
    }
  }
  CHECK(rate(on, 0.5));
  CHECK(uniform(orders, 24, on));
  for (int k = 0; k < 4; k++) CHECK(uniform(bins[k], 20, on));
}

static void holes(void) {
  int on = 0, sizes[25] = {0}, last_row = 0, first_row = 0;
  for (int i = 0; i < N; i++) {
    vg_aug_draw d = draw(4, 7, (uint32_t)i, 32);
    on += d.on;
    if (!d.on) continue;
    const int *b = d.box[0];
    CHECK(d.boxes == 1 && b[2] >= 4 && b[2] <= 8 && b[3] >= 4 && b[3] <= 8);
    CHECK(b[0] >= 0 && b[1] >= 0 && b[0] + b[2] <= 32 && b[1] + b[3] <= 32);
    sizes[5 * (b[2] - 4) + b[3] - 4]++;
    first_row += b[0] == 0;
    last_row += b[0] + b[2] == 32;
  }
  CHECK(rate(on, 0.3));
  CHECK(uniform(sizes, 25, on));
  CHECK(first_row > 0 && last_row > 0);
}

static void course(void) {
  int bins[20] = {0}, whole = 0;
  for (int i = 0; i < N; i++) {
    vg_aug_draw d = draw(5, 0, (uint32_t)i, 32), c = draw(6, 0, (uint32_t)i, 32);
    CHECK(d.factor[0] >= -10 && d.factor[0] < 10);
    bins[(int)(d.factor[0] + 10)]++;
    const int *b = c.box[0];
    CHECK(b[0] >= 0 && b[1] >= 0 && b[0] + b[2] <= 32 && b[1] + b[3] <= 32);
    CHECK(b[2] * b[3] >= 0.76 * 1024); /* 0.8 of the area, less the rounding of two sides */
    whole += b[2] == 32 && b[3] == 32;
  }
  CHECK(uniform(bins, 20, N));
  CHECK(whole > 0 && whole < N / 5);
}

/* No two (sample, epoch) pairs share their draws: 64-bit words of 2 x 40,000 keys all differ. */
static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void repeats(void) {
  double *sum = vg_alloc(2 * N * sizeof *sum);
  int same = 0;
  for (int i = 0; i < 2 * N; i++) {
    vg_aug_op op = ops[3];
    op.p = 1;
    vg_aug_draw d =
        vg_augment_draw(&op, (vg_aug_key){42, (uint32_t)i & 1, (uint32_t)i >> 1}, 3, 32, 32);
    sum[i] = d.factor[0] + 1e-3 * d.factor[1] + 1e-6 * d.factor[2];
  }
  qsort(sum, 2 * N, sizeof *sum, by_value);
  for (int i = 1; i < 2 * N; i++) same += sum[i] == sum[i - 1];
  CHECK(same == 0);
  vg_free(sum);
}

static void batches(void) {
  enum { COUNT = 60, PX = 3072 };
  vg_records *r = NULL;
  vg_pipeline p = pipeline(7);
  int out[2], threads = omp_get_max_threads();
  static float a[COUNT * PX], b[COUNT * PX];
  static int32_t order[COUNT];
  int64_t ya[COUNT], yb[COUNT];
  CHECK_OK(vg_synthetic_new(&r, COUNT, 1, 0));
  CHECK_OK(vg_pipeline_check(out, &p, 32, 32));
  CHECK(out[0] == 32 && out[1] == 32);
  vg_batch_plan plan = {.records = r, .count = COUNT, .pipeline = &p, .seed = 42, .epoch = 3};
  omp_set_num_threads(1);
  vg_batch_fill(a, ya, &plan);
  omp_set_num_threads(5);
  vg_batch_fill(b, yb, &plan);
  CHECK(memcmp(a, b, sizeof a) == 0 && memcmp(ya, yb, sizeof ya) == 0);
  for (int first = 0; first < COUNT; first += 7) { /* other batch sizes, as after a restart */
    plan.first = first;
    plan.count = first + 7 > COUNT ? COUNT - first : 7;
    vg_batch_fill(b + first * PX, yb + first, &plan);
  }
  CHECK(memcmp(a, b, sizeof a) == 0);
  vg_data_order(order, COUNT, 42, 3);
  plan = (vg_batch_plan){
      .records = r, .order = order, .count = COUNT, .pipeline = &p, .seed = 42, .epoch = 3};
  vg_batch_fill(b, yb, &plan);
  for (int k = 0; k < COUNT; k++)
    CHECK(yb[k] == ya[order[k]] && memcmp(b + k * PX, a + order[k] * PX, PX * 4) == 0);
  plan.order = NULL;
  plan.epoch = 4;
  vg_batch_fill(b, yb, &plan);
  int same = 0;
  for (int k = 0; k < COUNT; k++) same += memcmp(b + k * PX, a + k * PX, PX * 4) == 0;
  CHECK(same == 0);
  omp_set_num_threads(threads);
  vg_records_release(r);
}

static void refusals(void) {
  int out[2];
  vg_pipeline p = pipeline(2);
  p.op[1].size[0] = 37;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL,
              "RandomCrop: 37x32 does not fit into 36x36");
  p = pipeline(4);
  p.op[3].range[3][1] = 0.8;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL, "hue shifts");
  p = pipeline(2);
  p.op[1].p = 0.5;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL, "p must be 1");
  p.op[1].p = 1.5;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL, "want p in 0..1");
  p = pipeline(1);
  p.op[0].size[0] = 65;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL, "want a size of 1..64");
  p = pipeline(5);
  p.op[4].range[1][1] = 33;
  CHECK_FAILS(vg_pipeline_check(out, &p, 32, 32), VG_EINVAL, "hole heights");
}

int main(void) {
  crops();
  jitters();
  holes();
  course();
  repeats();
  batches();
  refusals();
  return tally("augment draws");
}
