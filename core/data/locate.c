/* Where a CIFAR-10 copy lies, and what the user may have meant where there is none. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "data/cifar10.h"

static bool is_file(const char *dir, const char *name) {
  char path[4096 + 256];
  struct stat s;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static bool is_dir(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), k = strlen(end);
  return n >= k && strcmp(s + n - k, end) == 0;
}

/* A directory that holds batch files itself. */
static bool holds_files(vg_cifar_place *out, const char *dir) {
  bool bin = false, py = false;
  char name[32];
  for (int i = 0; i <= 5; i++) {
    snprintf(name, sizeof name, i ? "data_batch_%d" : "test_batch", i);
    py = py || is_file(dir, name);
    strcat(name, ".bin");
    bin = bin || is_file(dir, name);
  }
  if (!bin && !py) return false;
  out->form = bin ? VG_CIFAR_BIN_DIR : VG_CIFAR_PY_DIR;
  snprintf(out->path, sizeof out->path, "%s", dir);
  return true;
}

static bool is_archive(vg_cifar_place *out, const char *path) {
  struct stat s;
  if (stat(path, &s) != 0 || !S_ISREG(s.st_mode)) return false;
  if (ends_with(path, "binary.tar.gz") || ends_with(path, "binary.tar"))
    out->form = VG_CIFAR_BIN_TAR;
  else if (ends_with(path, "python.tar.gz") || ends_with(path, "python.tar"))
    out->form = VG_CIFAR_PY_TAR;
  else
    return false;
  snprintf(out->path, sizeof out->path, "%s", path);
  return true;
}

static bool look(vg_cifar_place *out, const char *root) {
  char path[4096];
  static const char *const dirs[] = {"cifar-10-batches-bin", "cifar-10-batches-py"};
  static const char *const archives[] = {"cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
    if (holds_files(out, path)) return true;
  }
  if (holds_files(out, root)) return true;
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", root, archives[i]);
    if (is_archive(out, path)) return true;
  }
  return is_archive(out, root);
}

/* Edits (insert, delete, replace, swap of neighbours) between two names, 99 for long ones. */
static int edits(const char *a, const char *b) {
  int n = (int)strlen(a), m = (int)strlen(b), d[34][34];
  if (n > 32 || m > 32) return 99;
  for (int i = 0; i <= n; i++)
    for (int j = 0; j <= m; j++) {
      if (!i || !j) {
        d[i][j] = i + j;
        continue;
      }
      int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  return d[n][m];
}

/* Among the sub-directories of `dir`, one that holds CIFAR-10 or, failing that, is spelt like
 * `name`. */
static void nearest_in(const char *dir, const char *name, vg_text *found) {
  int best = 3; /* at most two edits */
  DIR *d = opendir(dir);
  vg_cifar_place place;
  char path[4096];
  for (struct dirent *e; d && (e = readdir(d));) {
    if (e->d_name[0] == '.') continue;
    int k = name ? edits(name, e->d_name) : 99;
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    if (!is_dir(path)) continue;
    if (look(&place, path))
      k = name ? k - 3 : -3; /* data there counts more than spelling */
    else if (!name)
      continue;
    if (k >= best) continue;
    best = k;
    vg_text_free(found);
    vg_text_printf(found, "%s", path);
  }
  if (d) closedir(d);
}

static void suggest(const char *root, vg_text *found) {
  char dir[4096];
  const char *name;
  if (is_dir(root)) {
    nearest_in(root, NULL, found);
    if (found->len) return;
  }
  snprintf(dir, sizeof dir, "%s", root);
  for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--) dir[n - 1] = 0;
  char *slash = strrchr(dir, '/');
  name = slash ? slash + 1 : root;
  if (slash) *slash = 0;
  if (*name) nearest_in(slash ? (*dir ? dir : "/") : ".", name, found);
}

vg_status vg_cifar10_find(vg_cifar_place *out, const char *root) {
  vg_text near = {0};
  if (strlen(root) > 3900)
    return vg_fail(VG_EDATA, "data: path of %zu bytes is too long", strlen(root));
  if (look(out, root)) return VG_OK;
  suggest(root, &near);
  vg_fail(VG_EDATA,
          "data: no CIFAR-10 in '%s' (looked for cifar-10-batches-bin/ and "
          "cifar-10-batches-py/).%s%s%s "
          "Or run: vgglua fetch cifar10 --data-root %s",
          root, near.len ? " Did you mean '" : "", vg_text_str(&near), near.len ? "'?" : "", root);
  vg_text_free(&near);
  return VG_EDATA;
}
