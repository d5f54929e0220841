-- The way to the server: the sender, an earlier run that goes on, what is said about it, and the
-- offline directory with what the server did not take.
local core = require "vgg.core"
local json = require "vgg.json"
local settings = require "vgg.wandb.settings"
local upsert = require "vgg.wandb.upsert"
local util = require "vgg.util"

local online = {}

-- A directory that does not exist: "-1" and so on behind a name that is taken.
function online.free(name)
  local dir, n = name, 0
  while core.fs.exists(dir) do
    n = n + 1
    dir = ("%s-%d"):format(name, n)
  end
  return dir
end

local function resume_file(s) return s.directory .. "/wandb-resume.json" end

-- The run's id; with resume = "auto" that of a run here which did not end well.
function online.choose_id(s)
  if s.resume == "auto" and not s.id then
    local f = io.open(resume_file(s), "r")
    local before = f and json.decode(f:read "*a")
    if f then f:close() end
    s.id = type(before) == "table" and before.run_id or nil
  end
  s.id = s.id or settings.random(8)
  if s.resume == "auto" then
    core.fs.mkdir(s.directory)
    core.fs.write(resume_file(s), json.encode { run_id = s.id }, "wandb")
  elseif s.mode == "offline" and (s.resume == "must" or s.resume == "allow") then
    util.log("warn", "wandb: resume = '%s' has no effect offline", s.resume)
  end
end

-- After a good end nothing is left to go on with.
function online.forget(s)
  if s.resume == "auto" then os.remove(resume_file(s)) end
end

local function offline(s, fmt, ...)
  util.log("warn", "wandb: " .. fmt .. "; the run stays offline", ...)
  s.mode = "offline"
end

-- The last line of a tail: a JSON text of a list of JSON texts.
local function last_line(tail)
  local lines = type(tail) == "string" and json.decode(tail) or tail
  local line = type(lines) == "table" and lines[#lines]
  local row = type(line) == "string" and json.decode(line)
  return type(row) == "table" and row or {}
end

local function decoded(text)
  local v = type(text) == "string" and json.decode(text)
  return type(v) == "table" and v or {}
end

local function number(v) return type(v) == "number" and v or 0 end

-- Takes over what the server knows of the run.
local function take_over(s, sender, bucket)
  local row, event = last_line(bucket.historyTail), last_line(bucket.eventsTail)
  local summary, config = decoded(bucket.summaryMetrics), decoded(bucket.config)
  local rows = number(bucket.historyLineCount)
  s.resumed, s.storage_id = true, bucket.id
  s.starting_step = rows > 0 and math.max(number(row._step), number(summary._step)) + 1 or 0
  local own = type(summary._wandb) == "table" and summary._wandb or {}
  s.runtime = math.max(number(row._runtime), number(event._runtime), number(own.runtime))
  s.earlier_config, s.earlier_summary = {}, summary
  for key, v in pairs(config) do
    if type(v) == "table" and key ~= "_wandb" then s.earlier_config[key] = v.value end
  end
  local internal = config._wandb and config._wandb.value or {}
  s.kept = { viz = internal.viz, visualize = internal.visualize }
  summary._wandb = nil
  sender:continue(rows, number(bucket.eventsLineCount), number(bucket.logLineCount))
end

local function resume(s, sender)
  sender:tell("resume", json.encode { name = s.id, project = s.project, entity = s.entity })
  sender:wait(s.init_timeout or 90)
  local answer = json.decode(sender:earlier() or "null")
  local model = type(answer) == "table" and type(answer.model) == "table" and answer.model
  local bucket = model and type(model.bucket) == "table" and model.bucket
  local exists = bucket and decoded(bucket.wandbConfig).t ~= nil
  if type(answer) ~= "table" then
    return offline(s, "resume: no answer from %s", s.base_url)
  elseif s.resume == "must" and not exists then
    util.fail("data", "wandb: resume = 'must', but there is no run '%s'", s.id)
  elseif s.resume == "never" and exists then
    util.fail("data", "wandb: resume = 'never', but run '%s' exists: take another id", s.id)
  elseif exists then
    take_over(s, sender, bucket)
  end
end

-- A sender for the settings; without a usable key or library nil, and the mode is offline.
function online.open(s)
  if not s.key then return offline(s, "no API key (WANDB_API_KEY, netrc)") end
  local bad = settings.bad_key(s.key)
  if bad then return offline(s, "the API key %s", bad) end
  local o = { base_url = s.base_url, key = s.key, insecure = s.insecure,
    agent = s.agent or ("vgglua/%s wandb-core"):format(core.version) }
  for name, v in pairs(s.times) do o[name] = v end
  local sender, why = core.wandb.sender(o)
  if not sender then return offline(s, "%s", why) end
  if s.resume then
    local ok, e = pcall(resume, s, sender)
    if not ok then
      sender:close(1)
      error(e, 0)
    end
  end
  return s.mode == "online" and sender or nil
end

local function percent(s)
  return (s:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The run's page.
function online.url(s, place)
  local app = s.app_url
  if not app then
    app = s.base_url:gsub("^(https?://)api%.wandb%.", "%1wandb.")
    app = app:gsub("^(https?://)api%.", "%1app.")
  end
  return ("%s/%s/%s/runs/%s"):format(app, percent(place.entity), percent(place.project),
    percent(s.id))
end

-- The first request; says where the run can be seen, or that it cannot yet.
function online.begin(run)
  local s, sender = run.settings, run.sender
  sender:tell("files", run.files_dir)
  sender:tell("start", json.encode(upsert.variables(run)))
  sender:wait(math.min(s.init_timeout or 5, 5))
  local now = sender:status()
  if now.state == "online" then
    run.entity, run.project, run.name = now.entity, now.project, now.name
    run.url = online.url(s, now)
    if not s.silent then util.log("info", "wandb: %s", run.url) end
  end
  online.watch(run)
end

-- Tells once when the connection is lost, comes back, or the server wants nothing more.
function online.watch(run)
  local now = run.sender:status()
  local before = run.connection or "online"
  if now.state == before or (now.state == "connecting" and before == "online") then return now end
  local silent = run.settings.silent
  if now.state == "refused" then
    run:warn("%s. The run goes on offline", now.why)
  elseif now.state == "waiting" and core.clock() - (run.told_at or -60) >= 60 then
    run.told_at = core.clock()
    run:warn("no connection (%s). The run goes on; what is logged is sent later", now.why)
  elseif now.state == "online" and before == "waiting" and not silent then
    util.log("note", "wandb: connected")
  end
  run.connection = now.state
  run.should_stop = now.stop_asked
  return now
end

-- An offline run beside the online one with what the server did not take, for `wandb sync`.
local function rest_of(run, rows)
  local name = util.basename(run.dir):gsub("^run%-", "offline-run-")
  local dir = online.free(run.settings.directory .. "/" .. name)
  assert(core.fs.mkdir(dir .. "/logs"))
  assert(core.fs.symlink("../" .. util.basename(run.dir) .. "/files", dir .. "/files"))
  local log = ("run-%s.wandb"):format(run.id)
  assert(core.wandb.rest(run.dir .. "/" .. log, dir .. "/" .. log, rows))
  return dir
end

-- Ends the run on the server. The writer is closed: everything is on its way.
function online.finish(run, code)
  local now = run.sender:close(code)
  run.sender = nil
  if not now then return false end
  if now.lost_files > 0 then
    run:warn("%d file%s not taken: %s", now.lost_files, now.lost_files == 1 and " was" or "s were",
      now.why)
  end
  if now.state == "finished" then
    run.url = online.url(run.settings, now)
    if not run.settings.silent then util.log("info", "wandb: %s", run.url) end
    return true
  end
  local ok, dir = pcall(rest_of, run, now.rows_sent)
  run:warn("%d of %d rows did not reach the server (%s)", now.rows - now.rows_sent, now.rows,
    now.why ~= "" and now.why or "no answer")
  if ok then
    run.rest = dir
  else
    run:warn("%s", tostring(dir))
  end
  return false
end

return online
