/* Artifacts: {"type", "name", "digest", "client_id", "sequence_client_id", "contents": [{"path",
   "digest", "size", "local_path"}]} becomes a version on the server in six requests. Repeating them
   after a failure is harmless: the client id stands for this one version. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/file.h"
#include "io/hash.h"
#include "log/wandb_online.h"

typedef struct artifact {
  json_t *spec, *births; /* births: path -> id of the version that holds the file */
  char id[256], base[256], manifest[256];
} artifact;

static void keep(char to[256], const char *s) { snprintf(to, 256, "%s", s ? s : ""); }

static json_t *or_null(const char *s) { return s[0] ? json_string(s) : json_null(); }

/* *done: the server has this very content already. */
static vg_wandb_verdict create(vg_wandb_online *w, artifact *a, bool *done) {
  const char *name = vg_wandb_reply_text(a->spec, "name");
  json_t *data = NULL, *got;
  const char *state;
  json_int_t step = json_integer_value(json_object_get(a->spec, "step"));
  json_t *input = json_pack("{ss ss ss ss ss sO ss s[{ss ss}] sb ss ss so}", "entityName",
                            w->place.entity, "projectName", w->place.project, "artifactTypeName",
                            vg_wandb_reply_text(a->spec, "type"), "artifactCollectionName", name,
                            "runName", w->run, "digest", json_object_get(a->spec, "digest"),
                            "digestAlgorithm", "MANIFEST_MD5", "aliases", "artifactCollectionName",
                            name, "alias", "latest", "enableDigestDeduplication", 1, "clientID",
                            vg_wandb_reply_text(a->spec, "client_id"), "sequenceClientID",
                            vg_wandb_reply_text(a->spec, "sequence_client_id"), "historyStep",
                            step ? json_integer(step) : json_null());
  vg_wandb_verdict v =
      vg_wandb_ask(w, VG_WANDB_Q_ARTIFACT, json_pack("{so}", "input", input), &data);
  if (v != VG_WANDB_FINE) return v;
  got = vg_wandb_reply_at(data, "createArtifact", "artifact", NULL);
  keep(a->id, vg_wandb_reply_text(got, "id"));
  keep(a->base, vg_wandb_reply_text(
                    vg_wandb_reply_at(got, "artifactSequence", "latestArtifact", NULL), "id"));
  state = vg_wandb_reply_text(got, "state");
  *done = state && strcmp(state, "COMMITTED") == 0;
  if (!a->id[0] || !state) {
    snprintf(w->why, sizeof w->why, "the server does not make an artifact of '%s'", name);
    v = VG_WANDB_NEVER;
  }
  json_decref(data);
  return v;
}

/* The manifest's entry; with `digest` also where its text goes. */
static vg_wandb_verdict open_manifest(vg_wandb_online *w, artifact *a, const char *digest,
                                      json_t **file) {
  json_t *data = NULL, *got;
  vg_wandb_verdict v = vg_wandb_ask(
      w, VG_WANDB_Q_MANIFEST,
      json_pack("{ss so ss ss ss ss ss ss sb}", "artifactID", a->id, "baseArtifactID",
                or_null(a->base), "name", "wandb_manifest.json", "digest", digest, "entityName",
                w->place.entity, "projectName", w->place.project, "runName", w->run, "manifestType",
                "FULL", "includeUpload", digest[0] ? 1 : 0),
      &data);
  if (v != VG_WANDB_FINE) return v;
  got = vg_wandb_reply_at(data, "createArtifactManifest", "artifactManifest", NULL);
  keep(a->manifest, vg_wandb_reply_text(got, "id"));
  if (file) *file = json_incref(json_object_get(got, "file"));
  json_decref(data);
  return v;
}

static vg_wandb_verdict put_file(vg_wandb_online *w, const char *path, json_t *node) {
  vg_map map = {0};
  vg_wandb_target t = {0};
  const char *url = vg_wandb_reply_text(node, "uploadUrl");
  vg_wandb_verdict v = VG_WANDB_NEVER;
  if (!url) return VG_WANDB_FINE;
  if (!path || vg_map_open(&map, path, "wandb") != VG_OK)
    snprintf(w->why, sizeof w->why, "%s", path ? vg_error() : "an artifact without a file");
  else if (vg_wandb_reply_target(&t, url, json_object_get(node, "uploadHeaders")) == VG_OK)
    v = vg_wandb_put(w, &t, map.data, map.size);
  vg_wandb_target_free(&t);
  vg_map_close(&map);
  return v;
}

static json_t *file_specs(const artifact *a) {
  json_t *list = json_array(), *e;
  size_t i;
  json_array_foreach(json_object_get(a->spec, "contents"), i, e) {
    json_array_append_new(
        list, json_pack("{ss ss sO sO sn sn}", "artifactID", a->id, "artifactManifestID",
                        a->manifest, "name", json_object_get(e, "path"), "md5",
                        json_object_get(e, "digest"), "mimetype", "uploadPartsInput"));
  }
  return list;
}

/* Edges come in the order of the request. */
static vg_wandb_verdict put_files(vg_wandb_online *w, artifact *a) {
  json_t *data = NULL, *edges, *e;
  vg_wandb_verdict v = vg_wandb_ask(
      w, VG_WANDB_Q_ARTIFACT_FILES,
      json_pack("{s{so ss}}", "input", "artifactFiles", file_specs(a), "storageLayout", "V2"),
      &data);
  size_t i;
  if (v != VG_WANDB_FINE) return v;
  edges = vg_wandb_reply_at(data, "createArtifactFiles", "files", "edges", NULL);
  json_array_foreach(json_object_get(a->spec, "contents"), i, e) {
    json_t *node = json_object_get(json_array_get(edges, i), "node");
    const char *birth = vg_wandb_reply_text(json_object_get(node, "artifact"), "id");
    const char *path = vg_wandb_reply_text(e, "path");
    if (!node || !path) {
      snprintf(w->why, sizeof w->why, "the server takes %zu of %zu files of an artifact",
               json_array_size(edges), json_array_size(json_object_get(a->spec, "contents")));
      v = VG_WANDB_NEVER;
    } else {
      v = put_file(w, vg_wandb_reply_text(e, "local_path"), node);
      json_object_set_new(a->births, path, json_string(birth ? birth : a->id));
    }
    if (v != VG_WANDB_FINE) break;
  }
  json_decref(data);
  return v;
}

/* The manifest's text, to be freed. */
static char *manifest_text(const artifact *a) {
  json_t *contents = json_object(), *whole, *e;
  size_t i;
  char *text;
  json_array_foreach(json_object_get(a->spec, "contents"), i, e) {
    const char *path = vg_wandb_reply_text(e, "path");
    if (!path) continue;
    json_object_set_new(
        contents, path,
        json_pack("{sO sO sO}", "digest", json_object_get(e, "digest"), "size",
                  json_object_get(e, "size"), "birthArtifactID", json_object_get(a->births, path)));
  }
  whole = json_pack("{si ss s{ss} so}", "version", 1, "storagePolicy", "wandb-storage-policy-v1",
                    "storagePolicyConfig", "storageLayout", "V2", "contents", contents);
  text = json_dumps(whole, JSON_COMPACT);
  json_decref(whole);
  return text;
}

/* Standard base64 of the MD5 of a text. */
static void md5_base64(char to[25], const char *s) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char raw[18] = {0};
  vg_digest d;
  vg_md5(&d, s, strlen(s));
  for (int i = 0; i < 16; i++) sscanf(d.hex + 2 * i, "%2hhx", &raw[i]);
  for (int i = 0; i < 6; i++) {
    unsigned v = (unsigned)raw[3 * i] << 16 | (unsigned)raw[3 * i + 1] << 8 | raw[3 * i + 2];
    for (int k = 0; k < 4; k++) to[4 * i + k] = letters[v >> (18 - 6 * k) & 63];
  }
  to[22] = to[23] = '=';
  to[24] = 0;
}

static vg_wandb_verdict put_manifest(vg_wandb_online *w, artifact *a) {
  char *text = manifest_text(a), digest[25];
  vg_wandb_target t = {0};
  json_t *file = NULL;
  vg_wandb_verdict v = VG_WANDB_NEVER;
  if (!text) return v;
  md5_base64(digest, text);
  v = open_manifest(w, a, digest, &file);
  if (v == VG_WANDB_FINE && vg_wandb_reply_text(file, "uploadUrl")) {
    if (vg_wandb_reply_target(&t, vg_wandb_reply_text(file, "uploadUrl"),
                              json_object_get(file, "uploadHeaders")) == VG_OK)
      v = vg_wandb_put(w, &t, text, strlen(text));
    vg_wandb_target_free(&t);
  }
  json_decref(file);
  free(text);
  return v;
}

static vg_wandb_verdict commit(vg_wandb_online *w, artifact *a) {
  json_t *data = NULL;
  vg_wandb_verdict v =
      vg_wandb_ask(w, VG_WANDB_Q_COMMIT, json_pack("{ss}", "artifactID", a->id), &data);
  json_decref(data);
  return v;
}

vg_wandb_verdict vg_wandb_send_artifact(vg_wandb_online *w) {
  artifact a = {.spec = json_array_get(w->artifacts, 0), .births = json_object()};
  bool done = false;
  vg_wandb_verdict v = create(w, &a, &done);
  if (v == VG_WANDB_FINE && !done) {
    v = open_manifest(w, &a, "", NULL);
    if (v == VG_WANDB_FINE) v = put_files(w, &a);
    if (v == VG_WANDB_FINE) v = put_manifest(w, &a);
    if (v == VG_WANDB_FINE) v = commit(w, &a);
  }
  json_decref(a.births);
  if (v == VG_WANDB_AGAIN) return v;
  if (v == VG_WANDB_NEVER) w->lost_files++;
  json_array_remove(w->artifacts, 0);
  return VG_WANDB_FINE;
}
