/* Requests of a sender: queries, headers, and what to make of the answers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "log/wandb_online.h"

static const struct {
  const char *name, *text;
} queries[] = {
    [VG_WANDB_Q_UPSERT] =
        {"UpsertBucket",
         "mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, "
         "$groupName: String, $description: String, $displayName: String, $notes: String, "
         "$commit: String, $config: JSONString, $host: String, $debug: Boolean, $program: String, "
         "$repo: String, $jobType: String, $state: String, $sweep: String, $tags: [String!], "
         "$summaryMetrics: JSONString) { upsertBucket(input: {id: $id, name: $name, groupName: "
         "$groupName, modelName: $project, entityName: $entity, description: $description, "
         "displayName: $displayName, notes: $notes, commit: $commit, config: $config, host: $host, "
         "debug: $debug, jobProgram: $program, jobRepo: $repo, jobType: $jobType, state: $state, "
         "sweep: $sweep, tags: $tags, summaryMetrics: $summaryMetrics}) { bucket { id name "
         "displayName description config sweepName project { id name entity { id name } } "
         "historyLineCount } inserted } }"},
    [VG_WANDB_Q_RESUME] =
        {"RunResumeStatus",
         "query RunResumeStatus($project: String, $entity: String, $name: String!) { model(name: "
         "$project, entityName: $entity) { id name entity { id name } bucket(name: $name, "
         "missingOk: true) { id name summaryMetrics displayName logLineCount historyLineCount "
         "eventsLineCount historyTail eventsTail config tags notes wandbConfig(keys: [\"t\"]) } } "
         "}"},
    [VG_WANDB_Q_FILES] =
        {"CreateRunFiles",
         "mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: "
         "[String!]!) { createRunFiles(input: {entityName: $entity, projectName: $project, "
         "runName: "
         "$run, files: $files}) { runID uploadHeaders files { name uploadUrl } } }"},
    [VG_WANDB_Q_ARTIFACT] =
        {"CreateArtifact",
         "mutation CreateArtifact($input: CreateArtifactInput!) { createArtifact(input: $input) { "
         "artifact { id state artifactSequence { latestArtifact { id } } } } }"},
    [VG_WANDB_Q_MANIFEST] =
        {"CreateArtifactManifest",
         "mutation CreateArtifactManifest($artifactID: ID!, $baseArtifactID: ID, $name: String!, "
         "$digest: String!, $entityName: String!, $projectName: String!, $runName: String!, "
         "$manifestType: ArtifactManifestType!, $includeUpload: Boolean!) { "
         "createArtifactManifest(input: {artifactID: $artifactID, baseArtifactID: $baseArtifactID, "
         "name: $name, digest: $digest, entityName: $entityName, projectName: $projectName, "
         "runName: "
         "$runName, type: $manifestType}) { artifactManifest { id file { id uploadUrl @include(if: "
         "$includeUpload) uploadHeaders @include(if: $includeUpload) } } } }"},
    [VG_WANDB_Q_ARTIFACT_FILES] =
        {"CreateArtifactFiles",
         "mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) { "
         "createArtifactFiles(input: $input) { files { edges { node { storagePath uploadUrl "
         "uploadHeaders uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } } "
         "artifact { id } } } } } }"},
    [VG_WANDB_Q_COMMIT] =
        {"CommitArtifact",
         "mutation CommitArtifact($artifactID: ID!) { commitArtifact(input: {artifactID: "
         "$artifactID}) { artifact { id digest } } }"},
};

/* Whether an answer that is no success is worth another try. */
static bool retryable(int status, bool upload, bool upsert) {
  if (status == 501) return false;
  if (status >= 500 || status == 429 || status < 200) return true;
  if (upload || status < 400) return false;
  if (status == 409) return upsert;
  return status != 400 && status != 401 && status != 403 && status != 404 && status != 410 &&
         status != 413 && status != 422;
}

static void explain(vg_wandb_online *w, const char *what) {
  const vg_http_answer *a = &w->answer;
  char said[200];
  vg_wandb_reply_error(said, sizeof said, a->body.data, a->body.len);
  if (a->status == 0)
    snprintf(w->why, sizeof w->why, "%s: %s", w->o.base_url, a->why);
  else if (a->status == 401 || a->status == 403)
    snprintf(w->why, sizeof w->why, "%s does not accept the API key (%d%s%s)", w->o.base_url,
             a->status, said[0] ? ": " : "", said);
  else
    snprintf(w->why, sizeof w->why, "%s answers %d%s%s to %s", w->o.base_url, a->status,
             said[0] ? ": " : "", said, what);
}

static vg_wandb_verdict judge(vg_wandb_online *w, const char *what, bool upload, bool upsert) {
  const vg_http_answer *a = &w->answer;
  bool deleted;
  if (a->status >= 200 && a->status < 300) {
    w->last_success = vg_clock();
    return VG_WANDB_FINE;
  }
  explain(w, what);
  deleted = strstr(w->why, "previously created and deleted") != NULL;
  if (a->hopeless || deleted) return VG_WANDB_NEVER;
  return retryable(a->status, upload, upsert) ? VG_WANDB_AGAIN : VG_WANDB_NEVER;
}

static vg_http_request request(const vg_wandb_online *w, const char *url) {
  return (vg_http_request){.method = "POST",
                           .url = url,
                           .agent = w->o.agent,
                           .timeout = w->o.timeout,
                           .insecure = w->o.insecure};
}

vg_wandb_verdict vg_wandb_post(vg_wandb_online *w, const char *url, const char *body, size_t n) {
  static const char *const json[] = {"Content-Type: application/json", NULL};
  vg_http_request q = request(w, url);
  q.body = body;
  q.size = n;
  q.headers = json;
  q.user = w->user;
  w->exchange(w->http, &q, &w->answer);
  return judge(w, "the file stream", false, false);
}

vg_wandb_verdict vg_wandb_put(vg_wandb_online *w, const vg_wandb_target *t, const void *data,
                              size_t n) {
  vg_http_request q = request(w, t->url);
  q.method = "PUT";
  q.body = data;
  q.size = n;
  q.headers = t->headers;
  q.timeout = 0;
  w->exchange(w->http, &q, &w->answer);
  return judge(w, "an upload", true, false);
}

/* Data of a successful answer. Garbage in place of JSON is a proxy's and passes. */
static vg_wandb_verdict take_data(vg_wandb_online *w, json_t **data) {
  char said[10];
  if (vg_wandb_reply_data(data, w->answer.body.data, w->answer.body.len) == VG_OK)
    return VG_WANDB_FINE;
  snprintf(w->why, sizeof w->why, "%s", vg_error());
  vg_wandb_reply_error(said, sizeof said, w->answer.body.data, w->answer.body.len);
  return said[0] ? VG_WANDB_NEVER : VG_WANDB_AGAIN;
}

vg_wandb_verdict vg_wandb_ask(vg_wandb_online *w, vg_wandb_query q, json_t *variables,
                              json_t **data) {
  static const char *const json[] = {"Content-Type: application/json", NULL};
  json_t *body = json_pack("{ss so ss}", "query", queries[q].text, "variables", variables,
                           "operationName", queries[q].name);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  vg_wandb_verdict v = VG_WANDB_NEVER;
  vg_http_request r = request(w, w->graphql);
  json_decref(body);
  *data = NULL;
  if (!text) {
    snprintf(w->why, sizeof w->why, "%s cannot be put into words", queries[q].name);
    return v;
  }
  r.body = text;
  r.size = strlen(text);
  r.headers = json;
  r.user = w->user;
  w->exchange(w->http, &r, &w->answer);
  v = judge(w, queries[q].name, false, q == VG_WANDB_Q_UPSERT);
  free(text);
  return v == VG_WANDB_FINE ? take_data(w, data) : v;
}

static double draw(vg_wandb_online *w) { /* 0 <= x < 1 */
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (double)(w->random >> 11) * 0x1p-53;
}

void vg_wandb_later(vg_wandb_online *w, vg_wandb_retry *r) {
  double longest = w->finishing ? fmin(w->o.wait_max, 2) : w->o.wait_max;
  double wait = w->o.wait_min * pow(2, fmin(r->attempts, 30)) * (1 + draw(w) / 4);
  if (w->answer.retry_after >= 0) wait = fmin(w->answer.retry_after, 600);
  r->attempts++;
  r->ordered = w->answer.retry_after >= 0;
  r->next = vg_clock() + (w->answer.retry_after >= 0 ? wait : fmin(wait, longest));
}

bool vg_wandb_due(const vg_wandb_retry *r) { return vg_clock() >= r->next; }
