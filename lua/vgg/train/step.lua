-- One optimiser step: forward and backward over its batches, clipping, update.
local core = require "vgg.core"
local nonfinite = require "vgg.train.nonfinite"
local replayed = require "vgg.train.replayed"
local signals = require "vgg.train.signals"

local step = {}

local function is_finite(v) return v == v and v ~= math.huge and v ~= -math.huge end
step.is_finite = is_finite

local function forward(t, x, y, index)
  return core.autocast(t.opt.autocast, t.task.training_step, t.task, x, y, index)
end

-- loss (a number), outputs; the gradients are added to the parameters'.
local function passes(t, x, y, index, parts)
  local loss, outputs = core.scope(forward, t, x, y, index) -- layers' outputs end here
  local value = loss:item()
  if not is_finite(value) then nonfinite.stop(t, value, x) end
  if parts > 1 then loss = loss / parts end
  loss:backward()
  return value, outputs
end

local function copies(model)
  local list = {}
  for _, b in model:named_buffers() do list[#list + 1] = { b, b:clone() } end
  return list
end

local function copy_all(pairs_of, to, from)
  for _, b in ipairs(pairs_of) do b[to]:copy_(b[from]) end
end

-- What a step changes before the optimizer does, so that one can be dropped: statistics, the
-- position of the random numbers, the gradients, and sums over its earlier batches.
local function remember(t, parts)
  local model = t.task.model
  t.buffers = t.buffers or model.named_buffers and copies(model) or {}
  core.no_grad(copy_all, t.buffers, 2, 1)
  local seed, position = core.rng_state()
  t.before_step = { seed = seed, position = position,
    scores = parts > 1 and t.scores.train:state() or nil }
end

-- Puts back what was there before the step that a signal stopped inside.
function step.drop(t)
  local before = t.before_step
  core.no_grad(copy_all, t.buffers, 1, 2)
  core.set_rng_state(before.seed, before.position)
  t.task.optimizer:zero_grad()
  if before.scores then t.scores.train:load(before.scores) end
  t.before_step = nil
end

-- Runs inside a scope: every tensor made here ends with it, gradients stay with their parameters.
local function batch(t, index, parts)
  local feed = t.feeds.train
  local x, y = feed:get(index, t.position.epoch)
  local n = feed:size_of(index, y)
  t:call("on_train_batch_start", index, x, y)
  local value, outputs = signals.droppable(t, passes, t, x, y, index, parts)
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
  local entry = replayed.entry(t, first, last)
  return entry and replayed.run(t, entry, first, last) or step.by_hand(t, first, last)
end

function step.by_hand(t, first, last)
  replayed.flush(t)
  local parts, sum, images = t.opt.accumulate_grad_batches, 0, 0
  if t.listening then remember(t, parts) end
  for index = first, last do
    local value, n = core.scope(batch, t, index, parts)
    sum, images = sum + value * n, images + n
  end
  local norm = core.scope(clip, t)
  local lr = t:learning_rates()
  t.before_step = nil
  t:call "on_before_optimizer_step"
  t.task.optimizer:step()
  t.task.optimizer:zero_grad()
  local schedule = t.task.schedule
  if schedule and schedule.interval ~= "epoch" then schedule:step() end
  t.last_norm = norm
  return { loss = sum / images, images = images, grad_norm = norm, lr = lr }
end

return step
