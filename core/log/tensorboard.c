/* Events and their framing. Field numbers are those of tensorflow/core/util/event.proto and
   tensorflow/core/framework/summary.proto. */
#include "log/tensorboard.h"

#include <math.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/protobuf.h"

enum { HEAD = 12 }; /* length and its check sum */

/* Event */
enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, GRAPH_DEF = 4, SUMMARY = 5, SESSION_LOG = 7 };
/* Summary.Value */
enum { TAG = 1, SIMPLE_VALUE = 2, IMAGE = 4, HISTOGRAM = 5, TENSOR = 8, METADATA = 9 };
/* TensorProto */
enum { DTYPE = 1, SHAPE = 2, FLOAT_VAL = 5, STRING_VAL = 8, DT_FLOAT = 1, DT_STRING = 7 };

/* ---- framing ---- */

static void little_endian(char *p, uint64_t v, int n) {
  for (int i = 0; i < n; i++) p[i] = (char)(v >> 8 * i & 255);
}

/* So that a sum over data that holds sums stays a good one. */
static uint32_t masked(const void *data, size_t n) {
  uint32_t c = vg_crc32c(0, data, n);
  return (c >> 15 | c << 17) + 0xa282ead8u;
}

/* Room for the head, then the event's first fields; returns where the record begins. */
static size_t begin(vg_text *t, double wall, int64_t step) {
  static const char room[HEAD];
  size_t at = t->len;
  vg_text_add(t, room, HEAD);
  vg_pb_double(t, WALL_TIME, wall);
  if (step) vg_pb_int(t, STEP, step);
  return at;
}

static void end(vg_text *t, size_t at) {
  char sum[4];
  size_t n = t->len - at - HEAD;
  if (t->failed) return;
  little_endian(t->data + at, n, 8);
  little_endian(t->data + at + 8, masked(t->data + at, 8), 4);
  little_endian(sum, masked(t->data + at + HEAD, n), 4);
  vg_text_add(t, sum, 4);
}

/* ---- events ---- */

void vg_tb_version(vg_text *out, double wall) {
  size_t at = begin(out, wall, 0);
  vg_pb_string(out, FILE_VERSION, "brain.Event:2");
  end(out, at);
}

void vg_tb_restart(vg_text *out, double wall, int64_t step) {
  enum { STATUS = 1, START = 1 };
  size_t at = begin(out, wall, step), m = vg_pb_begin(out, SESSION_LOG);
  vg_pb_uint(out, STATUS, START);
  vg_pb_end(out, m);
  end(out, at);
}

void vg_tb_graph(vg_text *out, double wall, const void *graph_def, size_t n) {
  size_t at = begin(out, wall, 0);
  vg_pb_bytes(out, GRAPH_DEF, graph_def, n);
  end(out, at);
}

typedef struct mark {
  size_t record, summary, value;
} mark;

static size_t begin_value(vg_text *t, const char *tag) {
  size_t value = vg_pb_begin(t, 1);
  vg_pb_string(t, TAG, tag);
  return value;
}

/* An event with one value. */
static mark begin_one(vg_text *t, double wall, int64_t step, const char *tag) {
  mark m = {.record = begin(t, wall, step)};
  m.summary = vg_pb_begin(t, SUMMARY);
  m.value = begin_value(t, tag);
  return m;
}

static void end_one(vg_text *t, mark m) {
  vg_pb_end(t, m.value);
  vg_pb_end(t, m.summary);
  end(t, m.record);
}

void vg_tb_scalars(vg_text *out, double wall, int64_t step, const vg_tb_scalar *s, size_t n) {
  size_t at = begin(out, wall, step), summary = vg_pb_begin(out, SUMMARY);
  for (size_t i = 0; i < n; i++) {
    size_t value = begin_value(out, s[i].tag);
    vg_pb_float(out, SIMPLE_VALUE, (float)s[i].value);
    vg_pb_end(out, value);
  }
  vg_pb_end(out, summary);
  end(out, at);
}

void vg_tb_png(vg_text *out, double wall, int64_t step, const vg_tb_image *m) {
  enum { PNG_HEIGHT = 1, PNG_WIDTH = 2, COLOURS = 3, ENCODED = 4, RGB = 3 };
  mark one = begin_one(out, wall, step, m->tag);
  size_t image = vg_pb_begin(out, IMAGE);
  vg_pb_int(out, PNG_HEIGHT, m->height);
  vg_pb_int(out, PNG_WIDTH, m->width);
  vg_pb_int(out, COLOURS, RGB);
  vg_pb_bytes(out, ENCODED, m->png, m->bytes);
  vg_pb_end(out, image);
  end_one(out, one);
}

void vg_tb_histogram(vg_text *out, double wall, int64_t step, const char *tag,
                     const vg_histogram *h) {
  mark one = begin_one(out, wall, step, tag);
  size_t m = vg_pb_begin(out, HISTOGRAM);
  vg_pb_double(out, 1, h->min);
  vg_pb_double(out, 2, h->max);
  vg_pb_double(out, 3, h->num);
  vg_pb_double(out, 4, h->sum);
  vg_pb_double(out, 5, h->sum_squares);
  vg_pb_doubles(out, 6, h->edges + 1, h->n); /* upper limits */
  vg_pb_doubles(out, 7, h->counts, h->n);
  vg_pb_end(out, m);
  end_one(out, one);
}

static void plugin_metadata(vg_text *t, const vg_tb_plugin *p) {
  size_t metadata = vg_pb_begin(t, METADATA), data = vg_pb_begin(t, 1);
  vg_pb_string(t, 1, p->name);
  if (p->content_bytes) vg_pb_bytes(t, 2, p->content, p->content_bytes);
  vg_pb_end(t, data);
  vg_pb_end(t, metadata);
}

void vg_tb_tensor(vg_text *out, double wall, int64_t step, const vg_tb_plugin *p) {
  mark one = begin_one(out, wall, step, p->tag);
  size_t tensor = vg_pb_begin(out, TENSOR), shape, dim;
  vg_pb_uint(out, DTYPE, p->n < 0 ? DT_FLOAT : DT_STRING);
  shape = vg_pb_begin(out, SHAPE);
  if (p->is_vector) {
    dim = vg_pb_begin(out, 2);
    vg_pb_int(out, 1, p->n);
    vg_pb_end(out, dim);
  }
  vg_pb_end(out, shape);
  if (p->n < 0) vg_pb_bytes(out, FLOAT_VAL, "\0\0\0", 4); /* packed: one zero */
  for (int i = 0; i < p->n; i++)
    vg_pb_bytes(out, STRING_VAL, p->strings[i].data, p->strings[i].len);
  vg_pb_end(out, tensor);
  plugin_metadata(out, p);
  end_one(out, one);
}

/* ---- counting ---- */

static void measure(vg_histogram *h, const float *v, size_t n) {
  *h = (vg_histogram){.min = INFINITY, .max = -INFINITY};
  for (size_t i = 0; i < n; i++) {
    double x = (double)v[i];
    if (!isfinite(x)) continue;
    h->num++;
    h->sum += x;
    h->sum_squares += x * x;
    h->min = fmin(h->min, x);
    h->max = fmax(h->max, x);
  }
  if (h->num == 0) h->min = h->max = 0;
}

void vg_histogram_count(vg_histogram *out, double *edges, double *counts, size_t bins,
                        const float *v, size_t n) {
  double low, width;
  measure(out, v, n);
  low = out->min;
  width = out->max - out->min;
  if (width <= 0) {
    width = 1;
    low -= 0.5;
  }
  for (size_t i = 0; i <= bins; i++) edges[i] = low + width * (double)i / (double)bins;
  memset(counts, 0, bins * sizeof *counts);
  for (size_t i = 0; i < n; i++) {
    double at = ((double)v[i] - low) / width * (double)bins;
    if (!isfinite(at)) continue;
    counts[at >= (double)bins ? bins - 1 : at > 0 ? (size_t)at : 0]++;
  }
  out->edges = edges;
  out->counts = counts;
  out->n = bins;
}
