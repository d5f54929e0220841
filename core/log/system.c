/* Reads getrusage, /proc/self/statm, /proc/self/status and /proc/meminfo. */
#include "log/system.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

static const double MB = 1048576.0;

/* The number after `name` in a file of lines `Name:  123 kB`, -1 when there is none. */
static double proc_value(const char *path, const char *name) {
  char line[200];
  double v = -1;
  size_t n = strlen(name);
  FILE *f = fopen(path, "re");
  if (!f) return -1;
  while (v < 0 && fgets(line, sizeof line, f))
    if (strncmp(line, name, n) == 0 && line[n] == ':' && sscanf(line + n + 1, "%lf", &v) != 1)
      v = -1;
  fclose(f);
  return v;
}

static double resident_bytes(void) {
  double pages = -1;
  FILE *f = fopen("/proc/self/statm", "re");
  if (!f) return -1;
  if (fscanf(f, "%*s %lf", &pages) != 1) pages = -1;
  fclose(f);
  return pages < 0 ? -1 : pages * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void) {
  struct rusage u;
  if (getrusage(RUSAGE_SELF, &u) != 0) return 0;
  return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
         ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e-6;
}

int vg_system_sample(vg_system *s, vg_system_metric out[VG_SYSTEM_METRICS]) {
  double now = vg_clock(), used = cpu_seconds();
  double total = proc_value("/proc/meminfo", "MemTotal") * 1024;
  double available = proc_value("/proc/meminfo", "MemAvailable") * 1024;
  double rss = resident_bytes(), threads = proc_value("/proc/self/status", "Threads");
  int n = 0;
  if (s->at > 0 && now > s->at)
    out[n++] = (vg_system_metric){"cpu", 100 * (used - s->cpu_seconds) / (now - s->at) /
                                             (double)sysconf(_SC_NPROCESSORS_ONLN)};
  s->at = now;
  s->cpu_seconds = used;
  if (rss >= 0) out[n++] = (vg_system_metric){"proc.memory.rssMB", rss / MB};
  if (rss >= 0 && total > 0)
    out[n++] = (vg_system_metric){"proc.memory.percent", 100 * rss / total};
  if (available >= 0) out[n++] = (vg_system_metric){"proc.memory.availableMB", available / MB};
  if (available >= 0 && total > 0)
    out[n++] = (vg_system_metric){"memory_percent", 100 * (total - available) / total};
  if (threads >= 0) out[n++] = (vg_system_metric){"proc.cpu.threads", threads};
  return n;
}
