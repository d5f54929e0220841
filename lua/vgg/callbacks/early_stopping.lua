-- Stops the run when the monitored metric has not improved for `patience` validations.
local monitor = require "vgg.train.monitor"
local Tracker = require "vgg.train.tracker"
local util = require "vgg.util"

local EarlyStopping = { name = "early_stopping" }
EarlyStopping.__index = EarlyStopping

local known = { monitor = true, patience = true, min_delta = true, mode = true,
  check_finite = true, verbose = true }

-- EarlyStopping { monitor = "val/loss", patience = 3, min_delta = 0, mode = inferred,
--                 check_finite = true, verbose = true }
function EarlyStopping.new(o)
  o = o or {}
  util.check_options("EarlyStopping", o, known)
  return setmetatable({
    monitor = o.monitor or "val/loss", patience = o.patience or 3, mode = o.mode,
    min_delta = math.abs(o.min_delta or 0), check_finite = o.check_finite ~= false,
    verbose = o.verbose ~= false, waited = 0,
  }, EarlyStopping)
end

function EarlyStopping:setup(trainer)
  if not trainer.feeds then return end
  self.mode = monitor.resolve("EarlyStopping", self.monitor, self.mode, Tracker.names(trainer))
end

local function say(self, fmt, ...)
  if self.verbose then util.log("info", fmt, ...) end
end

-- A resumed run that had stopped stays so, unless it is given more patience.
function EarlyStopping:on_fit_start(trainer)
  if self.ended or self.waited >= self.patience then trainer:stop "early_stop" end
end

function EarlyStopping:on_epoch_end(trainer, row)
  local value = row[self.monitor]
  if value == nil then return end -- not validated in this epoch
  if self.check_finite and (value ~= value or math.abs(value) == math.huge) then
    say(self, "early stopping: %s is %s", self.monitor, tostring(value))
    self.ended = true
    return trainer:stop "early_stop"
  end
  if monitor.better(self.mode, value, self.best, self.min_delta) then
    self.best, self.waited = value, 0
    return
  end
  self.waited = self.waited + 1
  if self.waited >= self.patience then
    say(self, "early stopping: %s has not improved on %.4f for %d validations", self.monitor,
      self.best or 0 / 0, self.waited)
    trainer:stop "early_stop"
  end
end

function EarlyStopping:state()
  return { best = self.best, waited = self.waited, ended = self.ended }
end

function EarlyStopping:load_state(s)
  self.best, self.waited, self.ended = s.best, s.waited, s.ended
end

return EarlyStopping
