/* Every image operation against what albumentations and torchvision gave
 * (tests/parity/make_augment.py). */
#include <jansson.h>

#include "base/alloc.h"
#include "checks.h"
#include "data/augment.h"

static uint8_t blob[1 << 18];
static uint8_t buffers[2][VG_IMAGE_BYTES];

static double num(const json_t *o, const char *key) {
  return json_number_value(json_object_get(o, key));
}
static const char *str(const json_t *o, const char *key) {
  return json_string_value(json_object_get(o, key));
}

static uint64_t fnv(const uint8_t *p, int n) {
  uint64_t h = 0xCBF29CE484222325u;
  for (int i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001B3u;
  return h;
}

static vg_image image(const uint8_t *planes, int side) {
  vg_image m = {buffers[0], buffers[1], side, side};
  memcpy(m.px, planes, (size_t)(3 * side * side));
  return m;
}

typedef void (*colour_fn)(vg_image *, double);
static const struct {
  const char *name;
  colour_fn fn;
} colours[] = {{"cv_brightness", vg_image_brightness},      {"cv_contrast", vg_image_contrast},
               {"cv_saturation", vg_image_saturation},      {"cv_hue", vg_image_hue},
               {"pil_brightness", vg_image_pil_brightness}, {"pil_contrast", vg_image_pil_contrast},
               {"pil_saturation", vg_image_pil_saturation}, {"pil_hue", vg_image_pil_hue}};

static colour_fn colour(const char *name) {
  for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
    if (strcmp(colours[i].name, name) == 0) return colours[i].fn;
  return NULL;
}

static void jitter(vg_image *m, const json_t *p, vg_aug_kind kind) {
  vg_aug_op op = {.kind = kind};
  vg_aug_draw d = {.on = true};
  for (size_t i = 0; i < 4; i++) {
    d.order[i] = (int)json_integer_value(json_array_get(json_object_get(p, "order"), i));
    d.factor[i] = json_number_value(json_array_get(json_object_get(p, "factors"), i));
  }
  vg_augment_apply(m, &op, &d);
}

static void apply(vg_image *m, const char *op, const json_t *p) {
  int top = (int)num(p, "top"), left = (int)num(p, "left"), h = (int)num(p, "h"),
      w = (int)num(p, "w");
  if (strcmp(op, "pad") == 0) {
    bool constant = strcmp(str(p, "border"), "constant") == 0;
    vg_image_pad(m, h, w, constant ? VG_BORDER_CONSTANT : VG_BORDER_REFLECT101,
                 (uint8_t)num(p, "fill"));
  } else if (strcmp(op, "pad_crop") == 0) {
    CHECK(top == (int)(5 * num(p, "u")) && left == (int)(5 * num(p, "v")));
    vg_image_pad(m, 36, 36, VG_BORDER_CONSTANT, 0);
    vg_image_crop(m, top, left, 32, 32);
  } else if (strcmp(op, "hflip") == 0) {
    vg_image_hflip(m);
  } else if (strcmp(op, "vflip") == 0) {
    vg_image_vflip(m);
  } else if (strcmp(op, "fill") == 0) {
    vg_image_fill(m, top, left, h, w, 0);
  } else if (strcmp(op, "rotate") == 0) {
    vg_image_rotate(m, num(p, "degrees"));
  } else if (strcmp(op, "resized_crop") == 0) {
    vg_image_crop(m, top, left, h, w);
    vg_image_resize(m, 32, 32);
  } else if (strcmp(op, "cv_jitter") == 0 || strcmp(op, "pil_jitter") == 0) {
    jitter(m, p, *op == 'c' ? VG_AUG_JITTER : VG_AUG_PIL_JITTER);
  } else {
    CHECK(colour(op) != NULL);
    colour(op)(m, num(p, "value"));
  }
}

static void cases(const json_t *root) {
  size_t i;
  json_t *c;
  json_array_foreach(json_object_get(root, "cases"), i, c) {
    const json_t *in = json_object_get(json_object_get(root, "inputs"), str(c, "input"));
    vg_image m = image(blob + (int)num(in, "at"), (int)num(in, "side"));
    apply(&m, str(c, "op"), json_object_get(c, "params"));
    int n = 3 * m.h * m.w, wrong = 0;
    CHECK(m.h == (int)num(c, "h") && m.w == (int)num(c, "w"));
    if (json_object_get(c, "fnv")) {
      wrong = fnv(m.px, n) != strtoull(str(c, "fnv"), NULL, 16);
    } else {
      const uint8_t *want = blob + (int)num(c, "at");
      for (int k = 0; k < n; k++) wrong += m.px[k] != want[k];
    }
    if (wrong)
      printf("case %zu, %s on %s: %d bytes differ\n", i, str(c, "op"), str(c, "input"), wrong);
    CHECK(wrong == 0);
  }
  CHECK(i > 100);
}

/* The generator's byte noise, pixel-interleaved there. */
static void noise(uint8_t *planes, int side, uint32_t x) {
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < side * side; i++) {
      x = x * 1664525u + 1013904223u;
      planes[c * side * side + i] = (uint8_t)(x >> 24);
    }
}

/* Part k of the colour cube in steps of 5, 64 x 64 colours each. */
static void cube(uint8_t *planes, int k) {
  memset(planes, 0, VG_IMAGE_BYTES);
  for (int i = 0; i < 4096; i++) {
    int j = k * 4096 + i;
    if (j >= 52 * 52 * 52) break;
    planes[i] = (uint8_t)(j / 2704 * 5);
    planes[4096 + i] = (uint8_t)(j / 52 % 52 * 5);
    planes[8192 + i] = (uint8_t)(j % 52 * 5);
  }
}

static void sweeps(const json_t *root) {
  static uint8_t base[VG_IMAGE_BYTES], part[VG_IMAGE_BYTES];
  size_t i;
  json_t *s;
  noise(base, 64, 7);
  json_array_foreach(json_object_get(root, "sweeps"), i, s) {
    bool cubed = json_object_get(s, "cube") != NULL;
    if (cubed) cube(part, (int)num(s, "cube"));
    vg_image m = image(cubed ? part : base, 64);
    colour(str(s, "op"))(&m, num(s, "value"));
    bool same = fnv(m.px, 3 * 64 * 64) == strtoull(str(s, "fnv"), NULL, 16);
    if (!same) printf("sweep %zu, %s %g differs\n", i, str(s, "op"), num(s, "value"));
    CHECK(same);
  }
  CHECK(i > 300);
}

/* One pixel at a time takes the portable loops: the same bytes as eight at a time. */
static void portable(void) {
  static uint8_t whole[VG_IMAGE_BYTES], base[VG_IMAGE_BYTES];
  static const colour_fn fns[2] = {vg_image_hue, vg_image_saturation};
  static const double values[2][3] = {{-0.1, 0.03, 0.5}, {0.8, 1.15, 1.2}};
  noise(base, 64, 9);
  for (int f = 0; f < 2; f++)
    for (int v = 0; v < 3; v++) {
      vg_image m = image(base, 64);
      int wrong = 0;
      fns[f](&m, values[f][v]);
      memcpy(whole, m.px, sizeof whole);
      for (int i = 0; i < 4096; i++) {
        vg_image one = {buffers[0], buffers[1], 1, 1};
        for (int c = 0; c < 3; c++) one.px[c] = base[c * 4096 + i];
        fns[f](&one, values[f][v]);
        for (int c = 0; c < 3; c++) wrong += one.px[c] != whole[c * 4096 + i];
      }
      CHECK(wrong == 0);
    }
}

static void tables(const json_t *root) {
  const char *name;
  json_t *t;
  json_object_foreach(json_object_get(root, "tables"), name, t) {
    double mean[3], std[3];
    vg_pipeline p = {0};
    for (size_t c = 0; c < 3; c++) {
      mean[c] = json_number_value(json_array_get(json_object_get(t, "mean"), c));
      std[c] = json_number_value(json_array_get(json_object_get(t, "std"), c));
    }
    (*name == 'a' ? vg_pipeline_albumentations_table : vg_pipeline_torchvision_table)(&p, mean,
                                                                                      std);
    CHECK(memcmp(p.table, blob + (int)num(t, "at"), sizeof p.table) == 0);
  }
}

int main(void) {
  json_error_t e;
  json_t *root = json_load_file("tests/parity/augment.json", 0, &e);
  FILE *f = fopen("tests/parity/augment.bin", "rb");
  if (!root || !f || fread(blob, 1, sizeof blob, f) == 0) {
    printf("cannot read tests/parity/augment.*: %s\n", e.text);
    return 1;
  }
  fclose(f);
  cases(root);
  sweeps(root);
  tables(root);
  portable();
  json_decref(root);
  return tally("augment parity");
}
