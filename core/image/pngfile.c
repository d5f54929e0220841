/* PNG through libpng's simplified interface, which reports errors instead of jumping. */
#include "image/pngfile.h"

#include <png.h>
#include <string.h>

#include "base/alloc.h"

vg_status vg_png_write(uint8_t **out, size_t *size, const vg_pixels *pixels) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  png_alloc_size_t bytes;
  uint8_t *png;
  *out = NULL;
  if (pixels->width < 1 || pixels->height < 1 || (pixels->channels != 1 && pixels->channels != 3))
    return vg_fail(VG_EINVAL, "png: want a grey or RGB picture, got %d x %d with %d channels",
                   pixels->width, pixels->height, pixels->channels);
  image.width = (png_uint_32)pixels->width;
  image.height = (png_uint_32)pixels->height;
  /* Large pictures are drawings: trying every filter on them takes three times as long for a
     quarter of the size. */
  if ((int64_t)pixels->width * pixels->height > 1 << 18) image.flags = PNG_IMAGE_FLAG_FAST;
  image.format = pixels->channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  if (!(png = vg_alloc(bytes))) return VG_ENOMEM;
  if (!png_image_write_to_memory(&image, png, &bytes, 0, pixels->data, 0, NULL)) {
    vg_free(png);
    return vg_fail(VG_EINTERNAL, "png: %s", image.message);
  }
  *out = png;
  *size = bytes;
  return VG_OK;
}

vg_status vg_png_read(vg_pixels *out, const void *png, size_t size) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  const png_color black = {0, 0, 0};
  vg_status st = VG_OK;
  *out = (vg_pixels){0};
  if (!png_image_begin_read_from_memory(&image, png, size))
    return vg_fail(VG_EDATA, "png: %s", image.message);
  if ((uint64_t)image.width * image.height > 1u << 26) {
    st = vg_fail(VG_EDATA, "png: %u x %u pixels are too many", image.width, image.height);
    goto done;
  }
  image.format = image.format & PNG_FORMAT_FLAG_COLOR ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  if (!(out->data = vg_alloc(PNG_IMAGE_SIZE(image)))) {
    st = VG_ENOMEM;
    goto done;
  }
  if (!png_image_finish_read(&image, &black, out->data, 0, NULL)) {
    st = vg_fail(VG_EDATA, "png: %s", image.message);
    goto done;
  }
  out->width = (int)image.width;
  out->height = (int)image.height;
  out->channels = image.format == PNG_FORMAT_RGB ? 3 : 1;
done:
  if (st != VG_OK) {
    vg_free(out->data);
    *out = (vg_pixels){0};
  }
  png_image_free(&image);
  return st;
}
