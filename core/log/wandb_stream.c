/* The file stream: rows, samples of the system, console and summary, posted a few lines at a time.
   A line keeps its number until the server acknowledged it, so a post that is repeated writes the
   same lines again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "log/wandb_online.h"

static const size_t LARGEST_POST = 8 << 20, LONGEST_LINE = 10383360;

bool vg_wandb_lines_add(vg_wandb_lines *l, const char *text, size_t n) {
  char *copy;
  if (n > LONGEST_LINE) return true; /* the server would refuse the whole post */
  if (l->n == l->room) {
    size_t room = l->room ? 2 * l->room : 64;
    char **more = vg_realloc(l->line, room * sizeof *more);
    if (!more) return false;
    l->line = more;
    l->room = room;
  }
  copy = vg_alloc(n + 1);
  if (!copy) return false;
  memcpy(copy, text, n);
  copy[n] = 0;
  l->line[l->n++] = copy;
  return true;
}

void vg_wandb_lines_drop(vg_wandb_lines *l, size_t n) {
  if (!n) return;
  for (size_t i = 0; i < n; i++) vg_free(l->line[i]);
  memmove(l->line, l->line + n, (l->n - n) * sizeof *l->line);
  l->n -= n;
  l->offset += (int64_t)n;
}

bool vg_wandb_stream_waits(const vg_wandb_online *w) {
  return w->history.n || w->events.n || w->console.n || w->summary || json_array_size(w->uploaded);
}

/* Puts lines into the post, as many as still fit; returns how many. */
static size_t put_lines(json_t *files, const char *name, const vg_wandb_lines *l, size_t *room) {
  json_t *content;
  size_t n = 0;
  if (!l->n || !*room) return 0;
  content = json_array();
  while (n < l->n && (strlen(l->line[n]) <= *room || *room == LARGEST_POST)) {
    size_t k = strlen(l->line[n]);
    json_array_append_new(content, json_string(l->line[n++]));
    *room -= k < *room ? k : *room;
  }
  if (n < l->n) *room = 0;
  json_object_set_new(files, name,
                      json_pack("{sI so}", "offset", (json_int_t)l->offset, "content", content));
  return n;
}

typedef struct post {
  json_t *body;
  size_t history, events, console, uploaded;
  bool summary, last;
} post;

static void compose(const vg_wandb_online *w, post *p) {
  json_t *files = json_object();
  size_t room = LARGEST_POST;
  *p = (post){.body = json_object()};
  p->history = put_lines(files, "wandb-history.jsonl", &w->history, &room);
  p->events = put_lines(files, "wandb-events.jsonl", &w->events, &room);
  p->console = put_lines(files, "output.log", &w->console, &room);
  if (w->summary && room) {
    p->summary = true;
    json_object_set_new(files, "wandb-summary.json",
                        json_pack("{si s[s]}", "offset", 0, "content", w->summary));
  }
  p->last = w->finishing && room && (p->summary || !w->summary);
  if (json_object_size(files)) json_object_set(p->body, "files", files);
  json_decref(files);
  p->uploaded = json_array_size(w->uploaded);
  if (p->uploaded) json_object_set(p->body, "uploaded", w->uploaded);
  if (p->last) {
    json_object_set_new(p->body, "complete", json_true());
    json_object_set_new(p->body, "exitcode", json_integer(w->code));
  }
}

static void acknowledge(vg_wandb_online *w, const post *p) {
  vg_wandb_lines_drop(&w->history, p->history);
  vg_wandb_lines_drop(&w->events, p->events);
  vg_wandb_lines_drop(&w->console, p->console);
  if (p->summary) {
    vg_free(w->summary);
    w->summary = NULL;
  }
  if (p->uploaded) json_array_clear(w->uploaded);
  if (p->last) w->complete = true;
  if (vg_wandb_reply_stop(w->answer.body.data, w->answer.body.len)) w->stop_asked = true;
}

/* When the next post may go out: the interval, or later where the server is short of capacity. */
static void pace(vg_wandb_online *w) {
  const vg_http_answer *a = &w->answer;
  w->last_post = vg_clock();
  w->next_post = w->last_post + w->o.interval;
  if (a->rate_reset > 1 && a->rate_remaining >= 0) {
    double wait = a->rate_remaining < 1 ? a->rate_reset : a->rate_reset / a->rate_remaining;
    w->not_before = w->last_post + (wait < 600 ? wait : 600);
  }
}

vg_wandb_verdict vg_wandb_send_stream(vg_wandb_online *w) {
  post p;
  char *text;
  vg_wandb_verdict v = VG_WANDB_NEVER;
  compose(w, &p);
  text = json_dumps(p.body, JSON_COMPACT);
  if (text) {
    v = vg_wandb_post(w, w->stream, text, strlen(text));
    free(text);
  } else {
    snprintf(w->why, sizeof w->why, "a row cannot be put into words");
  }
  if (v == VG_WANDB_FINE) acknowledge(w, &p);
  json_decref(p.body);
  pace(w);
  return v;
}
