/* Answers of a W&B server. */
#include "log/wandb_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *vg_wandb_reply_text(json_t *o, const char *name) {
  json_t *v = json_object_get(o, name);
  const char *s = json_string_value(v);
  return s && s[0] && strlen(s) == json_string_length(v) ? s : NULL;
}

json_t *vg_wandb_reply_at(json_t *o, ...) {
  va_list ap;
  va_start(ap, o);
  for (const char *name; o && (name = va_arg(ap, const char *));) o = json_object_get(o, name);
  va_end(ap);
  return o;
}

static json_t *parse(const char *body, size_t n) {
  return json_loadb(body ? body : "", n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

/* errors: [{"message": ..}] or ["..."]; error: "..." or {"message": ..} */
static const char *message_of(json_t *root) {
  json_t *first = json_array_get(json_object_get(root, "errors"), 0);
  json_t *error = json_object_get(root, "error");
  const char *s = vg_wandb_reply_text(first, "message");
  if (!s) s = json_string_value(first);
  if (!s) s = vg_wandb_reply_text(error, "message");
  if (!s) s = json_string_value(error);
  return s ? s : json_array_size(json_object_get(root, "errors")) ? "an error without words" : "";
}

/* Printable, on one line. */
static void copy_message(char *to, size_t size, const char *s) {
  snprintf(to, size, "%s", s);
  for (char *p = to; *p; p++)
    if ((unsigned char)*p < 32 || *p == 127) *p = ' ';
}

void vg_wandb_reply_error(char *to, size_t size, const char *body, size_t n) {
  json_t *root = parse(body, n);
  copy_message(to, size, message_of(root));
  json_decref(root);
}

vg_status vg_wandb_reply_data(json_t **out, const char *body, size_t n) {
  json_t *root = parse(body, n), *data = json_object_get(root, "data");
  char why[200];
  copy_message(why, sizeof why, message_of(root));
  if (why[0] || !json_is_object(data)) {
    json_decref(root);
    return vg_fail(VG_EDATA, "wandb: the server says: %s",
                   why[0] ? why : "nothing that makes sense");
  }
  *out = json_incref(data);
  json_decref(root);
  return VG_OK;
}

static void copy(char *to, size_t size, const char *s) { snprintf(to, size, "%s", s ? s : ""); }

vg_status vg_wandb_reply_place(vg_wandb_place *out, json_t *data) {
  json_t *bucket = vg_wandb_reply_at(data, "upsertBucket", "bucket", NULL);
  json_t *project = json_object_get(bucket, "project"),
         *entity = json_object_get(project, "entity");
  *out = (vg_wandb_place){0};
  copy(out->id, sizeof out->id, vg_wandb_reply_text(bucket, "id"));
  copy(out->name, sizeof out->name, vg_wandb_reply_text(bucket, "displayName"));
  copy(out->project, sizeof out->project, vg_wandb_reply_text(project, "name"));
  copy(out->entity, sizeof out->entity, vg_wandb_reply_text(entity, "name"));
  out->history_lines = json_integer_value(json_object_get(bucket, "historyLineCount"));
  if (out->history_lines < 0) out->history_lines = 0;
  if (!out->project[0] || !out->entity[0])
    return vg_fail(VG_EDATA, "wandb: the server does not say where the run is");
  return VG_OK;
}

static bool is_header(const char *s) {
  const char *colon = strchr(s, ':');
  return colon && colon != s && !strpbrk(s, "\r\n");
}

vg_status vg_wandb_reply_target(vg_wandb_target *out, const char *url, json_t *list) {
  size_t at[VG_WANDB_HEADERS], n = 0, i;
  json_t *line;
  *out = (vg_wandb_target){.url = url};
  json_array_foreach(list, i, line) {
    const char *s = json_string_value(line);
    if (!s || !is_header(s) || n == VG_WANDB_HEADERS) continue;
    at[n++] = out->text.len;
    vg_text_add(&out->text, s, strlen(s) + 1);
  }
  if (out->text.failed) return VG_ENOMEM;
  for (i = 0; i < n; i++) out->headers[i] = out->text.data + at[i];
  return VG_OK;
}

void vg_wandb_target_free(vg_wandb_target *t) { vg_text_free(&t->text); }

bool vg_wandb_reply_stop(const char *body, size_t n) {
  json_t *root = parse(body, n);
  bool stop = json_is_true(json_object_get(root, "stopped"));
  json_decref(root);
  return stop;
}
