-- Keeps two checkpoints of a run: the best epoch's and the last. A new file is on disk before an
-- older one goes. Also writes between epochs: every few minutes, every n steps, when asked.
--
-- The best file is named after its epoch and metric (epoch=3-val_acc=0.69.safetensors);
-- best.safetensors and last.safetensors are further names of the files they stand for.
local core = require "vgg.core"
local fs = core.fs
local checkpoint = require "vgg.checkpoint"
local state = require "vgg.train.state"
local util = require "vgg.util"

local Checkpoint = { name = "checkpoint", order = 90 }
Checkpoint.__index = Checkpoint

local known = { filename = true, every_n_steps = true, every = true }

-- Checkpoint { filename = "epoch={epoch}-val_acc={val/acc:.2f}", every_n_steps = nil,
--              every = 300 (seconds) }
function Checkpoint.new(o)
  o = o or {}
  util.check_options("Checkpoint", o, known)
  return setmetatable({ filename = o.filename, every_n_steps = o.every_n_steps,
    every = o.every or 300 }, Checkpoint)
end

-- "{epoch:02d}-{val/acc:.4f}" with the values of the best row.
function Checkpoint.file_name(pattern, best)
  local name = pattern:gsub("{([^{}:]+):?([^{}]*)}", function(key, format)
    local value = key == "epoch" and best.epoch or key == "step" and best.step
      or best.metrics[key]
    if value == nil then
      util.fail("usage", "Checkpoint: filename: no metric '%s'%s", key,
        util.hint(key, util.keys(best.metrics)))
    end
    if format == "" then format = value == math.floor(value) and "d" or ".4f" end
    return ("%" .. format):format(value)
  end)
  return name:gsub("[/%s:]", "_") .. checkpoint.extension
end

function Checkpoint:setup(trainer)
  if not (trainer.tracker and trainer.run) then return end
  self.run = trainer.run
  local monitored = trainer.tracker.monitor
  self.filename = self.filename or ("epoch={epoch}-%s={%s:.2f}"):format(
    monitored:gsub("[/ :]", "_"), monitored)
end

-- Names of the pattern's making that are not the present best: left by a kill between two steps of
-- a replacement.
local function sweep(self, keep)
  local pattern = self.filename:gsub("[%-%.%+%*%?%^%$%(%)%[%]%%]", "%%%0"):gsub("{[^{}]*}", ".-")
  for _, file in ipairs(fs.list(self.run.dir) or {}) do
    if file ~= keep and file:match("^" .. pattern .. "%.safetensors$") then
      fs.remove(self.run:path(file))
    end
  end
end

local function failed(trainer, why)
  trainer.save_failed = true
  util.fail("data", "%s", why)
end

-- The log comes first: a run that is killed later goes on from rows that are there.
local function write(trainer, path)
  trainer.loggers:flush(true)
  core.scope(function()
    local tensors, meta = state.capture(trainer)
    local ok, why = checkpoint.save(path, { tensors = tensors, meta = meta })
    if not ok then failed(trainer, why) end
  end)
end

local function link(trainer, from, to)
  local ok, why = fs.link(from, to)
  if not ok then failed(trainer, why) end
end

-- The time spent, beside the checkpoint: losing it in a crash costs nothing but its value.
local function note_time(self, trainer)
  self.saved_at = core.clock()
  local path = self.run:path "clock.json"
  local f = io.open(path .. ".tmp", "w")
  if not f then return end
  f:write(('{"elapsed":%.6f,"saved":%d}\n'):format(trainer:elapsed(), os.time()))
  f:close()
  os.rename(path .. ".tmp", path)
end

-- Writes the state to `path` (default: last.safetensors).
function Checkpoint:save_now(trainer, path)
  if not self.run then return nil end
  path = path or self.run:path("last" .. checkpoint.extension)
  write(trainer, path)
  note_time(self, trainer)
  return path
end

function Checkpoint:on_fit_start(trainer)
  self.saved_at = core.clock()
  if not self.run or not trainer.best then return end
  self.best_file = Checkpoint.file_name(self.filename, trainer.best)
  sweep(self, self.best_file)
end

function Checkpoint:on_epoch_end(trainer)
  if not self.run then return end
  if not trainer.best_now then return self:save_now(trainer) end
  local old, run = self.best_file, self.run
  self.best_file = Checkpoint.file_name(self.filename, trainer.best)
  local path = run:path(self.best_file)
  write(trainer, path)
  link(trainer, path, run:path("best" .. checkpoint.extension))
  link(trainer, path, run:path("last" .. checkpoint.extension))
  if old and old ~= self.best_file then fs.remove(run:path(old)) end
  note_time(self, trainer)
end

function Checkpoint:on_step_boundary(trainer)
  if not self.run then return end
  local n, due = self.every_n_steps, trainer.checkpoint_asked
  due = due or (n and trainer.position.step % n == 0)
  due = due or (self.every > 0 and core.clock() - self.saved_at >= self.every)
  if not due then return end
  local path = self:save_now(trainer)
  if trainer.checkpoint_asked then util.log("note", "saved %s", path) end
  trainer.checkpoint_asked = false
end

return Checkpoint
