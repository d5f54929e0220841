/* The tuner: candidates of the heuristics, filtered by their notes, timed with events. */
#include "cuda/tuner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

enum { BUCKETS = 256, CANDIDATES = 10, BEST_OF_A = 7, RUNS = 5, ROUNDS = 3 };
static const int64_t MOST_WORKSPACE = (int64_t)512 << 20;

/* Of one device. */
typedef struct table {
  vg_cuda_plan *first;
  vg_cuda_plan *bucket[BUCKETS]; /* the bound ones */
  bool file_read;
} table;

/* ---- memory ---- */

static void close_table(void *p) {
  table *t = p;
  for (vg_cuda_plan *e = t->first, *next; e; e = next) {
    next = e->next;
    vg_cudnn_drop(&e->plan);
    vg_free(e);
  }
  vg_free(t);
}

static vg_status open_table(table **out, vg_device *d) {
  vg_cuda_priv *p = vg_cuda_state(d);
  if (!p->tuner && !(p->tuner = vg_calloc(1, sizeof(table)))) return VG_ENOMEM;
  p->tuner_close = close_table;
  *out = p->tuner;
  return VG_OK;
}

static const char *const passes[] = {"forward", "data", "weight"};

static void key_of(char *key, size_t n, const vg_cuda_problem *p) {
  snprintf(key, n, "%s %s%s%s %dx%dx%dx%d w%dx%dx%d s%dx%d p%dx%d d%dx%d g%d%s%s%s",
           passes[p->pass], p->bf16 ? "bf16" : "f32",
           p->pass == VG_PASS_WEIGHT && p->bf16 && !p->w_bf16 ? "-f32" : "",
           p->exact ? "-exact" : "", p->n, p->c, p->h, p->w, p->k, p->r, p->s, p->stride[0],
           p->stride[1], p->pad[0], p->pad[1], p->dilation[0], p->dilation[1], p->groups,
           p->bias ? " bias" : "", p->stats ? " stats" : "", p->any_order ? " any-order" : "");
}

static vg_cuda_plan *named(const table *t, const char *key) {
  vg_cuda_plan *e = t->first;
  while (e && strcmp(e->key, key) != 0) e = e->next;
  return e;
}

static vg_status named_or_new(vg_cuda_plan **out, table *t, const char *key) {
  if ((*out = named(t, key))) return VG_OK;
  if (!(*out = vg_calloc(1, sizeof **out))) return VG_ENOMEM;
  snprintf((*out)->key, sizeof(*out)->key, "%s", key);
  (*out)->next = t->first;
  t->first = *out;
  return VG_OK;
}

static vg_cuda_plan **hashed(table *t, const vg_cuda_problem *p) {
  const unsigned char *bytes = (const unsigned char *)p;
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < sizeof *p; i++) h = (h ^ bytes[i]) * 16777619u;
  return &t->bucket[h % BUCKETS];
}

static vg_status entry_of(vg_cuda_plan **out, table *t, const vg_cuda_problem *p) {
  vg_cuda_plan **at = hashed(t, p);
  char key[sizeof(*out)->key];
  vg_status st = VG_OK;
  for (*out = *at; *out; *out = (*out)->same_hash)
    if (!memcmp(&(*out)->problem, p, sizeof *p)) return VG_OK;
  key_of(key, sizeof key, p);
  VG_TRY(named_or_new(out, t, key));
  (*out)->problem = *p;
  (*out)->bound = true;
  (*out)->same_hash = *at;
  *at = *out;
done:
  return st;
}

static const char wanted[] = "wanted"; /* in the place of a plan that was not looked for yet */

/* A line `key=config[ ms]`, of a checkpoint (`strict`) or the file. */
static vg_status take_line(table *t, const char *line, size_t len, bool strict) {
  const char *mark = memchr(line, '=', len);
  size_t key_len = mark ? (size_t)(mark - line) : len, rest = mark ? len - key_len - 1 : 0;
  char key[sizeof((vg_cuda_plan *)0)->key], config[sizeof((vg_cuda_plan *)0)->config];
  size_t config_len = mark ? strcspn(mark + 1, " \n") : 0;
  vg_cuda_plan *e;
  vg_status st;
  if (config_len > rest) config_len = rest;
  if (!mark || !config_len || key_len >= sizeof key || config_len >= sizeof config)
    return strict && len ? vg_fail(VG_EINVAL, "conv2d: '%.*s' names no plan", (int)len, line)
                         : VG_OK;
  snprintf(key, sizeof key, "%.*s", (int)key_len, line);
  snprintf(config, sizeof config, "%.*s", (int)config_len, mark + 1);
  VG_TRY(named_or_new(&e, t, key));
  if (strict) e->asked = VG_CUDA_PATIENCE; /* as when the checkpoint was written */
  if (!strcmp(config, wanted) || !strcmp(e->config, config)) return VG_OK;
  memcpy(e->config, config, sizeof config);
  e->ms = config_len < rest ? strtod(mark + 1 + config_len, NULL) : 0;
  vg_cudnn_drop(&e->plan); /* imposed over another one */
  e->ready = false;
done:
  return st;
}

static const char *choice_of(const vg_cuda_plan *e) {
  if (e->problem.stats && !e->asked) return ""; /* nobody uses them, nor would after resuming */
  return e->ready ? e->config : e->problem.stats ? wanted : "";
}

vg_status vg_cuda_choices(vg_device *d, vg_text *out) {
  table *t;
  vg_status st;
  VG_TRY(open_table(&t, d));
  for (const vg_cuda_plan *e = t->first; e; e = e->next)
    if (*choice_of(e)) vg_text_printf(out, "%s=%s\n", e->key, choice_of(e));
  if (out->failed) VG_TRY(VG_ENOMEM);
done:
  return st;
}

vg_status vg_cuda_set_choices(vg_device *d, const char *text) {
  table *t;
  vg_status st;
  VG_TRY(open_table(&t, d));
  for (size_t len; *text; text += len + (text[len] != 0)) {
    len = strcspn(text, "\n");
    VG_TRY(take_line(t, text, len, true));
  }
done:
  return st;
}

/* ---- the file: a cache, so failures to read or write it are nobody's business ---- */

/* $XDG_CACHE_HOME/vgglua/cudnn-NVIDIAH10080GBHBM3-91900-0.1.0.txt; VGG_CUDA_PLANS names another. */
static bool file_name(char *path, size_t n, vg_device *d) {
  const char *own = getenv("VGG_CUDA_PLANS"), *cache = getenv("XDG_CACHE_HOME"),
             *home = getenv("HOME"), *gpu = vg_cuda_state(d)->gpu;
  size_t len;
  if (own) return *own && (size_t)snprintf(path, n, "%s", own) < n;
  if (!(cache && *cache) && !(home && *home)) return false;
  len = (size_t)snprintf(path, n, "%s%s", cache && *cache ? cache : home,
                         cache && *cache ? "" : "/.cache");
  if (len >= n) return false;
  mkdir(path, 0777);
  len += (size_t)snprintf(path + len, n - len, "/vgglua");
  if (len >= n) return false;
  mkdir(path, 0777);
  len += (size_t)snprintf(path + len, n - len, "/cudnn-");
  for (; *gpu && len + 1 < n; gpu++)
    if ((*gpu >= '0' && *gpu <= '9') || (*gpu >= 'A' && *gpu <= 'Z') ||
        (*gpu >= 'a' && *gpu <= 'z'))
      path[len++] = *gpu;
  if (len >= n) return false;
  len += (size_t)snprintf(path + len, n - len, "-%zu-%s.txt", cudnnGetVersion(), VGGLUA_VERSION);
  return len < n;
}

static vg_status read_file(table *t, vg_device *d) {
  char path[512], line[1024];
  FILE *f;
  vg_status st = VG_OK;
  if (t->file_read) return VG_OK;
  t->file_read = true;
  if (!file_name(path, sizeof path, d) || !(f = fopen(path, "re"))) return VG_OK;
  while (st == VG_OK && fgets(line, sizeof line, f))
    st = take_line(t, line, strcspn(line, "\n"), false);
  fclose(f);
  return st;
}

static void append_to_file(vg_device *d, const vg_cuda_plan *e) {
  char path[512];
  FILE *f;
  if (!file_name(path, sizeof path, d) || !(f = fopen(path, "ae"))) return;
  fprintf(f, "%s=%s %.6f\n", e->key, e->config, e->ms);
  fclose(f);
}

/* ---- running ---- */

vg_status vg_cuda_plan_run(vg_device *d, const vg_cuda_plan *plan, const vg_cuda_operands *o,
                           const vg_buf *workspace) {
  vg_buf own = {0};
  cudnnHandle_t handle;
  vg_status st;
  VG_TRY(vg_cuda_dnn(&handle, d));
  if (plan->workspace > 0 && !workspace) VG_TRY(vg_cuda_take(&own, d, (size_t)plan->workspace));
  VG_TRY(vg_cudnn_execute(handle, plan->plan, &plan->problem, o,
                          workspace ? workspace->ptr : own.ptr));
done:
  vg_buf_give(&own);
  return st;
}

/* The least mean of a few rounds; the first run loads the kernel. */
static vg_status measure(double *ms, vg_device *d, const vg_cuda_plan *plan,
                         const vg_cuda_operands *o) {
  cudaStream_t s = vg_cuda_stream(d);
  cudaEvent_t start = NULL, stop = NULL;
  float took;
  vg_status st;
  *ms = 1e30;
  VG_TRY(VG_CUDA(cudaEventCreate(&start)));
  VG_TRY(VG_CUDA(cudaEventCreate(&stop)));
  VG_TRY(vg_cuda_plan_run(d, plan, o, NULL));
  for (int round = 0; round < ROUNDS; round++) {
    VG_TRY(VG_CUDA(cudaEventRecord(start, s)));
    for (int i = 0; i < RUNS; i++) VG_TRY(vg_cuda_plan_run(d, plan, o, NULL));
    VG_TRY(VG_CUDA(cudaEventRecord(stop, s)));
    VG_TRY(VG_CUDA(cudaEventSynchronize(stop)));
    VG_TRY(VG_CUDA(cudaEventElapsedTime(&took, start, stop)));
    if ((double)took / RUNS < *ms) *ms = (double)took / RUNS;
  }
done:
  if (start) cudaEventDestroy(start);
  if (stop) cudaEventDestroy(stop);
  return st;
}

/* ---- choosing ---- */

/* Engines whose notes break a promise of the problem are left out. */
static bool allowed(const vg_cuda_problem *p, unsigned notes) {
  const unsigned inexact =
      1u << CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS |
      1u << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION | 1u << CUDNN_NUMERICAL_NOTE_FFT |
      1u << CUDNN_NUMERICAL_NOTE_WINOGRAD | 1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4 |
      1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 | 1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13;
  if (!p->any_order && (notes & 1u << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (p->bf16 && (notes & 1u << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  return !p->exact || !(notes & inexact);
}

/* Builds what a configuration says as *plan; any refusal is "no", not a failure. */
static bool build(vg_cuda_plan *plan, cudnnHandle_t handle, cudnnBackendDescriptor_t config) {
  if (vg_cudnn_plan(&plan->plan, &plan->workspace, handle, config) != VG_OK) return false;
  if (plan->workspace <= MOST_WORKSPACE) return true;
  vg_cudnn_drop(&plan->plan);
  return false;
}

/* Tries one candidate and keeps it in *e when it is the fastest so far. VG_ENOMEM: there was no
   room to try it. */
static vg_status consider(vg_cuda_plan *e, vg_device *d, cudnnHandle_t handle,
                          cudnnBackendDescriptor_t config, const vg_cuda_operands *o) {
  vg_cuda_plan candidate = {.problem = e->problem};
  unsigned notes;
  vg_status st;
  if (vg_cudnn_notes(config, &notes) != VG_OK || !allowed(&e->problem, notes)) return VG_OK;
  if (vg_cudnn_config_text(config, candidate.config, sizeof candidate.config) != VG_OK)
    return VG_OK;
  if (!build(&candidate, handle, config)) return VG_OK;
  st = measure(&candidate.ms, d, &candidate, o);
  if (st != VG_OK || (e->plan && candidate.ms >= e->ms)) {
    vg_cudnn_drop(&candidate.plan);
    return st == VG_ENOMEM ? st : VG_OK;
  }
  vg_cudnn_drop(&e->plan);
  e->plan = candidate.plan;
  e->workspace = candidate.workspace;
  e->ms = candidate.ms;
  memcpy(e->config, candidate.config, sizeof e->config);
  return VG_OK;
}

/* VG_ENOMEM when nothing was found and memory may be why. */
static vg_status tune(vg_cuda_plan *e, vg_device *d, cudnnHandle_t handle,
                      cudnnBackendDescriptor_t graph, const vg_cuda_operands *o) {
  const char *env = getenv("VGG_CONV");
  bool first_only = env && !strcmp(env, "heuristic");
  cudnnBackendDescriptor_t config[CANDIDATES] = {NULL};
  vg_status st = VG_OK;
  int n = 0;
  /* A mode that has nothing to propose may fail. */
  vg_cudnn_propose(config, &n, BEST_OF_A, graph, CUDNN_HEUR_MODE_A);
  vg_cudnn_propose(config, &n, CANDIDATES, graph, CUDNN_HEUR_MODE_FALLBACK);
  for (int i = 0; i < n && !(first_only && e->plan); i++)
    if (consider(e, d, handle, config[i], o) == VG_ENOMEM) st = VG_ENOMEM;
  for (int i = 0; i < CANDIDATES; i++) vg_cudnn_drop(&config[i]);
  if (e->plan) return VG_OK;
  snprintf(e->config, sizeof e->config, "none");
  return st;
}

/* From the text of the file or of a checkpoint; false: it does not fit this machine. */
static bool restore(vg_cuda_plan *e, cudnnHandle_t handle, cudnnBackendDescriptor_t graph) {
  cudnnBackendDescriptor_t config = NULL;
  unsigned notes;
  bool ok = vg_cudnn_config_parse(&config, graph, e->config) == VG_OK &&
            vg_cudnn_notes(config, &notes) == VG_OK && allowed(&e->problem, notes) &&
            build(e, handle, config);
  vg_cudnn_drop(&config);
  return ok;
}

static vg_status prepare(vg_cuda_plan *e, vg_device *d, const vg_cuda_operands *o) {
  cudnnBackendDescriptor_t graph = NULL;
  cudnnHandle_t handle;
  vg_status st;
  if (!strcmp(e->config, "none")) {
    e->ready = true;
    return VG_OK;
  }
  VG_TRY(vg_cuda_dnn(&handle, d));
  if (vg_cudnn_graph(&graph, handle, &e->problem) != VG_OK) {
    snprintf(e->config, sizeof e->config, "none");
    append_to_file(d, e);
  } else if (!e->config[0] || !restore(e, handle, graph)) {
    e->config[0] = 0;
    if (tune(e, d, handle, graph, o) == VG_OK) append_to_file(d, e);
    VG_TRY(VG_CUDA(cudaGetLastError()));
  }
  e->ready = true;
done:
  vg_cudnn_drop(&graph);
  return st;
}

vg_status vg_cuda_plan_entry(vg_cuda_plan **out, vg_device *d, const vg_cuda_problem *p) {
  table *t;
  vg_status st;
  VG_TRY(open_table(&t, d));
  VG_TRY(read_file(t, d));
  VG_TRY(entry_of(out, t, p));
done:
  return st;
}

vg_status vg_cuda_plan_find(const vg_cuda_plan **out, vg_device *d, const vg_cuda_problem *p,
                            const vg_cuda_operands *o) {
  vg_cuda_plan *e;
  vg_status st;
  VG_TRY(vg_cuda_plan_entry(&e, d, p));
  if (!e->ready && vg_cuda_capturing(d))
    return vg_fail(VG_ESTATE, "conv2d: %s was not run before the step was captured", e->key);
  if (!e->ready) VG_TRY(prepare(e, d, o));
  *out = e;
done:
  return st;
}

void vg_cuda_plan_refuse(vg_device *d, const vg_cuda_plan *plan) {
  vg_cuda_plan *e = (vg_cuda_plan *)(uintptr_t)plan;
  vg_cudnn_drop(&e->plan);
  snprintf(e->config, sizeof e->config, "none");
  append_to_file(d, e);
}
