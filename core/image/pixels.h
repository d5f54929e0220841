/* Tensors as pictures: channels first to interleaved bytes. */
#ifndef VG_IMAGE_PIXELS_H
#define VG_IMAGE_PIXELS_H

#include "image/pngfile.h"
#include "tensor/tensor.h"

/* x (3 x H x W, 1 x H x W or H x W) as `channels` (1 or 3) interleaved bytes, 0: as x has them.
   Floats in 0 .. 1 are scaled and rounded, others cut off; NaN becomes 0. Integers are 0 .. 255. */
vg_status vg_pixels_of(vg_pixels *out, const vg_tensor *x, int channels);

#endif
