/* The choice of convolution algorithms: rule, memory, tuning, the file of winners. */
#include "cpu/conv_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"

static const char *const names[VG_CONV_ALGORITHMS] = {"direct", "winograd", "pixels",
                                                      "onednn_winograd"};
static const char *const passes[3] = {"forward", "data", "weight"};

enum { KEY = 160, BUCKETS = 256 };

typedef struct choice {
  char key[KEY];
  vg_conv_algorithm algorithm;
  struct choice *next;
} choice;

/* Of one device. */
typedef struct table {
  choice *bucket[BUCKETS];
  bool file_read;
} table;

/* ---- memory ---- */

static void close_table(void *p) {
  table *t = p;
  for (int i = 0; i < BUCKETS; i++) {
    choice *c = t->bucket[i], *next;
    for (; c; c = next) {
      next = c->next;
      vg_free(c);
    }
  }
  vg_free(t);
}

static vg_status open_table(table **out, vg_device *d) {
  vg_cpu_priv *p = vg_cpu_state(d);
  if (!p->choices && !(p->choices = vg_calloc(1, sizeof(table)))) return VG_ENOMEM;
  vg_cpu_choices_close = close_table;
  *out = p->choices;
  return VG_OK;
}

static choice **slot(table *t, const char *key) {
  uint32_t h = 2166136261u;
  for (const char *s = key; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
  choice **at = &t->bucket[h % BUCKETS];
  while (*at && strcmp((*at)->key, key) != 0) at = &(*at)->next;
  return at;
}

static vg_status remember(table *t, const char *key, vg_conv_algorithm a) {
  choice **at = slot(t, key);
  if (!*at) {
    if (!(*at = vg_calloc(1, sizeof **at))) return VG_ENOMEM;
    snprintf((*at)->key, KEY, "%s", key);
  }
  (*at)->algorithm = a;
  return VG_OK;
}

/* "forward 128x64x32x32 w64x3x3 s1x1 p1x1 d1x1 g1" */
static void key_of(char *key, const vg_conv_problem *c) {
  snprintf(key, KEY, "%s %lldx%lldx%lldx%lld w%lldx%lldx%lld s%dx%d p%dx%d d%dx%d g%d",
           passes[c->pass], (long long)c->n, (long long)c->c, (long long)c->h, (long long)c->w,
           (long long)c->k, (long long)c->r, (long long)c->s, c->stride[0], c->stride[1], c->pad[0],
           c->pad[1], c->dilation[0], c->dilation[1], c->groups);
}

static int number_of(const char *name, size_t len) {
  for (int a = 0; a < VG_CONV_ALGORITHMS; a++)
    if (strlen(names[a]) == len && !strncmp(names[a], name, len)) return a;
  return -1;
}

/* Lines `key=name`. */
static vg_status take_lines(table *t, const char *text, bool strict) {
  for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
    char key[KEY];
    end = line + strcspn(line, "\n");
    const char *mark = memchr(line, '=', (size_t)(end - line));
    int a = mark ? number_of(mark + 1, (size_t)(end - mark - 1)) : -1;
    vg_status st;
    if (a < 0 || mark - line >= KEY) {
      if (!strict || end == line) continue;
      return vg_fail(VG_EINVAL, "conv2d: '%.*s' names no algorithm", (int)(end - line), line);
    }
    snprintf(key, KEY, "%.*s", (int)(mark - line), line);
    if ((st = remember(t, key, (vg_conv_algorithm)a)) != VG_OK) return st;
  }
  return VG_OK;
}

vg_status vg_conv_choices(vg_device *d, vg_text *out) {
  table *t;
  vg_status st;
  VG_TRY(open_table(&t, d));
  for (int i = 0; i < BUCKETS; i++)
    for (const choice *c = t->bucket[i]; c; c = c->next)
      vg_text_printf(out, "%s=%s\n", c->key, names[c->algorithm]);
  if (out->failed) VG_TRY(VG_ENOMEM);
done:
  return st;
}

vg_status vg_conv_set_choices(vg_device *d, const char *text) {
  table *t;
  vg_status st;
  VG_TRY(open_table(&t, d));
  st = take_lines(t, text, true);
done:
  return st;
}

/* ---- the file of winners: a cache, so failures to read or write it are nobody's business ---- */

static void cpu_name(char *out, size_t n) {
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "re");
  snprintf(out, n, "cpu");
  while (f && fgets(line, sizeof line, f)) {
    const char *name = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !name) continue;
    size_t len = 0;
    for (name++; *name && len + 1 < n; name++)
      if ((*name >= '0' && *name <= '9') || (*name >= 'A' && *name <= 'Z') ||
          (*name >= 'a' && *name <= 'z'))
        out[len++] = *name;
    out[len] = 0;
    break;
  }
  if (f) fclose(f);
}

static bool file_name(char *path, size_t n, vg_device *d) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  char cpu[96];
  size_t len;
  if (!(cache && *cache) && !(home && *home)) return false;
  len = (size_t)snprintf(path, n, "%s%s", cache && *cache ? cache : home,
                         cache && *cache ? "" : "/.cache");
  if (len >= n) return false;
  mkdir(path, 0777);
  len += (size_t)snprintf(path + len, n - len, "/vgglua");
  if (len >= n) return false;
  mkdir(path, 0777);
  cpu_name(cpu, sizeof cpu);
  len += (size_t)snprintf(path + len, n - len, "/conv-%s-%d-%s.txt", cpu, vg_cpu_threads(d),
                          VGGLUA_VERSION);
  return len < n;
}

static vg_status read_file(table *t, vg_device *d) {
  char path[512], line[KEY + 32];
  FILE *f;
  vg_status st = VG_OK;
  if (t->file_read) return VG_OK;
  t->file_read = true;
  if (!file_name(path, sizeof path, d) || !(f = fopen(path, "re"))) return VG_OK;
  while (st == VG_OK && fgets(line, sizeof line, f)) st = take_lines(t, line, false);
  fclose(f);
  return st;
}

static void append_to_file(vg_device *d, const char *key, vg_conv_algorithm a) {
  char path[512];
  FILE *f;
  if (!file_name(path, sizeof path, d) || !(f = fopen(path, "ae"))) return;
  fprintf(f, "%s=%s\n", key, names[a]);
  fclose(f);
}

/* ---- choosing ---- */

static bool has(vg_device *d, const vg_conv_problem *c, vg_conv_algorithm a) {
  vg_conv_problem p = *c;
  if (a == VG_CONV_WINOGRAD) return vg_conv_winograd_has(c);
  if (a == VG_CONV_PIXELS) return vg_conv_pixels_has(c);
  p.algorithm = a == VG_CONV_DIRECT ? VG_DNN_DIRECT : VG_DNN_WINOGRAD;
  return vg_dnn_conv_has(d, &p);
}

/* Measured to win at every size of VGG-16; below 3 x 3 a tile of 4 x 4 is mostly waste. */
static vg_conv_algorithm rule(const vg_conv_problem *c) {
  if (c->p * c->q <= 4 && vg_conv_pixels_has(c)) return VG_CONV_PIXELS;
  if (c->p > 2 && c->q > 2 && vg_conv_winograd_has(c)) return VG_CONV_WINOGRAD;
  return VG_CONV_DIRECT;
}

vg_status vg_conv_run(vg_device *d, const vg_conv_data *t, vg_conv_algorithm a) {
  vg_conv_problem p = *t->c;
  vg_cpu_state(d)->kernel = names[a];
  if (a == VG_CONV_WINOGRAD) return vg_conv_winograd(d, t);
  if (a == VG_CONV_PIXELS) return vg_conv_pixels(d, t);
  p.algorithm = a == VG_CONV_DIRECT ? VG_DNN_DIRECT : VG_DNN_WINOGRAD;
  return vg_dnn_conv(d, &p, t->x, t->w, t->bias, t->y);
}

static vg_status tune(vg_conv_algorithm *out, vg_device *d, const vg_conv_data *t) {
  enum { RUNS = 4 }; /* the first one also creates what is cached */
  double least = 1e30;
  vg_status st = VG_OK;
  for (int a = 0; a < VG_CONV_ALGORITHMS; a++) {
    if (!has(d, t->c, (vg_conv_algorithm)a)) continue;
    if (a == VG_CONV_PIXELS && t->c->p * t->c->q > 16) continue;
    for (int i = 0; i < RUNS; i++) {
      double start = vg_clock();
      VG_TRY(vg_conv_run(d, t, (vg_conv_algorithm)a));
      start = vg_clock() - start;
      if (i == 0 || start >= least) continue;
      least = start;
      *out = (vg_conv_algorithm)a;
    }
  }
done:
  return st;
}

vg_status vg_conv_choose(vg_conv_algorithm *out, vg_device *d, const vg_conv_data *t) {
  const char *env = getenv("VGG_CONV");
  bool tuning = env && !strcmp(env, "tune") && !d->ctx->deterministic && !vg_cpu_plans(d);
  int pinned = env ? number_of(env, strlen(env)) : -1;
  char key[KEY];
  choice *known;
  table *all;
  vg_status st;
  VG_TRY(open_table(&all, d));
  if (tuning) VG_TRY(read_file(all, d));
  key_of(key, t->c);
  known = *slot(all, key);
  *out = known ? known->algorithm : rule(t->c);
  if (known && has(d, t->c, *out)) return VG_OK;
  if (known) *out = rule(t->c); /* imposed from another machine */
  if (pinned >= 0 && has(d, t->c, (vg_conv_algorithm)pinned)) *out = (vg_conv_algorithm)pinned;
  if (tuning) {
    VG_TRY(tune(out, d, t));
    append_to_file(d, key, *out);
  }
  st = remember(all, key, *out);
done:
  return st;
}
