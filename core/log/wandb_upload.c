/* Run files: addresses for a batch of names, then one upload each. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/file.h"
#include "log/wandb_online.h"

static const size_t BATCH = 50;

static json_t *batch_of(json_t *uploads) {
  json_t *batch = json_array();
  for (size_t i = 0; i < json_array_size(uploads) && i < BATCH; i++)
    json_array_append(batch, json_array_get(uploads, i));
  return batch;
}

static void forget(json_t *uploads, const char *name) {
  for (size_t i = json_array_size(uploads); i-- > 0;)
    if (strcmp(json_string_value(json_array_get(uploads, i)), name) == 0)
      json_array_remove(uploads, i);
}

/* One file. What cannot be read or is refused is left out, and counted. */
static vg_wandb_verdict upload(vg_wandb_online *w, const char *name, const char *url,
                               json_t *headers) {
  vg_text path = {0};
  vg_map map = {0};
  vg_wandb_target t = {0};
  vg_wandb_verdict v = VG_WANDB_NEVER;
  vg_text_printf(&path, "%s/%s", w->files_dir, name);
  if (path.failed || vg_map_open(&map, vg_text_str(&path), "wandb") != VG_OK) {
    snprintf(w->why, sizeof w->why, "%s", vg_error());
  } else if (vg_wandb_reply_target(&t, url, headers) == VG_OK) {
    v = vg_wandb_put(w, &t, map.data, map.size);
  }
  vg_wandb_target_free(&t);
  vg_map_close(&map);
  vg_text_free(&path);
  return v;
}

/* The files of an answer, in any order; only names that were asked for count. */
static vg_wandb_verdict upload_all(vg_wandb_online *w, json_t *answer, json_t *batch) {
  json_t *list = json_object_get(answer, "files"), *headers, *file;
  size_t i;
  headers = json_object_get(answer, "uploadHeaders");
  json_array_foreach(list, i, file) {
    const char *name = vg_wandb_reply_text(file, "name");
    const char *url = vg_wandb_reply_text(file, "uploadUrl");
    bool asked = false;
    for (size_t k = 0; name && k < json_array_size(batch); k++)
      if (strcmp(json_string_value(json_array_get(batch, k)), name) == 0) asked = true;
    if (!asked) continue;
    if (url) {
      vg_wandb_verdict v = upload(w, name, url, headers);
      if (v == VG_WANDB_AGAIN) return v;
      if (v == VG_WANDB_NEVER) w->lost_files++;
      if (v == VG_WANDB_FINE) json_array_append_new(w->uploaded, json_string(name));
    }
    forget(w->uploads, name);
  }
  return VG_WANDB_FINE;
}

vg_wandb_verdict vg_wandb_send_files(vg_wandb_online *w) {
  json_t *batch = batch_of(w->uploads), *data = NULL;
  size_t before = json_array_size(w->uploads);
  vg_wandb_verdict v = vg_wandb_ask(w, VG_WANDB_Q_FILES,
                                    json_pack("{ss ss ss sO}", "entity", w->place.entity, "project",
                                              w->place.project, "run", w->run, "files", batch),
                                    &data);
  if (v == VG_WANDB_FINE) v = upload_all(w, json_object_get(data, "createRunFiles"), batch);
  /* An answer that leaves names out would be asked for ever. */
  if (v == VG_WANDB_NEVER || (v == VG_WANDB_FINE && json_array_size(w->uploads) == before)) {
    for (size_t i = 0; i < json_array_size(batch); i++)
      forget(w->uploads, json_string_value(json_array_get(batch, i)));
    w->lost_files += (int)json_array_size(batch);
  }
  json_decref(batch);
  json_decref(data);
  return v == VG_WANDB_NEVER ? VG_WANDB_FINE : v;
}
