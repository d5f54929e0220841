/* PNG in memory, 8 bits a channel, grey or RGB. */
#ifndef VG_IMAGE_PNGFILE_H
#define VG_IMAGE_PNGFILE_H

#include "base/status.h"

typedef struct vg_pixels {
  uint8_t *data; /* height x width x channels; vg_free */
  int width, height, channels;
} vg_pixels;

/* `pixels` (channels 1 or 3) as PNG bytes; *out is the caller's, for vg_free. VG_EINVAL for other
   channels or empty pictures, VG_ENOMEM. */
vg_status vg_png_write(uint8_t **out, size_t *size, const vg_pixels *pixels);

/* The picture in `png`, as grey or RGB without its transparency, which is laid over black. VG_EDATA
   for what is not a PNG, damaged, or larger than 2^26 pixels. */
vg_status vg_png_read(vg_pixels *out, const void *png, size_t size);

#endif
