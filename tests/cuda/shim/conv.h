/* Convolutions done plainly, for the stand-in of cuDNN. */
#ifndef VG_SHIM_CONV_H
#define VG_SHIM_CONV_H

#include <stdbool.h>
#include <stdint.h>

typedef struct shim_tensor {
  void *data;
  bool bf16;
  int64_t dim[4], stride[4]; /* N, C, H, W, or K, C, R, S; in elements */
} shim_tensor;

typedef struct shim_window {
  int64_t stride[2], pad[2], dilation[2];
  bool flipped; /* a true convolution, not a cross-correlation */
} shim_window;

typedef enum shim_pass { SHIM_FORWARD, SHIM_BACKWARD_DATA, SHIM_BACKWARD_FILTER } shim_pass;
typedef enum shim_rounding { SHIM_EXACT, SHIM_TF32 } shim_rounding;

/* out = alpha * conv + beta * out, where out is y, x or w by pass. `backwards`: sums run the other
   way round. Sums are in f32. Groups follow from the channels of x and w. */
void shim_convolve(shim_pass pass, const shim_tensor *x, const shim_tensor *w, const shim_tensor *y,
                   const shim_window *v, double alpha, double beta, shim_rounding rounding,
                   bool backwards);

float shim_load(const shim_tensor *t, int64_t offset);
void shim_store(const shim_tensor *t, int64_t offset, float value);
float shim_round(float v, shim_rounding rounding);
/* Bytes from the first element to behind the last. */
int64_t shim_extent(const shim_tensor *t);

#endif
