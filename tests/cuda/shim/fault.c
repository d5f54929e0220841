/* The lock around every call, counts of calls, and calls that are made to fail. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

enum { MOST = 512, NAME = 96 };

typedef struct counter {
  char name[NAME];
  long count;
} counter;

static counter counters[MOST];
static int used;
static long any;
static pthread_mutex_t mutex;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void write_report(const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) return;
  for (int i = 0; i < used; i++) fprintf(f, "%ld %s\n", counters[i].count, counters[i].name);
  fclose(f);
}

static void at_exit(int status, void *unused) {
  const char *path = getenv("VG_SHIM_REPORT"), *leaks;
  (void)unused;
  if (path) write_report(path);
  leaks = status == 0 ? shim_leaks() : NULL;
  if (leaks) shim_violation("at exit still alive: %s", leaks);
}

static void begin(void) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&mutex, &a);
  on_exit(at_exit, NULL);
}

void shim_lock(void) {
  pthread_once(&once, begin);
  pthread_mutex_lock(&mutex);
}

void shim_unlock(void) { pthread_mutex_unlock(&mutex); }

static counter *find(const char *name) {
  for (int i = 0; i < used; i++)
    if (!strcmp(counters[i].name, name)) return &counters[i];
  if (used == MOST) return &counters[MOST - 1];
  snprintf(counters[used].name, NAME, "%s", name);
  return &counters[used++];
}

void shim_count(const char *name, const char *detail) {
  char text[NAME];
  snprintf(text, sizeof text, "%s %s", name, detail);
  find(text)->count++;
}

/* Whether "CALL:N" or "CALL:N+" in the list means this call. */
static bool asked(const char *list, const char *call, long count) {
  size_t len = strlen(call);
  const char *p = list;
  while (p && *p) {
    char *end;
    if (!strncmp(p, call, len) && p[len] == ':') {
      long n = strtol(p + len + 1, &end, 10);
      if (count == n || (*end == '+' && count > n)) return true;
    }
    p = strchr(p, ',');
    if (p) p++;
  }
  return false;
}

bool shim_enter(const char *call) {
  const char *list = getenv("VG_SHIM_FAIL");
  long count = ++find(call)->count;
  any++;
  return list && (asked(list, call, count) || asked(list, "any", any));
}
