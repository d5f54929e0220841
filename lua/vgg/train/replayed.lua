-- Steps as one launch: on a device that can, a step that was run twice is recorded and from then on
-- replayed, and its loss is looked at up to two steps later. What cannot be recorded runs step by
-- step, as everywhere else. VGG_REPLAY=0 switches this off.
local core = require "vgg.core"
local optim = require "vgg.optim"
local tasks = require "vgg.train.task"
local util = require "vgg.util"

local replayed = {}

local warm = 2    -- steps of a kind before it is recorded
local behind = 2  -- launches whose results may be outstanding

local kinds = { [optim.Adam] = true, [optim.AdamW] = true, [optim.SGD] = true }
local hooks = { "on_train_batch_start", "on_train_batch_end", "on_before_optimizer_step" }

-- ---- whether ----

local function hooked(model)
  for _, module in model:named_modules() do
    if rawget(module, "_hooks") or rawget(module, "_pre_hooks") then return true end
  end
end

-- Why this training's steps are run one by one; nil: they need not be.
local function obstacle(t)
  local task = t.task
  if os.getenv "VGG_REPLAY" == "0" then return "VGG_REPLAY=0" end
  if not core.replay.possible(t.opt.device) then return "device" end
  if not (task.replayable or tasks.is_plain(task)) then return "the task has steps of its own" end
  if not kinds[getmetatable(task.optimizer)] then return "an optimizer of its own" end
  if not task.model.named_modules then return "a model that is no module" end
  if hooked(task.model) then return "hooks of the model" end
  for _, m in ipairs(t.scores.train.metrics.distinct) do
    if not m.counts then return ("metric %s"):format(m.name) end
  end
  for _, c in ipairs(t.callbacks) do
    for _, hook in ipairs(hooks) do
      if c[hook] and not c.replayable then return ("%s of a callback"):format(hook) end
    end
  end
  for _, hook in ipairs(hooks) do
    if task[hook] then return ("%s of the task"):format(hook) end
  end
end

-- What a recording was made of; another one is made when it changes (freezing, a new seed).
local function signature(t)
  local parts = { tostring(core.rng_state()), tostring(t.opt.gradient_clip_val) }
  for _, p in ipairs(t.parameters) do parts[#parts + 1] = p.requires_grad and "1" or "0" end
  for _, module in t.task.model:named_modules() do
    parts[#parts + 1] = module.training and "t" or "e"
  end
  return table.concat(parts)
end

-- Lets go of all recordings: something about the model may have changed.
function replayed.forget(t)
  replayed.flush(t)
  for _, entry in pairs(t.recordings or {}) do
    if entry.recording then
      entry.recording:free()
      for i in ipairs(entry.x) do
        entry.x[i]:free()
        entry.y[i]:free()
      end
    end
  end
  t.recordings, t.recorded_as = nil, nil
end

-- Once an epoch.
local function check(t)
  if t.replay_epoch == t.position.epoch and t.recordings then return end
  t.replay_epoch = t.position.epoch
  t.no_replay = obstacle(t) or t.replay_failed
  local now = not t.no_replay and signature(t)
  if t.recorded_as ~= now then replayed.forget(t) end
  t.recordings, t.recorded_as = t.recordings or {}, now
  t.scores.train.outstanding = function() replayed.flush(t) end
end

-- The entry for this step, when it is to be recorded or replayed; else nil.
function replayed.entry(t, first, last)
  check(t)
  if t.no_replay then return nil end
  local size = t.feeds.train:size_of(first)
  if last - first + 1 ~= t.opt.accumulate_grad_batches then return nil end
  for index = first + 1, last do
    if t.feeds.train:size_of(index) ~= size then return nil end
  end
  local entry = t.recordings[size] or { seen = 0 }
  t.recordings[size] = entry
  entry.seen = entry.seen + 1
  return entry.seen > warm and entry or nil
end

-- ---- results ----

-- Takes the results of the oldest launch.
local function take(t)
  local r = table.remove(t.launched, 1)
  local values = { r.entry.recording:read(r.number) }
  local sum = 0
  local finite = require("vgg.train.step").is_finite
  for i, n in ipairs(r.sizes) do
    if not finite(values[i]) then
      require("vgg.train.nonfinite").stop(t, values[i], r.entry.x[i])
    end
    t.scores.train:add_loss(values[i], n)
    sum = sum + values[i] * n
  end
  local norm = values[#r.sizes + 1]
  if not finite(norm) then require("vgg.train.nonfinite").stop(t, norm) end
  rawset(r.result, "loss", sum / r.result.images)
  rawset(r.result, "grad_norm", norm)
  t.last_norm, t.last_loss = norm, r.result.loss
  r.result.arrived = true
  for _, c in ipairs(t.callbacks) do
    if c.deferred then c:on_train_step_end(t, r.result) end
  end
  r.result.arrived = nil
end

-- Waits for everything that was launched.
function replayed.flush(t)
  while t.launched and t.launched[1] do take(t) end
end

local late = { loss = true, grad_norm = true }

-- The step's result; loss and norm are waited for when somebody asks.
local function new_result(t, images, lr)
  return setmetatable({ images = images, lr = lr, replayed = true }, { __index = function(r, key)
    if not late[key] then return nil end
    replayed.flush(t)
    return rawget(r, key)
  end })
end

-- ---- recording ----

local function load_batches(t, entry, first, last)
  local feed = t.feeds.train
  entry.sizes, entry.images = {}, 0
  for index = first, last do
    local i = index - first + 1
    if entry.recording then
      feed:get_into(entry.x[i], entry.y[i], index, t.position.epoch)
    else
      local x, y = feed:get(index, t.position.epoch)
      entry.x[i], entry.y[i] = x:clone():keep(), y:clone():keep()
    end
    entry.sizes[i] = feed:size_of(index, entry.y[i])
    entry.images = entry.images + entry.sizes[i]
    t:call("on_train_batch_start", index, entry.x[i], entry.y[i])
  end
end

local function forward(t, x, y, index)
  return core.autocast(t.opt.autocast, t.task.training_step, t.task, x, y, index)
end

local function one_batch(t, entry, recording, i, index)
  local loss, outputs = core.scope(forward, t, entry.x[i], entry.y[i], index)
  recording:watch(loss)
  if #entry.x > 1 then loss = loss / #entry.x end
  loss:backward()
  t.scores.train.metrics:update(outputs, entry.y[i])
  entry.outputs[i] = outputs:detach():keep()
end

-- Clips by norm inside of the step: no pass over the gradients of its own.
local function clip_and_step(t, recording)
  local o, scaling = t.opt, nil
  local norm, squares = core.optim.grad_norm_tensor(t.parameters)
  recording:watch(norm)
  if o.gradient_clip_val and o.gradient_clip_algorithm == "norm" then
    scaling = { squares = squares, max_norm = o.gradient_clip_val }
  elseif o.gradient_clip_val then
    optim.clip_grad_value(t.parameters, o.gradient_clip_val)
  end
  t.task.optimizer:step(scaling)
end

local function whole_step(t, entry, recording, first)
  for i in ipairs(entry.x) do core.scope(one_batch, t, entry, recording, i, first + i - 1) end
  core.scope(clip_and_step, t, recording)
end

local function steps_of(optimizer)
  local kept = {}
  for g, group in ipairs(optimizer.param_groups) do
    kept[g] = { unpack(group.state.step, 1, #group.params) }
  end
  return kept
end

local function put_steps(optimizer, kept)
  for g, group in ipairs(optimizer.param_groups) do
    for i, n in ipairs(kept[g]) do group.state.step[i] = n end
  end
end

-- Records the step; false when it cannot be, and then nothing has happened.
local function record(t, entry, first)
  local seed, position = core.rng_state()
  local steps = steps_of(t.task.optimizer)
  local recording = core.replay.begin(t.opt.device)
  entry.outputs = {}
  local ok, why = pcall(core.scope, whole_step, t, entry, recording, first)
  if ok then ok, why = pcall(recording.finish, recording, t.parameters) end
  if ok then
    entry.recording = recording
    return true
  end
  recording:free()
  core.set_rng_state(seed, position)
  put_steps(t.task.optimizer, steps)
  t.task.optimizer:zero_grad()
  if type(why) == "table" and why.kind == "interrupted" then error(why, 0) end
  t.replay_failed, t.no_replay = tostring(why), tostring(why)
  util.log("info", "note: steps are launched one by one: %s", t.no_replay)
  return false
end

-- ---- running ----

local function call_optimizer(t)
  t:call "on_before_optimizer_step"
  t.task.optimizer:step()
end

-- Hands over the numbers of this step: learning rates and step counts. False when parameters or
-- moments lie elsewhere than when it was recorded, and then nothing has happened.
local function refill(t, entry)
  local steps = steps_of(t.task.optimizer)
  entry.recording:refill(true)
  local ok, why = pcall(call_optimizer, t)
  if ok then
    entry.recording:refill(false)
    return true
  end
  pcall(entry.recording.refill, entry.recording, false)
  if not tostring(why):find("lie elsewhere", 1, true) then error(why, 0) end
  put_steps(t.task.optimizer, steps)
  return false
end

local function launch(t, entry, first, result)
  t.launched = t.launched or {}
  t.launched[#t.launched + 1] = { entry = entry, number = entry.recording:launch(),
    sizes = entry.sizes, result = result }
  for i, outputs in ipairs(entry.outputs) do
    t:call("on_train_batch_end", first + i - 1, t.last_loss or 0, outputs, entry.y[i])
  end
  while #t.launched > behind do take(t) end
end

-- Runs batches first..last by the entry's recording, which is made now if there is none. Returns
-- what step.run returns, or nil when it could not be recorded: run it another way.
function replayed.run(t, entry, first, last)
  local fresh = not entry.recording
  if fresh then entry.x, entry.y = {}, {} end
  core.scope(core.no_grad, load_batches, t, entry, first, last)
  if fresh then
    replayed.flush(t)
    if not record(t, entry, first) then return nil end
  end
  local lr = t:learning_rates()
  if not fresh and not refill(t, entry) then
    replayed.forget(t)
    return nil
  end
  local result = new_result(t, entry.images, lr)
  launch(t, entry, first, result)
  local schedule = t.task.schedule
  if schedule and schedule.interval ~= "epoch" then schedule:step() end
  return result
end

return replayed
