/* TensorBoard's event files: records of length, check sum, event, check sum, where an event is the
   protocol buffer `tensorflow.Event`. Each function appends one whole record to `out`; the first
   record of a file is vg_tb_version. `wall` is the time in seconds since 1970. */
#ifndef VG_LOG_TENSORBOARD_H
#define VG_LOG_TENSORBOARD_H

#include "base/text.h"

typedef struct vg_tb_scalar {
  const char *tag;
  double value; /* kept as a float */
} vg_tb_scalar;

typedef struct vg_tb_image {
  const char *tag;
  const void *png;
  size_t bytes;
  int64_t width, height;
} vg_tb_image;

/* n values between n + 1 edges, with what is known of all of them. */
typedef struct vg_histogram {
  double min, max, num, sum, sum_squares;
  const double *edges, *counts;
  size_t n;
} vg_histogram;

/* Something for a plugin: its content, and a tensor of strings (n < 0: none but a number). */
typedef struct vg_tb_plugin {
  const char *tag, *name;
  const void *content;
  size_t content_bytes;
  const vg_text *strings;
  int n;
  bool is_vector; /* also when it holds one string */
} vg_tb_plugin;

VG_API void vg_tb_version(vg_text *out, double wall);
/* The run goes on from `step`: what earlier files have from there on is void. */
VG_API void vg_tb_restart(vg_text *out, double wall, int64_t step);
VG_API void vg_tb_scalars(vg_text *out, double wall, int64_t step, const vg_tb_scalar *s, size_t n);
VG_API void vg_tb_png(vg_text *out, double wall, int64_t step, const vg_tb_image *m);
VG_API void vg_tb_histogram(vg_text *out, double wall, int64_t step, const char *tag,
                            const vg_histogram *h);
VG_API void vg_tb_tensor(vg_text *out, double wall, int64_t step, const vg_tb_plugin *p);
VG_API void vg_tb_graph(vg_text *out, double wall, const void *graph_def, size_t n);

/* Counts n floats in `bins` equal parts of their range into counts and edges (bins + 1); `out` has
   the rest. What is not finite is left out; a range of one value is widened. */
VG_API void vg_histogram_count(vg_histogram *out, double *edges, double *counts, size_t bins,
                               const float *v, size_t n);

#endif
