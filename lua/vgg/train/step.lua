-- One optimiser step: forward and backward over its batches, clipping, update.
local core = require "vgg.core"
local nonfinite = require "vgg.train.nonfinite"

local step = {}

local function is_finite(v) return v == v and v ~= math.huge and v ~= -math.huge end
step.is_finite = is_finite

local function forward(t, x, y, index)
  return core.autocast(t.opt.autocast, t.task.training_step, t.task, x, y, index)
end

-- Runs inside a scope: every tensor made here ends with it, gradients stay with their parameters.
local function batch(t, index, parts)
  local feed = t.feeds.train
  local x, y = feed:get(index, t.position.epoch)
  local n = feed:size_of(index, y)
  t:call("on_train_batch_start", index, x, y)
  local loss, outputs = core.scope(forward, t, x, y, index) -- layers' outputs end here
  local value = loss:item()
  if not is_finite(value) then nonfinite.stop(t, value, x) end
  if parts > 1 then loss = loss / parts end
  loss:backward()
  t.scores.train:update(value, outputs, y, n)
  t:call("on_train_batch_end", index, value, outputs, y)
  return value, n
end

-- Clips if asked to and returns the total norm before clipping.
local function clip(t)
  local o = t.opt
  local norm = t.task:clip_gradients(t.parameters, o.gradient_clip_val, o.gradient_clip_algorithm)
  if not is_finite(norm) then nonfinite.stop(t, norm) end
  return norm
end

-- Batches first..last of the epoch. Returns { loss =, images =, grad_norm =, lr = }.
function step.run(t, first, last)
  local parts, sum, images = t.opt.accumulate_grad_batches, 0, 0
  for index = first, last do
    local value, n = core.scope(batch, t, index, parts)
    sum, images = sum + value * n, images + n
  end
  local norm = core.scope(clip, t)
  local lr = t:learning_rates()
  t:call "on_before_optimizer_step"
  t.task.optimizer:step()
  t.task.optimizer:zero_grad()
  local schedule = t.task.schedule
  if schedule and schedule.interval ~= "epoch" then schedule:step() end
  t.last_norm = norm
  return { loss = sum / images, images = images, grad_norm = norm, lr = lr }
end

return step
