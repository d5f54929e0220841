-- Live editing: the script that trains is read again between steps. What is safe of an edit is
-- applied, the rest is named for a restart; both versions stay in the run's directory and the edit
-- is a row of the log. A broken edit changes nothing. `--watch` adds this callback.
local core = require "vgg.core"
local util = require "vgg.util"

local Watch = { name = "watch", order = 96 }
Watch.__index = Watch

-- Watch { path = the running script, every = 0.25 (seconds between looks) }
function Watch.new(o)
  o = o or {}
  util.check_options("Watch", o, { path = true, every = true })
  return setmetatable({ path = o.path or (arg and arg[0]), every = o.every or 0.25, versions = 0 },
    Watch)
end

local function read(path)
  local f = path and io.open(path, "rb")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return (text:gsub("^#[^\n]*", ""))
end

-- Keeps a version of the script in the run's directory; returns its name.
local function keep(self, t, text)
  self.versions = self.versions + 1
  local name = ("script.%d.lua"):format(self.versions)
  while t.run and self.versions < 1000 and core.fs.exists(t.run:path(name)) do
    self.versions = self.versions + 1
    name = ("script.%d.lua"):format(self.versions)
  end
  if t.run then core.fs.write(t.run:path(name), text, "script") end
  return name
end

function Watch:on_fit_start(t)
  self.text = read(self.path)
  self.looked = core.clock()
  if self.text then
    keep(self, t, self.text)
    util.log("note", "watch   %s: safe edits apply between two steps", self.path)
  else
    util.log("warn", "watch: there is no script to watch here")
  end
end

local function tell(t, fmt, ...) t:call("on_message", ("watch: " .. fmt):format(...)) end

local function log(self, t, script, out, problem)
  local function some(list) return #list > 0 and list or nil end
  t:log_row { type = "event", event = "edit", epoch = t.position.epoch + 1, step = t.position.step,
    script = script, applied = some(out.applied), restart = some(out.restart), error = problem,
    file = util.basename(self.path), timing = { wall = os.time(), elapsed = t:elapsed() } }
end

local function words(out)
  local parts = {}
  if #out.applied > 0 then parts[1] = table.concat(out.applied, "; ") end
  if #out.restart > 0 then
    parts[#parts + 1] = "needs a restart: " .. table.concat(out.restart, "; ")
  end
  return #parts > 0 and table.concat(parts, ". ") or "nothing that matters here"
end

local function edited(self, t, text)
  local record = require "vgg.watch.record"
  local name = "@" .. self.path
  local new, why = record(text, name, t)
  local old = self.record
  if new and not old then old, why = record(self.text, name, t) end
  if not (new and old) then
    tell(t, "%s not applied, training goes on as before: %s", self.path, why)
    log(self, t, nil, { applied = {}, restart = {} }, why)
    return
  end
  local out = require("vgg.watch.apply").edit(t, old, new)
  self.text, self.record = text, new
  local script = keep(self, t, text)
  log(self, t, script, out)
  tell(t, "%s changed, from step %s on: %s", self.path, util.count(t.position.step + 1), words(out))
end

-- A version counts when two looks in a row found it, so that no half-written file does.
local function look(self, t)
  if not self.text then return end
  local now = core.clock()
  if now - self.looked < self.every then return end
  self.looked = now
  local text = read(self.path)
  if not text or text == self.text or text == self.refused then
    self.candidate = nil
  elseif text == self.candidate then
    self.candidate, self.refused = nil, text
    edited(self, t, text)
    collectgarbage()
  else
    self.candidate = text
  end
end

function Watch:on_step_boundary(t) look(self, t) end
function Watch:on_epoch_end(t) look(self, t) end

return Watch
