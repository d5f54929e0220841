/* MD5 and SHA-256 over libmd, reading through a map. */
#include "io/hash.h"

#include <md5.h>
#include <sha2.h>

#include "io/file.h"

void vg_md5(vg_digest *out, const void *data, size_t n) {
  MD5_CTX c;
  MD5Init(&c);
  if (n) MD5Update(&c, data, n);
  MD5End(&c, out->hex);
}

void vg_sha256(vg_digest *out, const void *data, size_t n) {
  SHA2_CTX c;
  SHA256Init(&c);
  if (n) SHA256Update(&c, data, n);
  SHA256End(&c, out->hex);
}

vg_status vg_file_md5(vg_digest *out, const char *path) {
  vg_map m = {0};
  vg_status st;
  VG_TRY(vg_map_open(&m, path, "md5"));
  vg_md5(out, m.data, m.size);
done:
  vg_map_close(&m);
  return st;
}

vg_status vg_file_sha256(vg_digest *out, const char *path) {
  vg_map m = {0};
  vg_status st;
  VG_TRY(vg_map_open(&m, path, "sha256"));
  vg_sha256(out, m.data, m.size);
done:
  vg_map_close(&m);
  return st;
}
