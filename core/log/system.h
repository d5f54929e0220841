/* What this process and the machine use, in the names W&B gives its system metrics. */
#ifndef VG_LOG_SYSTEM_H
#define VG_LOG_SYSTEM_H

#include "base/status.h"

enum { VG_SYSTEM_METRICS = 6 };

typedef struct vg_system_metric {
  const char *name; /* without the prefix "system." */
  double value;
} vg_system_metric;

/* Zero-initialised before the first sample. */
typedef struct vg_system {
  double at, cpu_seconds; /* of the sample before */
} vg_system;

/* Fills `out`, returns how many are known: cpu (percent of all cores since the sample before),
   proc.memory.rssMB, proc.memory.percent, proc.memory.availableMB, memory_percent,
   proc.cpu.threads. */
int vg_system_sample(vg_system *s, vg_system_metric out[VG_SYSTEM_METRICS]);

#endif
