/* The generated data set: shapes are signed distances, edges are smoothed over one pixel. */
#include "data/synthetic.h"

#include <math.h>

#include "base/rng.h"

const char *const vg_synthetic_classes[10] = {"red_disc",    "blue_disc",     "ring",  "square",
                                              "triangle_up", "triangle_down", "cross", "h_bars",
                                              "v_bars",      "checker"};

enum { RED_DISC, BLUE_DISC, RING, SQUARE, UP, DOWN, CROSS, HBARS, VBARS, CHECKER };

#define SIDE VG_CIFAR_SIDE
#define CLUTTER 5

typedef struct rgb {
  float v[3]; /* 0..255 */
} rgb;

/* Clutter: short strokes with round ends. */
typedef struct stroke {
  float x, y, dx, dy, length, radius; /* start, unit direction */
  rgb colour;
} stroke;

typedef struct scene {
  int label;
  float x, y, size, c, s; /* centre, radius, cosine and sine of the tilt */
  rgb front, back[2];     /* the background runs from back[0] to back[1] along (gx, gy) */
  float gx, gy, noise;    /* noise: standard deviation in grey levels */
  stroke strokes[CLUTTER];
  int nstrokes;
} scene;

typedef struct draws {
  vg_stream stream;
  uint64_t block;
  vg_u32x4 w;
  int used;
} draws;

static float draw(draws *d, float low, float high) {
  if (d->used == 4) {
    d->w = vg_stream_block(d->stream, d->block++);
    d->used = 0;
  }
  return low + (high - low) * vg_u01(d->w.v[d->used++]);
}

static rgb from_hsv(float turn, float s, float v) {
  rgb c;
  for (int i = 0; i < 3; i++) {
    float k = fmodf((i == 0 ? 5.0f : i == 1 ? 3.0f : 1.0f) + turn * 6.0f + 6.0f, 6.0f);
    float a = k < 4.0f - k ? k : 4.0f - k;
    a = a < 0 ? 0 : a > 1 ? 1 : a;
    c.v[i] = 255.0f * v * (1.0f - s * a);
  }
  return c;
}

static float luma(rgb c) { return 0.30f * c.v[0] + 0.59f * c.v[1] + 0.11f * c.v[2]; }

static rgb front_colour(draws *d, int label) {
  if (label == RED_DISC || label == BLUE_DISC) {
    float turn = (label == RED_DISC ? 0.0f : 0.64f) + draw(d, -0.05f, 0.05f);
    return from_hsv(turn, draw(d, 0.6f, 1), draw(d, 0.55f, 1));
  }
  return from_hsv(draw(d, 0, 1), draw(d, 0, 1), draw(d, 0.05f, 1));
}

/* Background colours are drawn until they differ enough in brightness from the shape. */
static rgb back_colour(draws *d, rgb front) {
  rgb c = {{0}};
  for (int i = 0; i < 20; i++) {
    c = from_hsv(draw(d, 0, 1), draw(d, 0, 0.6f), draw(d, 0, 1));
    if (fabsf(luma(c) - luma(front)) > 45) break;
  }
  return c;
}

static void draw_scene(scene *a, draws *d, int label) {
  a->label = label;
  a->size = draw(d, 6.5f, 10.5f);
  float room = 15.0f - a->size, tilt = draw(d, -0.22f, 0.22f);
  a->x = 16 + draw(d, -room, room);
  a->y = 16 + draw(d, -room, room);
  a->c = cosf(tilt);
  a->s = sinf(tilt);
  a->front = front_colour(d, label);
  a->back[0] = back_colour(d, a->front);
  a->back[1] = back_colour(d, a->front);
  float g = draw(d, 0, 6.2831853f);
  a->gx = cosf(g) / SIDE;
  a->gy = sinf(g) / SIDE;
  a->noise = draw(d, 6, 26);
  a->nstrokes = (int)draw(d, 2, CLUTTER + 0.999f);
  for (int i = 0; i < a->nstrokes; i++) {
    float t = draw(d, 0, 6.2831853f);
    a->strokes[i] = (stroke){draw(d, 0, SIDE), draw(d, 0, SIDE),    cosf(t), sinf(t),
                             draw(d, 0, 14),   draw(d, 0.5f, 1.6f), {{0}}};
    a->strokes[i].colour = from_hsv(draw(d, 0, 1), draw(d, 0, 1), draw(d, 0, 1));
  }
}

static float maxf(float a, float b) { return a > b ? a : b; }
static float box(float u, float v, float w, float h) { return maxf(fabsf(u) - w, fabsf(v) - h); }

/* Equilateral, pointing to negative v; `r` is the distance from the centre to a corner. */
static float triangle(float u, float v, float r) {
  return maxf(v, fabsf(u) * 0.8660254f - v * 0.5f) - r * 0.5f;
}

/* Signed distance in pixels, negative inside; for the textures, of the dark-and-light pattern in a
 * box. */
static float distance(const scene *a, float x, float y) {
  float px = x - a->x, py = y - a->y, r = a->size;
  float u = a->c * px + a->s * py, v = a->c * py - a->s * px;
  float wave = 3.1415927f * 2.25f / r, edge = box(u, v, 0.85f * r, 0.85f * r);
  switch (a->label) {
    case RED_DISC:
    case BLUE_DISC: return sqrtf(u * u + v * v) - 0.9f * r;
    case RING: return fabsf(sqrtf(u * u + v * v) - 0.75f * r) - 0.2f * r;
    case SQUARE: return edge;
    case UP: return triangle(u, v - 0.2f * r, 1.15f * r);
    case DOWN: return triangle(u, -v - 0.2f * r, 1.15f * r);
    case CROSS: return fminf(box(u, v, r, 0.3f * r), box(u, v, 0.3f * r, r));
    case HBARS: return maxf(edge, -cosf(v * wave) / wave);
    case VBARS: return maxf(edge, -cosf(u * wave) / wave);
    default: return maxf(edge, -sinf(u * wave * 0.7f) * sinf(v * wave * 0.7f) / wave);
  }
}

static float stroke_distance(const stroke *k, float x, float y) {
  float px = x - k->x, py = y - k->y, t = px * k->dx + py * k->dy;
  t = t < 0 ? 0 : t > k->length ? k->length : t;
  px -= t * k->dx;
  py -= t * k->dy;
  return sqrtf(px * px + py * py) - k->radius;
}

static void blend(rgb *c, rgb over, float distance_) {
  float a = 0.5f - distance_;
  if (a <= 0) return;
  if (a > 1) a = 1;
  for (int i = 0; i < 3; i++) c->v[i] += a * (over.v[i] - c->v[i]);
}

/* About normal: the sum of four bytes, variance 4 * (256^2 - 1) / 12. */
static float noise(uint32_t word) {
  int sum = (int)((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
  return ((float)sum - 510.0f) * (1.0f / 147.8f);
}

static void render(uint8_t *planes, const scene *a, draws *d) {
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      float fx = (float)x + 0.5f, fy = (float)y + 0.5f;
      float t = 0.5f + (fx - 16) * a->gx + (fy - 16) * a->gy;
      t = t < 0 ? 0 : t > 1 ? 1 : t;
      rgb c;
      for (int i = 0; i < 3; i++)
        c.v[i] = a->back[0].v[i] + t * (a->back[1].v[i] - a->back[0].v[i]);
      for (int i = 0; i < a->nstrokes; i++)
        blend(&c, a->strokes[i].colour, stroke_distance(&a->strokes[i], fx, fy));
      blend(&c, a->front, distance(a, fx, fy));
      vg_u32x4 w = vg_stream_block(d->stream, d->block++);
      for (int i = 0; i < 3; i++) {
        float v = c.v[i] + a->noise * noise(w.v[i]) + 0.5f;
        planes[i * SIDE * SIDE + y * SIDE + x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
      }
    }
}

/* Class of image i: the runs of ten are shuffled one by one. */
static uint8_t label_of(uint64_t seed, uint32_t part, int64_t i) {
  uint8_t order[10];
  draws d = {
      {seed, (uint64_t)(part + 2) << 32 | (uint64_t)(i / 10), VG_RNG_SYNTHETIC}, 0, {{0}}, 4};
  for (int k = 0; k < 10; k++) order[k] = (uint8_t)k;
  for (int k = 9; k > 0; k--) {
    int j = (int)draw(&d, 0, (float)(k + 1));
    uint8_t t = order[k];
    order[k] = order[j];
    order[j] = t;
  }
  return order[i % 10];
}

vg_status vg_synthetic_new(vg_records **out, int64_t n, uint64_t seed, uint32_t part) {
  vg_records *r = NULL;
  vg_status st = vg_records_new(&r, n, SIDE, SIDE);
  if (st != VG_OK) return st;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < n; i++) {
    uint8_t *record = vg_record_at(r, i);
    draws d = {{seed, (uint64_t)part << 32 | (uint64_t)i, VG_RNG_SYNTHETIC}, 0, {{0}}, 4};
    scene a;
    record[0] = label_of(seed, part, i);
    draw_scene(&a, &d, record[0]);
    render(record + 1, &a, &d);
  }
  *out = r;
  return VG_OK;
}
