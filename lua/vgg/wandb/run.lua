-- A W&B run: what init returns. Rows, summary, config, files; every call only hands bytes to the
-- thread that writes the run directory.
local core = require "vgg.core"
local console = require "vgg.wandb.console"
local environment = require "vgg.wandb.environment"
local files = require "vgg.wandb.files"
local json = require "vgg.json"
local media = require "vgg.wandb.media"
local Metrics = require "vgg.wandb.metrics"
local online = require "vgg.wandb.online"
local plot = require "vgg.wandb.plot"
local Table = require "vgg.wandb.table"
local upsert = require "vgg.wandb.upsert"
local util = require "vgg.util"

local Run = { __name = "vgg.wandb.Run" }
Run.__index = Run

local function encode(v) return json.encode_bare(v) end

local function items(values)
  local list = {}
  for _, key in ipairs(util.keys(values)) do
    list[#list + 1] = { nested_key = { key }, value_json = encode(values[key]) }
  end
  return list
end

-- What a run is made of; `s` are settings, `place` the directory and the writer of its log.
function Run.new(s, place, config)
  local self = setmetatable({ settings = s, id = s.id, name = s.name, project = s.project,
    entity = s.entity, dir = place.dir, writer = place.writer, start = place.start,
    sender = place.sender,
    mode = s.mode, step = s.starting_step or 0, pending = {}, summary_values = {}, written = {},
    metrics = Metrics.new(), config_values = {}, visualize = {}, metric_records = {} }, Run)
  self.files_dir = place.dir .. "/files"
  self:proxies()
  for _, values in ipairs { s.earlier_config or {}, config or {} } do
    for key, v in pairs(values) do self.config_values[key] = Run.plain(v) end
  end
  for key, v in pairs(s.earlier_summary or {}) do self.summary_values[key] = v end
  return self
end

Run.mend = core.wandb.utf8

-- run.summary["best/acc"] = 0.5 and run.config.lr = 0.1 write; reading gives what is there.
function Run:proxies()
  self.summary = setmetatable({}, {
    __index = function(_, key) return self.summary_values[key] end,
    __newindex = function(_, key, v) self:log_summary { [key] = v } end,
  })
  self.config = setmetatable({ update = function(config, t)
    self:log_config(t)
    return config
  end }, {
    __index = function(_, key) return self.config_values[key] end,
    __newindex = function(_, key, v) self:log_config { [key] = v } end,
  })
end

function Run:warn(fmt, ...)
  if not self.settings.silent then util.log("warn", "wandb: " .. fmt, ...) end
end

-- One record into the log. A disk that fails raises once; the run is silent from then on.
function Run:record(name, fields)
  if self.lost then return end
  local ok, why = self.writer:record(name, fields)
  if not ok then
    self.lost = true
    util.fail("data", "%s", why)
  end
end

-- News for the server, online.
function Run:tell(kind, text)
  if self.mode == "online" and not self.lost then self.writer:send(kind, text) end
end

-- Seconds since the run began, those of earlier sessions included.
function Run:runtime()
  return core.wall_clock() - self.start + (self.settings.runtime or 0)
end

-- ---- beginning ----

local function features(self)
  local s = self.settings
  return { feature = { offline = self.mode ~= "online" or nil, lib_c = true,
    set_init_name = s.name and true or nil, set_init_id = s.given_id or nil,
    set_init_tags = s.tags and true or nil, resumed = s.resumed or nil,
    set_init_config = next(self.config_values) and true or nil }, platform = s.platform }
end

-- Writes what stands at the head of every log.
function Run:begin()
  local s = self.settings
  self.environment = environment.record(s, self.start)
  self.telemetry = features(self)
  local config = items(self.config_values)
  table.insert(config, 1, { key = "_wandb", value_json = "{}" })
  self:record("header", { version_info = { producer = "vgglua-" .. core.version,
    min_consumer = "0.70.0" } })
  self:record("run", { run_id = s.id, entity = s.entity, project = s.project,
    config = { update = config }, run_group = s.group, job_type = s.job_type,
    display_name = s.name, notes = s.notes, tags = s.tags, sweep_id = s.sweep_id,
    host = self.environment.host, starting_step = s.starting_step, resumed = s.resumed,
    runtime = s.runtime and math.floor(s.runtime) or nil,
    start_time = environment.timestamp(self.start), telemetry = self.telemetry, git = s.git })
  self:record("environment", self.environment)
  self:local_file("wandb-metadata.json", files.metadata(self.environment))
  self:local_file("config.yaml", files.config_yaml(self))
  if self.sender then online.begin(self) end
  if s.console then
    self.listening = console.start(function(stream, line) self:console_line(stream, line) end)
  end
end

-- A file that people look at; not told to W&B, which makes its own.
function Run:local_file(name, text)
  if not self.lost then self.writer:file(self.files_dir .. "/" .. name, self.mend(text)) end
end

function Run:console_line(stream, line)
  if self.lost or self.finished then return end
  self.printed = self.printed or {}
  self.printed[#self.printed + 1] = line
  self:record("output_raw", { output_type = stream == "stdout" and 1 or 0, line = line .. "\n",
    timestamp = environment.timestamp(core.wall_clock()) })
  self:tell("console", (stream == "stdout" and "o" or "e") .. line)
end

-- ---- files ----

-- Writes files/PATH and has it uploaded.
function Run:save_file(path, bytes, policy)
  self.writer:file(self.files_dir .. "/" .. path, bytes)
  self:record("files", { files = { { path = path, policy = policy } } })
  self:tell("upload", path)
end

-- Takes a file of the disk into the run, under its own or another name.
function Run:save(path, name)
  local f = io.open(path, "rb") or util.fail("data", "wandb: no file '%s'", path)
  local bytes = f:read "*a"
  f:close()
  name = name or util.basename(path)
  if name:match "^/" or name:match "%.%./" then error("save: want a name below files/", 2) end
  self:save_file(name, bytes)
end

-- a: { type, name, entries = { { path, bytes, digest, size } }, client_id, sequence_client_id }.
-- `wandb sync` removes what an artifact's local_path names, so that is a second name of the file.
function Run:log_artifact(a)
  local digest = require "vgg.wandb.digest"
  self.artifacts = (self.artifacts or 0) + 1
  local contents, from = {}, ("%s/artifacts/%d"):format(self.dir, self.artifacts)
  for i, e in ipairs(a.entries) do
    local real, link = ("%s/%d"):format(from, i), ("%s/staging-%d"):format(from, i)
    self.writer:file(real, e.bytes)
    self.writer:link(real, link)
    contents[i] = { path = e.path, digest = e.digest, size = e.size, local_path = link,
      skip_cache = true }
  end
  a.digest = digest.artifact(a.entries)
  self:record("artifact", { run_id = self.id, project = self.project, entity = self.entity,
    type = a.type, name = a.name, digest = a.digest, aliases = { "latest" }, finalize = true,
    client_id = a.client_id, sequence_client_id = a.sequence_client_id,
    manifest = { version = 1, storage_policy = "wandb-storage-policy-v1",
      storage_policy_config = { { key = "storageLayout", value_json = '"V2"' } },
      contents = contents } })
  self:tell("artifact", json.encode { type = a.type, name = a.name, digest = a.digest,
    client_id = a.client_id, sequence_client_id = a.sequence_client_id, contents = contents,
    step = self.step })
  return a
end

-- ---- config and metrics ----

-- Config values as JSON has them: no functions, NaN and infinities as text.
function Run.plain(v, depth)
  local t = type(v)
  depth = depth or 0
  if t == "table" and v ~= json.null and depth < 20 then
    local out = {}
    for k, x in pairs(v) do
      out[type(k) == "number" and #v > 0 and k or tostring(k)] = Run.plain(x, depth + 1)
    end
    return #v > 0 and json.array(out) or out
  elseif t == "number" and (v ~= v or math.abs(v) == math.huge) then
    return v ~= v and "NaN" or v > 0 and "Infinity" or "-Infinity"
  elseif t == "number" or t == "string" or t == "boolean" or v == json.null then
    return v
  end
  return tostring(v)
end

-- Adds to the config; tables are replaced as a whole.
function Run:log_config(values)
  local changed = {}
  for key, v in pairs(values) do changed[key] = Run.plain(v) end
  for key, v in pairs(changed) do self.config_values[key] = v end
  self:record("config", { update = items(changed) })
  self:local_file("config.yaml", files.config_yaml(self))
  self.config_changed = true
end

local define_known = { step_metric = 1, step_sync = 1, hidden = 1, summary = 1, goal = 1,
  overwrite = 1 }

-- define_metric("val/acc", { step_metric = "step", summary = "max" }); a name may end in *.
-- summary: words of min max mean first last best none; goal = "maximize" | "minimize" for best.
function Run:define_metric(name, o)
  o = o or {}
  util.check_options("define_metric", o, define_known, 2)
  self:metric_record(self.metrics:define(name, o))
end

function Run:metric_record(record)
  self.metric_records[#self.metric_records + 1] = record
  self:record("metric", record)
  self.config_changed = true
end

-- The config for the server, once after several changes.
function Run:tell_config()
  if not self.config_changed then return end
  self.config_changed = false
  if self.mode == "online" then self:tell("config", upsert.config(self)) end
end

-- ---- rows ----

local function is_list_of_images(v)
  if type(v) ~= "table" or #v == 0 then return false end
  for _, x in ipairs(v) do if not media.is_image(x) then return false end end
  return true
end

-- A value of a row as JSON, its files written. Charts put their table under another key.
local function convert(self, key, v)
  local class = type(v) == "table" and getmetatable(v)
  if type(v) == "userdata" and v ~= json.null then return v:item() end
  if media.is_image(v) then return media.image_value(self, key, v) end
  if is_list_of_images(v) then return media.images_value(self, key, v) end
  if class == Table then return v:value(self, key) end
  if class == media.Histogram then return v:value() end
  if class == plot.Chart then
    local under = v:table_key(key)
    if not self.visualize[key] then
      self.visualize[key] = v:config(key)
      self:record("config", { update = { { nested_key = { "_wandb", "visualize", key },
        value_json = encode(self.visualize[key]) } } })
      self.config_changed = true
    end
    return v.table:value(self, under), under
  end
  return v
end

-- Writes the pending row.
function Run:commit()
  local row = self.pending
  if next(row) == nil then return end
  self.pending = {}
  for _, d in ipairs(self.metrics:complete(row)) do self:metric_record(Metrics.record(d, true)) end
  row._step, row._timestamp = self.step, core.wall_clock()
  row._runtime = row._timestamp - self.start + (self.settings.runtime or 0)
  local summary = {}
  for key, v in pairs(row) do summary[key] = self.metrics:summarize(key, v) end
  self:update_summary(summary)
  self:record("history", { item = items(row), step = { num = self.step } })
  self:tell_config()
  self:tell("history", encode(row))
  if self.sender then online.watch(self) end
  self.step = self.step + 1
end

-- log({ ["train/loss"] = 0.5, sample = wandb.Image(t) }, { step =, commit = false }): a row. With a
-- step later than the present one the row before is finished; an earlier one is refused.
function Run:log(row, o)
  o = o or {}
  util.check_options("log", o, { step = 1, commit = 1 }, 2)
  if self.finished then error("wandb: the run is finished", 2) end
  if o.step then
    if o.step < self.step then
      self:warn("step %d is over (now %d): %s not logged", o.step, self.step,
        table.concat(util.keys(row), " "))
      return
    elseif o.step > self.step then
      self:commit()
      self.step = o.step
    end
  end
  for _, key in ipairs(util.keys(row)) do
    local value, under = convert(self, key, row[key])
    self.pending[under or key] = value
  end
  if o.commit or (o.commit == nil and not o.step) then self:commit() end
end

-- ---- summary ----

function Run:update_summary(values)
  local list = items(values)
  local seconds = math.floor(self:runtime())
  list[#list + 1] = { nested_key = { "_wandb", "runtime" }, value_json = tostring(seconds) }
  for key, v in pairs(values) do self.summary_values[key] = v end
  self:record("summary", { update = list })
  if self.mode == "online" then self:tell("summary", self:summary_text()) end
end

function Run:summary_text()
  local all = { _wandb = { runtime = math.floor(self:runtime()) } }
  for key, v in pairs(self.summary_values) do all[key] = v end
  return encode(all)
end

-- Sets entries of the summary; they stand until a row logs the same key.
function Run:log_summary(values)
  local out = {}
  for key, v in pairs(values) do out[key] = convert(self, key, v) end
  self:update_summary(out)
end

-- ---- end ----

-- Everything so far is in the files.
function Run:flush()
  if self.lost then return false end
  return self.writer:flush()
end

local function last_records(self, code)
  self:commit()
  local seconds = math.floor(self:runtime())
  self:update_summary { _runtime = self.summary_values._runtime or seconds }
  self:local_file("wandb-summary.json", self:summary_text() .. "\n")
  self:local_file("config.yaml", files.config_yaml(self))
  if self.printed then
    self:local_file("output.log", table.concat(self.printed, "\n") .. "\n")
    self:tell("upload", "output.log")
  end
  for _, name in ipairs { "wandb-summary.json", "config.yaml", "wandb-metadata.json" } do
    self:tell("upload", name)
  end
  self:tell_config()
  self:record("exit", { exit_code = code, runtime = seconds })
  self:record("final", {})
  self:record("footer", {})
end

-- Ends the run; safe to repeat. Returns whether everything was written.
function Run:finish(code)
  if self.finished then return self.finished_well end
  if self.listening then console.stop(self.listening) end
  local ok, why = pcall(last_records, self, code or 0)
  self.finished = true
  local closed, message = self.writer:close()
  self.finished_well = ok and closed or false
  if not ok or not closed then self:warn("%s", tostring(why or message)) end
  if self.sender then
    self.finished_well = online.finish(self, code or 0) and self.finished_well
  end
  if (code or 0) == 0 then online.forget(self.settings) end
  self:say_where()
  return self.finished_well
end

-- For a program that ends without finish.
function Run:close(outcome) self:finish(outcome and outcome.code or 0) end

-- The command that uploads the run, or what the server did not take of it.
function Run:sync_command()
  local dir = self.rest or self.dir
  local plain = not dir:match "[^%w_./+,:=@-]"
  return "wandb sync " .. (plain and dir or util.shell_quote(dir))
end

function Run:say_where()
  if self.settings.silent or self.settings.quiet then return end
  if self.mode == "online" and not self.rest then return end
  util.log("info", "upload  %s", self:sync_command())
end

return Run
