/* The only file that opens plugins. The table is written under a lock and only ever grows. */
#include "device/registry.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vgglua/backend.h"

extern const vg_backend vg_cpu_backend, vg_plan_backend;

enum { MOST = 8 };

typedef struct entry {
  char name[24];
  const vg_backend *be; /* NULL: `why` says why not */
  char why[512];
} entry;

static entry table[MOST];
static int used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void own_folder(char *out, size_t n) {
  Dl_info info;
  char *slash;
  out[0] = 0;
  if (!dladdr((const void *)&vg_cpu_backend, &info) || !info.dli_fname) return;
  snprintf(out, n, "%s", info.dli_fname);
  slash = strrchr(out, '/');
  if (slash)
    *slash = 0;
  else
    snprintf(out, n, ".");
}

/* A driver library that must open before the plugin is tried: opening a CUDA plugin without a
   driver succeeds slowly and fails later with a worse sentence. */
static bool driver_missing(const char *name) {
  void *driver;
  if (strcmp(name, "cuda") != 0) return false;
  driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver) dlclose(driver);
  return !driver;
}

static const vg_backend *check(entry *e, const vg_backend *be, const char *path) {
  if (be->abi != VG_ABI) {
    snprintf(e->why, sizeof e->why, "plugin %s has ABI %u, this vgglua wants %u; rebuild it", path,
             be->abi, VG_ABI);
    return NULL;
  }
  if (!be->device || !be->memory || be->device->count() < 1) {
    snprintf(e->why, sizeof e->why, "plugin %s found, but it sees no %s", path,
             strcmp(e->name, "cuda") != 0 ? "device" : "GPU");
    return NULL;
  }
  return be;
}

static const vg_backend *load(entry *e, const char *path) {
  const vg_backend *be = NULL;
  vg_backend_init_fn init = NULL;
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!lib && access(path, F_OK) != 0) {
    snprintf(e->why, sizeof e->why, "there is no such device; have auto, cpu, cuda, cuda:N");
    return NULL;
  }
  if (!lib) {
    snprintf(e->why, sizeof e->why, "%s", dlerror());
    return NULL;
  }
  *(void **)&init = dlsym(lib, VG_BACKEND_INIT_SYMBOL);
  if (!init) {
    snprintf(e->why, sizeof e->why, "plugin %s has no " VG_BACKEND_INIT_SYMBOL, path);
    return NULL;
  }
  if (init(VG_ABI, &be) != VG_OK || !be) {
    snprintf(e->why, sizeof e->why, "plugin %s cannot start: %s", path, vg_error());
    return NULL;
  }
  return check(e, be, path);
}

static bool is_there(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f) fclose(f);
  return f != NULL;
}

static void try_plugin(entry *e) {
  char folder[400], path[460];
  const char *env = getenv("VG_PLUGIN_PATH");
  bool gpu = !strcmp(e->name, "cuda");
  own_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/libvgglua_%s.so", env ? env : folder, e->name);
  if (gpu && !is_there(path))
    snprintf(e->why, sizeof e->why,
             "no GPU plugin (libvgglua_cuda.so) in %s. Build it with the CUDA toolkit, or "
             "--device cpu",
             env ? env : folder);
  else if (driver_missing(e->name))
    snprintf(e->why, sizeof e->why, "plugin found, but no NVIDIA driver (libcuda.so.1)");
  else
    e->be = load(e, path);
}

static entry *lookup(const char *name) {
  entry *e;
  for (int i = 0; i < used; i++)
    if (!strcmp(table[i].name, name)) return &table[i];
  if (used == MOST) return NULL;
  e = &table[used++];
  snprintf(e->name, sizeof e->name, "%s", name);
  if (!strcmp(name, "cpu"))
    e->be = &vg_cpu_backend;
  else if (!strcmp(name, "plan"))
    e->be = &vg_plan_backend;
  else
    try_plugin(e);
  return e;
}

vg_status vg_registry_find(const vg_backend **out, const char *name) {
  entry *e;
  if (!*name || strlen(name) >= sizeof e->name ||
      strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
    return vg_fail(VG_EDEVICE, "device: unknown device '%s'; have auto, cpu, cuda, cuda:N", name);
  pthread_mutex_lock(&lock);
  e = lookup(name);
  pthread_mutex_unlock(&lock);
  if (!e) return vg_fail(VG_EDEVICE, "device: too many backends");
  *out = e->be;
  return e->be ? VG_OK : vg_fail(VG_EDEVICE, "device: %s asked for, %s", name, e->why);
}

const char *vg_registry_report(void) {
  static _Thread_local char text[MOST * 600];
  size_t len = 0;
  text[0] = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < used && len < sizeof text; i++)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s: %s\n", table[i].name,
                            table[i].be ? "available" : table[i].why);
  pthread_mutex_unlock(&lock);
  return text;
}
