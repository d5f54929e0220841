-- After the first steps: how long the run will take here, and how to make it short.
local core = require "vgg.core"
local util = require "vgg.util"

local Estimate = { name = "estimate" }
Estimate.__index = Estimate

-- Estimate { skip = 2, steps = 3 }: steps not counted (set-up), steps measured.
function Estimate.new(o)
  o = o or {}
  util.check_options("Estimate", o, { skip = true, steps = true })
  return setmetatable({ skip = o.skip or 2, steps = o.steps or 3, seen = 0 }, Estimate)
end

local function about(s)
  if s < 60 then return ("%d s"):format(math.max(1, math.floor(s + 0.5))) end
  if s < 5400 then return ("%d min"):format(math.floor(s / 60 + 0.5)) end
  if s < 48 * 3600 then return ("%.1f h"):format(s / 3600) end
  return ("%.1f days"):format(s / 86400)
end

-- Seconds of a whole epoch with its validation, from the seconds of a batch.
local function epoch_seconds(trainer, batch)
  local val = trainer.feeds.val
  local val_batch = trainer.sanity_seconds and math.min(trainer.sanity_seconds, batch) or batch / 3
  return trainer.feeds.train.batches * batch + (val and val.batches * val_batch or 0)
end

-- "60 epochs: about 4.4 h on this CPU; with --limit-train-batches 0.1: 26 min"; nil when it cannot
-- be said or the run is short.
function Estimate.text(trainer, batch)
  local epochs, o = trainer.opt.max_epochs, trainer.opt
  if epochs == math.huge then return nil end
  local left = epochs - trainer.position.epoch
  local seconds = left * epoch_seconds(trainer, batch)
  if seconds < 20 then return nil end
  local text = ("%d epoch%s: about %s on this %s"):format(left, left == 1 and "" or "s",
    about(seconds), o.device == "cpu" and "CPU" or o.device)
  if o.max_time and o.max_time < seconds then
    return ("%s; max_time stops after %s"):format(text, about(o.max_time))
  end
  if seconds < 1800 or o.limit_train_batches then return text end
  local val = epoch_seconds(trainer, batch) - trainer.feeds.train.batches * batch
  local short = left * (math.max(1, math.floor(trainer.feeds.train.batches * 0.1)) * batch + val)
  return ("%s; with --limit-train-batches 0.1: %s"):format(text, about(short))
end

function Estimate:on_train_step_end(trainer)
  if self.told then return end
  self.seen = self.seen + 1
  if self.seen == self.skip then self.started = core.clock() end
  if self.seen < self.skip + self.steps then return end
  self.told = true
  local batches = self.steps * trainer.opt.accumulate_grad_batches
  local text = Estimate.text(trainer, (core.clock() - self.started) / batches)
  if not text or trainer.opt.fast_dev_run then return end
  trainer:call("on_message", text)
end

-- From here on a step takes another time: what was said no longer holds.
function Estimate:on_cost_change() self.told, self.seen = nil, 0 end

return Estimate
