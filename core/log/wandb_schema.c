/* Field tables. */
#include "log/wandb_schema.h"

#include <stddef.h>

#define INT(name, n) \
  { name, n, VG_WANDB_INT, false, NULL }
#define BOOL(name, n) \
  { name, n, VG_WANDB_BOOL, false, NULL }
#define STRING(name, n) \
  { name, n, VG_WANDB_STRING, false, NULL }
#define STRINGS(name, n) \
  { name, n, VG_WANDB_STRING, true, NULL }
#define ONE(name, n, fields) \
  { name, n, VG_WANDB_MESSAGE, false, fields }
#define MANY(name, n, fields) \
  { name, n, VG_WANDB_MESSAGE, true, fields }
#define END \
  { NULL, 0, VG_WANDB_INT, false, NULL }

typedef const vg_wandb_field F[];

static F none = {END};
static F timestamp = {INT("seconds", 1), INT("nanos", 2), END};
static F item = {STRING("key", 1), STRINGS("nested_key", 2), STRING("value_json", 16), END};
static F pair = {STRING("key", 1), STRING("value_json", 2), END};

static F version_info = {STRING("producer", 1), STRING("min_consumer", 2), END};
static F header = {ONE("version_info", 1, version_info), END};

static F step = {INT("num", 1), END};
static F history = {MANY("item", 1, item), ONE("step", 2, step), END};
static F summary = {MANY("update", 1, item), MANY("remove", 2, item), END};
static F config = {MANY("update", 1, item), MANY("remove", 2, item), END};

static F files_item = {STRING("path", 1), INT("policy", 2), INT("type", 3), END};
static F files = {MANY("files", 1, files_item), END};

static F stats_item = {STRING("key", 1), STRING("value_json", 16), END};
static F stats = {INT("stats_type", 1), ONE("timestamp", 2, timestamp), MANY("item", 3, stats_item),
                  END};

static F manifest_entry = {
    STRING("path", 1),     STRING("digest", 2),     STRING("ref", 3),      INT("size", 4),
    STRING("mimetype", 5), STRING("local_path", 6), BOOL("skip_cache", 8), END};
static F manifest = {INT("version", 1), STRING("storage_policy", 2),
                     MANY("storage_policy_config", 3, pair), MANY("contents", 4, manifest_entry),
                     END};
static F artifact = {STRING("run_id", 1),
                     STRING("project", 2),
                     STRING("entity", 3),
                     STRING("type", 4),
                     STRING("name", 5),
                     STRING("digest", 6),
                     STRING("description", 7),
                     STRING("metadata", 8),
                     BOOL("user_created", 9),
                     BOOL("use_after_commit", 10),
                     STRINGS("aliases", 11),
                     ONE("manifest", 12, manifest),
                     BOOL("finalize", 14),
                     STRING("client_id", 15),
                     STRING("sequence_client_id", 16),
                     END};

static F alert = {STRING("title", 1), STRING("text", 2), STRING("level", 3),
                  INT("wait_duration", 4), END};

static F feature = {BOOL("save", 3),           BOOL("offline", 4),
                    BOOL("resumed", 5),        BOOL("metric", 7),
                    BOOL("set_init_name", 13), BOOL("set_init_id", 14),
                    BOOL("set_init_tags", 15), BOOL("set_init_config", 16),
                    BOOL("set_run_name", 17),  BOOL("set_config_item", 19),
                    BOOL("lib_c", 56),         BOOL("set_step_log", 61),
                    BOOL("set_summary", 62),   BOOL("metric_summary", 63),
                    BOOL("table", 78),         END};
static F telemetry = {ONE("feature", 3, feature), STRING("cli_version", 5), STRING("platform", 13),
                      END};

static F metric_options = {BOOL("step_sync", 1), BOOL("hidden", 2), BOOL("defined", 3), END};
static F metric_summary = {BOOL("min", 1),  BOOL("max", 2),   BOOL("mean", 3),
                           BOOL("best", 4), BOOL("last", 5),  BOOL("none", 6),
                           BOOL("copy", 7), BOOL("first", 8), END};
static F metric_control = {BOOL("overwrite", 1), END};
static F metric = {STRING("name", 1),
                   STRING("glob_name", 2),
                   STRING("step_metric", 4),
                   ONE("options", 6, metric_options),
                   ONE("summary", 7, metric_summary),
                   INT("goal", 8),
                   ONE("_control", 9, metric_control),
                   BOOL("expanded_from_glob", 10),
                   END};

static F output_raw = {INT("output_type", 1), ONE("timestamp", 2, timestamp), STRING("line", 3),
                       END};

static F git = {STRING("remote_url", 1), STRING("commit", 2), END};
static F run = {STRING("run_id", 1),
                STRING("entity", 2),
                STRING("project", 3),
                ONE("config", 4, config),
                STRING("run_group", 6),
                STRING("job_type", 7),
                STRING("display_name", 8),
                STRING("notes", 9),
                STRINGS("tags", 10),
                STRING("sweep_id", 12),
                STRING("host", 13),
                INT("starting_step", 14),
                ONE("start_time", 17, timestamp),
                BOOL("resumed", 18),
                ONE("telemetry", 19, telemetry),
                INT("runtime", 20),
                ONE("git", 21, git),
                END};

static F exit_record = {INT("exit_code", 1), INT("runtime", 2), END};

static F disk_info = {INT("total", 1), INT("used", 2), END};
static F disk = {STRING("key", 1), ONE("value", 2, disk_info), END};
static F memory = {INT("total", 1), END};
static F cpu = {INT("count", 1), INT("count_logical", 2), END};
static F environment = {STRING("os", 1),
                        ONE("started_at", 3, timestamp),
                        STRINGS("args", 5),
                        STRING("program", 6),
                        STRING("code_path", 7),
                        ONE("git", 9, git),
                        STRING("email", 10),
                        STRING("root", 11),
                        STRING("host", 12),
                        STRING("username", 13),
                        STRING("executable", 14),
                        INT("cpu_count", 16),
                        INT("cpu_count_logical", 17),
                        STRING("gpu_type", 18),
                        INT("gpu_count", 19),
                        MANY("disk", 20, disk),
                        ONE("memory", 21, memory),
                        ONE("cpu", 22, cpu),
                        STRING("cuda_version", 25),
                        STRING("writer_id", 199),
                        END};

const vg_wandb_field vg_wandb_record[] = {ONE("history", 2, history),
                                          ONE("summary", 3, summary),
                                          ONE("config", 5, config),
                                          ONE("files", 6, files),
                                          ONE("stats", 7, stats),
                                          ONE("artifact", 8, artifact),
                                          ONE("alert", 10, alert),
                                          ONE("telemetry", 11, telemetry),
                                          ONE("metric", 12, metric),
                                          ONE("output_raw", 13, output_raw),
                                          ONE("run", 17, run),
                                          ONE("exit", 18, exit_record),
                                          ONE("final", 20, none),
                                          ONE("header", 21, header),
                                          ONE("footer", 22, none),
                                          ONE("environment", 26, environment),
                                          END};
