/* MD5 and SHA-256 over libmd, reading through a map. */
#include "io/hash.h"

#include <md5.h>
#include <sha2.h>

#include "io/file.h"

vg_status vg_file_md5(vg_digest *out, const char *path) {
  vg_map m = {0};
  MD5_CTX c;
  vg_status st;
  VG_TRY(vg_map_open(&m, path, "md5"));
  MD5Init(&c);
  if (m.size) MD5Update(&c, m.data, m.size);
  MD5End(&c, out->hex);
done:
  vg_map_close(&m);
  return st;
}

vg_status vg_file_sha256(vg_digest *out, const char *path) {
  vg_map m = {0};
  SHA2_CTX c;
  vg_status st;
  VG_TRY(vg_map_open(&m, path, "sha256"));
  SHA256Init(&c);
  if (m.size) SHA256Update(&c, m.data, m.size);
  SHA256End(&c, out->hex);
done:
  vg_map_close(&m);
  return st;
}
