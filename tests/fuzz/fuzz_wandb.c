/* Fuzz target: whatever a W&B server may answer. The input is a row of answers, each a byte that
   chooses the status and a body up to the next byte 0xFF; the requests of a whole run are made. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "log/wandb_online.h"

static const uint8_t *at, *end;

static void answer(vg_http *h, const vg_http_request *q, vg_http_answer *a) {
  static const int statuses[] = {200, 200, 200, 200, 200, 201, 0, 401, 409, 429, 500, 302, 404};
  (void)h;
  vg_text_free(&a->body);
  *a = (vg_http_answer){.retry_after = -1, .rate_remaining = -1, .rate_reset = -1};
  for (size_t i = 0; i < q->size; i++) fuzz_sink += ((const unsigned char *)q->body)[i];
  if (at < end) {
    const uint8_t *stop;
    a->status = statuses[*at++ % (sizeof statuses / sizeof *statuses)];
    stop = at < end ? memchr(at, 0xFF, (size_t)(end - at)) : NULL;
    if (!stop) stop = end;
    if (stop > at) vg_text_add(&a->body, (const char *)at, (size_t)(stop - at));
    at = stop < end ? stop + 1 : end;
  }
  for (int i = 0; q->headers && q->headers[i]; i++) fuzz_sink += (unsigned)strlen(q->headers[i]);
}

static void prepare(vg_wandb_online *w) {
  *w = (vg_wandb_online){.o = {.base_url = "http://h", .agent = "a", .wait_min = 1, .wait_max = 1},
                         .exchange = answer,
                         .graphql = "http://h/graphql",
                         .user = "api:k",
                         .files_dir = "/etc",
                         .run = "r1",
                         .finishing = true};
  w->start = json_loads("{\"name\":\"r1\",\"config\":\"{}\"}", 0, NULL);
  w->resume = json_loads("{\"name\":\"r1\"}", 0, NULL);
  w->uploads = json_loads("[\"os-release\",\"none/such\"]", 0, NULL);
  w->uploaded = json_array();
  w->artifacts = json_loads(
      "[{\"type\":\"run_table\",\"name\":\"n\",\"digest\":\"d\",\"client_id\":\"c\","
      "\"sequence_client_id\":\"s\",\"step\":3,\"contents\":[{\"path\":\"a\",\"digest\":\"x\","
      "\"size\":3,\"local_path\":\"/etc/os-release\"}]}]",
      0, NULL);
  w->config = vg_strdup("{}");
  w->summary = vg_strdup("{\"a\":1}");
  vg_wandb_lines_add(&w->history, "{\"_step\":0}", 11);
  vg_wandb_lines_add(&w->console, "line", 4);
}

static void release(vg_wandb_online *w) {
  vg_wandb_lines_drop(&w->history, w->history.n);
  vg_wandb_lines_drop(&w->console, w->console.n);
  vg_free(w->history.line);
  vg_free(w->console.line);
  json_decref(w->start);
  json_decref(w->resume);
  json_decref(w->uploads);
  json_decref(w->uploaded);
  json_decref(w->artifacts);
  vg_free(w->earlier);
  vg_free(w->config);
  vg_free(w->summary);
  vg_free(w->stream);
  vg_text_free(&w->answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vg_wandb_online w;
  vg_wandb_verdict v;
  at = data;
  end = data + size;
  prepare(&w);
  v = vg_wandb_send_resume(&w);
  if (v == VG_WANDB_FINE) v = vg_wandb_send_start(&w);
  if (v == VG_WANDB_FINE && w.started) {
    vg_wandb_send_config(&w);
    if (vg_wandb_send_artifact(&w) == VG_WANDB_AGAIN) vg_wandb_later(&w, &w.artifact_retry);
    if (vg_wandb_send_files(&w) == VG_WANDB_AGAIN) vg_wandb_later(&w, &w.files_retry);
    v = vg_wandb_send_stream(&w);
    if (v == VG_WANDB_FINE && !w.complete) abort();
  }
  if (v != VG_WANDB_FINE && !w.why[0]) abort();
  release(&w);
  return 0;
}
