/* The thread of a sender: takes news, decides what is due, tells how it goes. */
#include "log/wandb_sender.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "log/wandb_online.h"

enum { ROOM = 256 << 20, FILE_ATTEMPTS = 20 };
static const double GATHER = 5;     /* seconds that changes of the config and files are collected */
static const double NEVER_SEEN = 5; /* seconds at the end for a server that never answered */

struct vg_wandb_sender {
  vg_queue *queue;
  pthread_t thread;
  vg_wandb_online w; /* the thread's */
  vg_lock lock;      /* of what follows */
  vg_wandb_status now;
  char *earlier;
  int64_t continued[3]; /* lines the server has */
  bool asked, cancelled, done, abandoned;
  int code;
};

/* ---- taking news ---- */

static void put_text(char **to, const char *text, size_t n) {
  vg_free(*to);
  *to = vg_alloc(n + 1);
  if (!*to) return;
  memcpy(*to, text, n);
  (*to)[n] = 0;
}

/* "2026-08-21T12:00:00.000000 text", with ERROR in front for standard error. */
static void add_console(vg_wandb_online *w, const char *text, size_t n) {
  char stamp[64], whole[100];
  double now = vg_wall_clock();
  time_t seconds = (time_t)now;
  struct tm t;
  vg_text line = {0};
  if (!n) return;
  gmtime_r(&seconds, &t);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &t);
  snprintf(whole, sizeof whole, "%s%s.%06d ", text[0] == 'e' ? "ERROR " : "", stamp,
           (int)((now - floor(now)) * 1e6));
  vg_text_add(&line, whole, strlen(whole));
  vg_text_add(&line, text + 1, n - 1);
  if (!line.failed) vg_wandb_lines_add(&w->console, line.data, line.len);
  vg_text_free(&line);
}

static void add_upload(vg_wandb_online *w, const char *text) {
  for (size_t i = 0; i < json_array_size(w->uploads); i++)
    if (strcmp(json_string_value(json_array_get(w->uploads, i)), text) == 0) return;
  json_array_append_new(w->uploads, json_string(text));
  if (json_array_size(w->uploads) == 1) w->files_at = vg_clock() + GATHER;
}

static void replace(json_t **to, const char *text) {
  json_decref(*to);
  *to = json_loads(text, 0, NULL);
}

static void take_start(vg_wandb_online *w, const char *text) {
  const char *name;
  replace(&w->start, text);
  name = vg_wandb_reply_text(w->start, "name");
  snprintf(w->run, sizeof w->run, "%s", name ? name : "");
}

static void take(vg_wandb_online *w, int kind, const char *text, size_t n) {
  switch ((vg_wandb_news)kind) {
    case VG_WANDB_HISTORY: vg_wandb_lines_add(&w->history, text, n); break;
    case VG_WANDB_EVENT: vg_wandb_lines_add(&w->events, text, n); break;
    case VG_WANDB_CONSOLE: add_console(w, text, n); break;
    case VG_WANDB_SUMMARY: put_text(&w->summary, text, n); break;
    case VG_WANDB_CONFIG:
      if (!w->config) w->config_at = vg_clock() + GATHER;
      put_text(&w->config, text, n);
      break;
    case VG_WANDB_UPLOAD: add_upload(w, text); break;
    case VG_WANDB_ARTIFACT: json_array_append_new(w->artifacts, json_loads(text, 0, NULL)); break;
    case VG_WANDB_RESUME: replace(&w->resume, text); break;
    case VG_WANDB_FILES: put_text(&w->files_dir, text, n); break;
    case VG_WANDB_START: take_start(w, text); break;
    default: break;
  }
}

static void take_all(vg_wandb_sender *s, vg_packet *p) {
  for (vg_packet *next; p; p = next) {
    next = p->next;
    if (p->size && !s->w.refused) take(&s->w, p->kind, p->data, p->size - 1);
    vg_queue_release(s->queue, p);
  }
}

/* ---- one attempt of what is due ---- */

static void publish(vg_wandb_sender *s, vg_wandb_state state) {
  vg_wandb_online *w = &s->w;
  vg_lock_take(&s->lock);
  s->now.state = state;
  s->now.place = w->place;
  s->now.rows_sent = w->started ? w->history.offset - w->first_row : 0;
  s->now.stop_asked = w->stop_asked;
  s->now.lost_files = w->lost_files;
  snprintf(s->now.why, sizeof s->now.why, "%s", w->why);
  if (w->earlier && !s->earlier) {
    s->earlier = w->earlier;
    w->earlier = NULL;
  }
  vg_lock_tell(&s->lock);
  vg_lock_give(&s->lock);
}

/* Does `send` if it is due; true when something was sent, fatal errors end the sending. */
static bool attempt(vg_wandb_sender *s, vg_wandb_verdict (*send)(vg_wandb_online *),
                    vg_wandb_retry *retry, bool due) {
  vg_wandb_online *w = &s->w;
  vg_wandb_verdict v;
  if (w->refused || !due || !vg_wandb_due(retry)) return false;
  v = send(w);
  if (v == VG_WANDB_FINE) *retry = (vg_wandb_retry){0};
  if (v == VG_WANDB_AGAIN) vg_wandb_later(w, retry);
  if (v == VG_WANDB_NEVER) w->refused = true;
  publish(s, v == VG_WANDB_FINE ? VG_WANDB_ONLINE
             : w->refused       ? VG_WANDB_REFUSED
                                : VG_WANDB_WAITING);
  return v == VG_WANDB_FINE;
}

/* Uploads that fail for ever must not hold up the rest. */
static void give_up_files(vg_wandb_online *w) {
  if (w->files_retry.attempts > FILE_ATTEMPTS) {
    w->lost_files += (int)json_array_size(w->uploads);
    json_array_clear(w->uploads);
    w->files_retry = (vg_wandb_retry){0};
  }
  if (w->artifact_retry.attempts > FILE_ATTEMPTS) {
    w->lost_files++;
    json_array_remove(w->artifacts, 0);
    w->artifact_retry = (vg_wandb_retry){0};
  }
}

static bool files_wait(const vg_wandb_online *w) {
  return json_array_size(w->uploads) || json_array_size(w->artifacts) || w->config;
}

static bool stream_due(const vg_wandb_online *w) {
  double now = vg_clock();
  if (now < w->not_before) return false;
  if (w->finishing) return !files_wait(w) && !w->complete;
  if (now < w->next_post) return false;
  return vg_wandb_stream_waits(w) || now >= w->last_post + w->o.heartbeat;
}

static bool work(vg_wandb_sender *s) {
  vg_wandb_online *w = &s->w;
  double now = vg_clock();
  bool any = attempt(s, vg_wandb_send_resume, &w->start_retry, w->resume != NULL);
  any |= attempt(s, vg_wandb_send_start, &w->start_retry, w->start != NULL && !w->resume);
  if (!w->started) return any;
  any |= attempt(s, vg_wandb_send_config, &w->config_retry,
                 w->config && (w->finishing || now >= w->config_at));
  any |= attempt(s, vg_wandb_send_artifact, &w->artifact_retry, json_array_size(w->artifacts) > 0);
  any |= attempt(s, vg_wandb_send_files, &w->files_retry,
                 json_array_size(w->uploads) > 0 && (w->finishing || now >= w->files_at));
  any |= attempt(s, vg_wandb_send_stream, &w->stream_retry, stream_due(w));
  give_up_files(w);
  return any;
}

static double sooner(double t, bool waits, const vg_wandb_retry *r, double at) {
  return waits ? fmin(t, fmax(r->next, at)) : t;
}

/* When something will be due. */
static double next_time(const vg_wandb_online *w) {
  double t = INFINITY, post = fmax(w->not_before, w->finishing ? 0 : w->next_post);
  if (w->refused) return t;
  t = sooner(t, w->resume || (w->start && !w->started), &w->start_retry, 0);
  if (!w->started) return t;
  t = sooner(t, w->config != NULL, &w->config_retry, w->finishing ? 0 : w->config_at);
  t = sooner(t, json_array_size(w->artifacts) > 0, &w->artifact_retry, 0);
  t = sooner(t, json_array_size(w->uploads) > 0, &w->files_retry, w->finishing ? 0 : w->files_at);
  if (!vg_wandb_stream_waits(w) && !w->finishing) post = fmax(post, w->last_post + w->o.heartbeat);
  return sooner(t, !(w->finishing && files_wait(w)), &w->stream_retry, post);
}

/* ---- the first requests ---- */

vg_wandb_verdict vg_wandb_send_resume(vg_wandb_online *w) {
  json_t *data = NULL;
  vg_wandb_verdict v = vg_wandb_ask(w, VG_WANDB_Q_RESUME, json_incref(w->resume), &data);
  char *text;
  if (v != VG_WANDB_FINE) return v;
  text = json_dumps(data, JSON_COMPACT);
  if (text) put_text(&w->earlier, text, strlen(text));
  free(text);
  json_decref(data);
  json_decref(w->resume);
  w->resume = NULL;
  return v;
}

static char *format(const char *fmt, const char *a, const char *b, const char *c, const char *d) {
  vg_text t = {0};
  vg_text_printf(&t, fmt, a, b, c, d);
  return t.failed ? NULL : t.data;
}

/* A name as a part of a path. */
static void escape(char *to, size_t size, const char *from) {
  size_t n = 0;
  for (; *from && n + 4 < size; from++) {
    unsigned char c = (unsigned char)*from;
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == '.' || c == '~';
    n += (size_t)snprintf(to + n, size - n, plain ? "%c" : "%%%02X", c);
  }
  to[n] = 0;
}

static void set_place(vg_wandb_online *w) {
  char entity[800], project[800], run[400];
  escape(entity, sizeof entity, w->place.entity);
  escape(project, sizeof project, w->place.project);
  escape(run, sizeof run, w->run);
  vg_free(w->stream);
  w->stream = format("%s/files/%s/%s/%s/file_stream", w->o.base_url, entity, project, run);
  w->first_row = w->history.offset;
  w->started = w->stream != NULL;
}

vg_wandb_verdict vg_wandb_send_start(vg_wandb_online *w) {
  json_t *data = NULL;
  vg_wandb_verdict v = vg_wandb_ask(w, VG_WANDB_Q_UPSERT, json_incref(w->start), &data);
  if (v != VG_WANDB_FINE) return v;
  if (vg_wandb_reply_place(&w->place, data) != VG_OK) {
    snprintf(w->why, sizeof w->why, "%s", vg_error());
    v = VG_WANDB_AGAIN;
  } else {
    if (w->place.history_lines > w->history.offset) w->history.offset = w->place.history_lines;
    set_place(w);
    json_decref(w->start);
    w->start = NULL;
    w->next_post = w->last_post = vg_clock();
  }
  json_decref(data);
  return v;
}

vg_wandb_verdict vg_wandb_send_config(vg_wandb_online *w) {
  json_t *data = NULL;
  vg_wandb_verdict v =
      vg_wandb_ask(w, VG_WANDB_Q_UPSERT,
                   json_pack("{ss ss ss ss}", "name", w->run, "project", w->place.project, "entity",
                             w->place.entity, "config", w->config),
                   &data);
  json_decref(data);
  if (v == VG_WANDB_AGAIN) return v;
  vg_free(w->config);
  w->config = NULL;
  return VG_WANDB_FINE; /* a config that is refused does not end the run */
}

/* ---- the thread ---- */

static void free_lines(vg_wandb_lines *l) {
  vg_wandb_lines_drop(l, l->n);
  vg_free(l->line);
}

static void release(vg_wandb_sender *s) {
  vg_wandb_online *w = &s->w;
  free_lines(&w->history);
  free_lines(&w->events);
  free_lines(&w->console);
  json_decref(w->start);
  json_decref(w->resume);
  json_decref(w->uploads);
  json_decref(w->uploaded);
  json_decref(w->artifacts);
  vg_free(w->earlier);
  vg_free(w->config);
  vg_free(w->summary);
  vg_free(w->user);
  vg_free(w->graphql);
  vg_free(w->stream);
  vg_free((char *)w->o.base_url);
  vg_free((char *)w->o.agent);
  vg_free(w->files_dir);
  vg_text_free(&w->answer.body);
  vg_http_close(w->http);
  vg_queue_free(s->queue);
  vg_free(s->earlier);
  vg_lock_destroy(&s->lock);
  vg_free(s);
}

static void begin_finish(vg_wandb_sender *s) {
  vg_wandb_online *w = &s->w;
  vg_lock_take(&s->lock);
  w->finishing = s->asked;
  w->code = s->code;
  w->cancelled = s->cancelled;
  for (int i = 0; i < 3; i++) {
    vg_wandb_lines *l = i == 0 ? &w->history : i == 1 ? &w->events : &w->console;
    if (!w->started && s->continued[i] > l->offset) l->offset = s->continued[i];
  }
  vg_lock_give(&s->lock);
}

static bool over(const vg_wandb_online *w, double began) {
  double now = vg_clock();
  double idle = w->started ? w->o.finish_idle : fmin(w->o.finish_idle, NEVER_SEEN);
  if (w->complete || w->refused || w->cancelled || (!w->start && !w->started)) return true;
  return now - fmax(w->last_success, began) > idle || now - began > w->o.finish_total;
}

/* The end is near: what only waits for our own patience is tried at once. */
static void hurry(vg_wandb_online *w) {
  vg_wandb_retry *all[] = {&w->start_retry, &w->config_retry, &w->files_retry, &w->artifact_retry,
                           &w->stream_retry};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!all[i]->ordered) all[i]->next = 0;
}

static void *run(void *arg) {
  vg_wandb_sender *s = arg;
  vg_wandb_online *w = &s->w;
  double began = 0;
  bool abandoned, busy = false;
  for (;;) {
    double until = busy ? 0 : next_time(w);
    if (w->finishing) until = fmin(until, vg_clock() + 0.1);
    take_all(s, vg_queue_take(s->queue, until));
    begin_finish(s);
    if (w->finishing && began <= 0) {
      began = vg_clock();
      hurry(w);
    }
    busy = work(s) && !w->finishing;
    if (w->finishing && over(w, began)) break;
  }
  if (w->complete) publish(s, VG_WANDB_FINISHED);
  vg_lock_take(&s->lock);
  s->done = true;
  abandoned = s->abandoned;
  vg_lock_tell(&s->lock);
  vg_lock_give(&s->lock);
  if (abandoned) release(s);
  return NULL;
}

/* ---- from outside ---- */

static bool prepare(vg_wandb_online *w, const vg_wandb_sender_options *o) {
  w->o = *o;
  w->o.key = NULL;
  w->o.base_url = vg_strdup(o->base_url);
  w->o.agent = vg_strdup(o->agent);
  w->user = format("api:%s%s%s%s", o->key, "", "", "");
  w->graphql = format("%s/graphql%s%s%s", o->base_url, "", "", "");
  w->exchange = vg_http_do;
  w->uploads = json_array();
  w->uploaded = json_array();
  w->artifacts = json_array();
  w->random = (uint64_t)(vg_wall_clock() * 1e6);
  w->last_success = vg_clock();
  return w->o.base_url && w->o.agent && w->user && w->graphql && w->uploads && w->uploaded &&
         w->artifacts;
}

vg_status vg_wandb_sender_open(vg_wandb_sender **out, const vg_wandb_sender_options *o) {
  vg_wandb_sender *s = vg_calloc(1, sizeof *s);
  vg_status st;
  if (!s) return VG_ENOMEM;
  vg_lock_init(&s->lock);
  VG_TRY(prepare(&s->w, o) ? VG_OK : VG_ENOMEM);
  VG_TRY(vg_http_open(&s->w.http));
  VG_TRY(vg_queue_new(&s->queue, ROOM));
  VG_TRY(vg_thread_start(&s->thread, run, s, "wandb-net"));
  *out = s;
  s = NULL;
done:
  if (s) release(s);
  return st;
}

void vg_wandb_sender_tell(void *sender, vg_wandb_news kind, const char *text, size_t n) {
  vg_wandb_sender *s = sender;
  vg_text mended = {0};
  vg_packet *p;
  vg_utf8_add(&mended, text, n);
  p = mended.failed ? NULL : vg_packet_new((int)kind, mended.len + 1);
  if (p) {
    if (mended.len) memcpy(p->data, mended.data, mended.len);
    p->data[mended.len] = 0;
  }
  vg_text_free(&mended);
  if (!p || !vg_queue_push(s->queue, p)) {
    vg_free(p);
    return;
  }
  if (kind == VG_WANDB_HISTORY) {
    vg_lock_take(&s->lock);
    s->now.rows++;
    vg_lock_give(&s->lock);
  }
}

void vg_wandb_sender_continue(vg_wandb_sender *s, int64_t history, int64_t events,
                              int64_t console) {
  vg_lock_take(&s->lock);
  s->continued[0] = history;
  s->continued[1] = events;
  s->continued[2] = console;
  vg_lock_give(&s->lock);
}

void vg_wandb_sender_look(vg_wandb_sender *s, vg_wandb_status *out) {
  vg_lock_take(&s->lock);
  *out = s->now;
  vg_lock_give(&s->lock);
}

void vg_wandb_sender_wait(vg_wandb_sender *s, double seconds) {
  double deadline = vg_clock() + seconds;
  vg_lock_take(&s->lock);
  while (s->now.state == VG_WANDB_CONNECTING)
    if (!vg_lock_wait(&s->lock, deadline)) break;
  vg_lock_give(&s->lock);
}

char *vg_wandb_sender_earlier(vg_wandb_sender *s) {
  char *text;
  vg_lock_take(&s->lock);
  text = s->earlier;
  s->earlier = NULL;
  if (text) s->now.state = VG_WANDB_CONNECTING; /* the run itself was not answered yet */
  vg_lock_give(&s->lock);
  return text;
}

/* An empty packet: the thread looks up. */
static void wake(vg_wandb_sender *s) {
  vg_packet *p = vg_packet_new(0, 0);
  if (p && !vg_queue_push(s->queue, p)) vg_free(p);
}

void vg_wandb_sender_close(vg_wandb_sender *s, int code, vg_wandb_status *out) {
  double deadline = vg_clock() + fmin(s->w.o.finish_total, 1e6) + 1;
  pthread_t thread = s->thread;
  bool done, in_time = true;
  bool asked_before = s->w.o.give_up && s->w.o.give_up(); /* that was meant for something else */
  vg_lock_take(&s->lock);
  s->asked = true;
  s->code = code;
  vg_lock_give(&s->lock);
  wake(s);
  vg_lock_take(&s->lock);
  while (!s->done && vg_clock() < deadline) {
    if (s->w.o.give_up && !asked_before && s->w.o.give_up()) break;
    vg_lock_wait(&s->lock, fmin(deadline, vg_clock() + 0.1));
  }
  if (!s->done) {
    s->cancelled = true;
    vg_http_stop(s->w.http);
    deadline = vg_clock() + 2;
    for (in_time = true; !s->done && in_time;) in_time = vg_lock_wait(&s->lock, deadline);
  }
  done = s->done;
  s->abandoned = !done;
  if (out) *out = s->now;
  vg_lock_give(&s->lock);
  if (!done) {
    pthread_detach(thread);
    return;
  }
  pthread_join(thread, NULL);
  release(s);
}
