/* Backends by name: "cpu" is built in, everything else is a plugin opened at run time, once, never
   unloaded. A plugin that cannot be used leaves a sentence, which every later request repeats. */
#ifndef VG_DEVICE_REGISTRY_H
#define VG_DEVICE_REGISTRY_H

#include "base/status.h"

struct vg_backend;

/* The backend called `name`. Plugins are looked for as libvgglua_<name>.so in VG_PLUGIN_PATH, then
   beside libvgglua. Failure: VG_EDEVICE, the message says what was tried and why it failed. */
VG_API vg_status vg_registry_find(const struct vg_backend **out, const char *name);

/* One line a known backend for reports: "cpu: built in", "cuda: no driver library". */
VG_API const char *vg_registry_report(void);

#endif
