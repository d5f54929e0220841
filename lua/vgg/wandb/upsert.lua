-- A run as the mutation UpsertBucket wants it: variables with the config wrapped and W&B's own part
-- in its numbered form.
local environment = require "vgg.wandb.environment"
local json = require "vgg.json"

local upsert = {}

local features = { save = 3, offline = 4, resumed = 5, metric = 7, set_init_name = 13,
  set_init_id = 14, set_init_tags = 15, set_init_config = 16, lib_c = 56 }
local options = { step_sync = 1, hidden = 2, defined = 3 }
local summaries = { min = 1, max = 2, mean = 3, best = 4, last = 5, none = 6, first = 8 }

local function numbers(set, names)
  local list = json.array {}
  for name, on in pairs(set or {}) do if on then list[#list + 1] = names[name] end end
  table.sort(list)
  return list
end

local function telemetry(t)
  return { ["3"] = numbers(t.feature, features), ["13"] = t.platform }
end

-- Definitions in the order they were made, later ones of a name in the place of earlier ones; an
-- x-axis that was not defined gets an entry of its own. Patterns stand for what they match; they do
-- not count as defined.
local function metrics(records)
  local list, at = json.array {}, {}
  local function place(name)
    if not at[name] then
      at[name] = #list + 1
      list[at[name]] = { ["1"] = name, ["6"] = json.array {}, ["7"] = json.array {} }
    end
    return at[name]
  end
  for _, r in ipairs(records) do
    local flags = { step_sync = r.options.step_sync, hidden = r.options.hidden,
      defined = r.options.defined and not r.glob_name }
    if not r.expanded_from_glob then
      local index = r.step_metric and place(r.step_metric)
      list[place(r.name or r.glob_name)] = { ["1"] = r.name, ["2"] = r.glob_name, ["5"] = index,
        ["6"] = numbers(flags, options), ["7"] = numbers(r.summary, summaries), ["8"] = r.goal }
    end
  end
  return list
end

-- W&B's own part of the config.
function upsert.own(run)
  local own = { t = telemetry(run.telemetry), m = metrics(run.metric_records),
    e = { [run.environment.writer_id] = environment.metadata(run.environment) },
    visualize = next(run.visualize) and run.visualize or nil }
  for key, v in pairs(run.settings.kept or {}) do own[key] = own[key] or v end -- of a resumed run
  return own
end

-- The config's text.
function upsert.config(run)
  local all = { _wandb = { value = upsert.own(run) } }
  for key, v in pairs(run.config_values) do all[key] = { value = v } end
  return json.encode(all)
end

-- Everything, for the first call. `null` stands for what is not known.
function upsert.variables(run)
  local s, null = run.settings, json.null
  local function or_null(v) if v == nil then return null end return v end
  return { id = or_null(s.storage_id), name = s.id, project = or_null(s.project),
    entity = or_null(s.entity), groupName = or_null(s.group), description = null,
    displayName = or_null(s.name), notes = or_null(s.notes),
    commit = or_null(s.git and s.git.commit), config = upsert.config(run),
    host = or_null(run.environment.host), debug = null, program = or_null(run.environment.program),
    repo = or_null(s.git and s.git.remote_url), jobType = or_null(s.job_type), state = null,
    sweep = or_null(s.sweep_id), tags = s.tags and json.array(s.tags) or null,
    summaryMetrics = null }
end

return upsert
