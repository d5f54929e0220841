-- A run as it lies on disk, for pictures, comparisons and reports: run.read("first", "runs").
local core = require "vgg.core"
local json = require "vgg.json"
local util = require "vgg.util"

local run = {}

local Run = {}
Run.__index = Run

local odd = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function file_text(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return text
end

-- One line of metrics.jsonl with its numbers that JSON does not know put back.
local function row_of(line)
  local row = json.decode(line)
  if type(row) ~= "table" then return nil end
  for key, word in pairs(type(row.nonfinite) == "table" and row.nonfinite or {}) do
    row[key] = odd[word]
  end
  for key, value in pairs(row) do if value == json.null then row[key] = nil end end
  return row
end

-- Sorts the rows by type; a last line cut off by a kill is left out.
local function sort_rows(self, text)
  for line in text:gmatch "[^\n]+" do
    local row = row_of(line)
    if not row then
      self.damaged = self.damaged + 1
    elseif row.type == "epoch" then
      self.epochs[#self.epochs + 1] = row
    elseif row.type == "step" then
      self.steps[#self.steps + 1] = row
    elseif row.type == "test" then
      self.tests[row.checkpoint or "current"] = row
    elseif row.type == "confusion_matrix" then
      self.matrices[row.key or ""] = row
    end
  end
end

-- The directory a word stands for: a path, or the name of a run.
function run.directory(what, root, who)
  local s = core.fs.stat(what)
  if s and s.type == "directory" then return (what:gsub("(.)/+$", "%1")) end
  if s then return what:match "^(.*)/[^/]*$" or "." end -- a file of a run
  local dir = root .. "/" .. what
  s = core.fs.stat(dir)
  if s and s.type == "directory" then return dir end
  local names = {}
  for _, name in ipairs(core.fs.list(root) or {}) do
    if core.fs.exists(root .. "/" .. name .. "/metrics.jsonl") then names[#names + 1] = name end
  end
  local near = util.suggest(what, names)
  util.fail("data", "%s: no run '%s' in '%s'.%s", who, what, root,
    near and (" Did you mean '%s'?"):format(near) or #names > 0 and " Runs: " ..
    table.concat(names, " ", 1, math.min(#names, 10)) or " There is no run yet")
end

-- Reads what there is of the run in a directory; nil without metrics.jsonl.
function run.at(dir)
  local text = file_text(dir .. "/metrics.jsonl")
  if not text then return nil end
  local self = setmetatable({ dir = dir, epochs = {}, steps = {}, tests = {}, matrices = {},
    damaged = 0 }, Run)
  self.name = util.basename(core.fs.realpath(dir) or dir)
  for _, name in ipairs { "config", "summary", "clock" } do
    local found = file_text(dir .. "/" .. name .. ".json")
    local value = found and json.decode(found)
    self[name] = type(value) == "table" and value or {}
  end
  self.finished = self.summary.stop_reason ~= nil
  sort_rows(self, text)
  return self
end

-- The run of that name or path. Fails in words (exit code 3) where there is none, or where no epoch
-- of it is complete; `who` starts the message. options.attacks: runs of attacks are welcome, too.
function run.read(what, root, who, options)
  local dir = run.directory(what, root or "runs", who)
  local self = run.at(dir)
  if not self then
    util.fail("data", "%s: '%s' holds no metrics.jsonl, so it is no run", who, dir)
  end
  if self.config.kind == "attack" then
    if options and options.attacks then return self end
    util.fail("data", "%s: '%s' is an attack on a model, not its training. vgglua report shows it",
      who, dir)
  end
  if #self.epochs == 0 then
    util.fail("data", "%s: '%s' has no complete epoch yet (%s). %s", who, dir,
      #self.steps > 0 and ("step %d"):format(self.steps[#self.steps].step or 0) or "no step logged",
      ("Go on with it: --resume %s"):format(self.name))
  end
  return self
end

function Run:file(name) return file_text(self.dir .. "/" .. name) end

-- A table that was logged: { columns, rows }, or nil.
function Run:table(key)
  local text = self:file("tables/" .. key .. ".json")
  local value = text and json.decode(text)
  return type(value) == "table" and type(value.rows) == "table" and
    type(value.columns) == "table" and value or nil
end

function Run:monitor()
  local fixed = self.config.fixed or {}
  return self.summary.monitor or (fixed.trainer or {}).monitor or "val/acc"
end

-- The row of the best epoch: the last one marked as such.
function Run:best()
  local best
  for _, row in ipairs(self.epochs) do if row.best then best = row end end
  return best or self.epochs[#self.epochs]
end

function Run:last() return self.epochs[#self.epochs] end

-- Values of a key over the epochs: x, y (nan where an epoch has none); nil when no epoch has it.
function Run:series(key)
  local x, y, any = {}, {}, false
  for i, row in ipairs(self.epochs) do
    local v = row[key]
    x[i], y[i] = row.epoch, type(v) == "number" and v or 0 / 0
    any = any or type(v) == "number"
  end
  if any then return x, y end
end

-- Loss of the logged steps over fractions of epochs.
function Run:step_loss()
  local trainer = (self.config.fixed or {}).trainer or {}
  local batches = trainer.batches
  if not batches or #self.steps == 0 then return nil end
  local steps = math.ceil(batches / (trainer.accumulate_grad_batches or 1))
  local x, y = {}, {}
  for i, row in ipairs(self.steps) do
    x[i], y[i] = row.step / steps, row["train/loss_step"] or 0 / 0
  end
  return x, y
end

-- Seconds the run took.
function Run:seconds()
  local last = self:last()
  return self.summary.seconds or self.clock.elapsed or (last and last.timing or {}).elapsed
end

function Run:classes()
  local fixed = self.config.fixed or {}
  local classes = self.summary.classes or fixed.classes
  return type(classes) == "table" and classes or nil
end

-- Test row of the best checkpoint (or the only one), and what it is called.
function Run:test()
  for _, label in ipairs { "best", "current", "last" } do
    if self.tests[label] then return self.tests[label], label end
  end
end

-- Counts by true and predicted class and what they were counted on: the test of the best weights,
-- else the validation of the best epoch.
function Run:matrix()
  local s = self.summary
  if s.confusion_matrix then return s.confusion_matrix, "test" end
  local logged = self.matrices["best/conf_mat"]
  if logged then return logged.confusion_matrix, "test" end
  if s.best_confusion_matrix then return s.best_confusion_matrix, "validation" end
end

-- "max_epochs" -> words.
local reasons = {
  max_epochs = "all epochs done", early_stop = "stopped early: no more improvement",
  max_steps = "stopped by max_steps", max_time = "stopped by max_time",
}
function Run:ending()
  local reason = self.summary.stop_reason
  if not reason then return "not finished" end
  local text = reasons[reason] or tostring(reason)
  local cut = reason == "max_time" or reason == "max_steps"
  return text .. (cut and self:best() == self:last() and ", still improving" or "")
end

return run
