-- The training loop: epochs, steps, limits, signals.
local Clock = require "vgg.train.clock"
local core = require "vgg.core"
local errors = require "vgg.errors"
local evaluate = require "vgg.train.evaluate"
local replayed = require "vgg.train.replayed"
local signals = require "vgg.train.signals"
local step = require "vgg.train.step"
local stop = require "vgg.train.stop"

local loop = {}

function loop.poll(t)
  local signal = t.listening and signals.pending()
  if signal == "USR1" then
    t.checkpoint_asked = true
  elseif signal == "QUIT" then
    t.prompt_asked = true
  elseif signal then
    t.stop_reason, t.signal = "signal", signal
  end
end

local function check_limits(t)
  local o, p = t.opt, t.position
  if t.stop_reason then return end
  if p.step >= o.max_steps then
    t.stop_reason = "max_steps"
  elseif o.max_time and t:elapsed() >= o.max_time then
    t.stop_reason = "max_time"
  end
end

local function log_step(t, r)
  local p = t.position
  if p.step % t.opt.log_every_n_steps ~= 0 then
    t.extra = {}
    return
  end
  local row = { type = "step", epoch = p.epoch + 1, step = p.step, batch = p.batch,
    ["train/loss_step"] = r.loss, grad_norm = r.grad_norm,
    timing = { wall = os.time(), elapsed = t:elapsed() } }
  t:call("on_log_step", row, r)
  t:log_row(row)
end

-- The rest of the epoch's batches, in steps of accumulate_grad_batches.
local function train_batches(t)
  local p, batches = t.position, t.feeds.train.batches
  while p.batch < batches do
    local last = math.min(p.batch + t.opt.accumulate_grad_batches, batches)
    t.in_step = true
    local r = step.run(t, p.batch + 1, last)
    p.batch, p.step = last, p.step + 1
    t.in_step = false
    t.images_seen = t.images_seen + r.images
    log_step(t, r)
    t:call("on_train_step_end", r)
    t:poll()
    check_limits(t)
    if t.stop_reason then return end
    t:call "on_step_boundary"
  end
end

local function prefixed(row, prefix, values)
  for name, value in pairs(values) do row[prefix .. name] = value end
end

-- Runs validation and adds its values to the row; the matrix is kept for the best epoch.
local function validate(t, row)
  local started = Clock.now()
  local values = evaluate.run(t, "val", t.feeds.val, t:stage_scores "val")
  t.val_seconds = Clock.now() - started
  if t.stop_reason == "signal" then return end
  prefixed(row, "val/", values)
  t:call("on_validation_epoch_end", values)
end

local function validation_due(t)
  if not t.feeds.val then return false end
  local n = t.position.epoch + 1
  return n % t.opt.check_val_every_n_epoch == 0 or n >= t.opt.max_epochs or t.stop_reason ~= nil
end

-- What the epoch came to: one row, told to everybody. `whole` is false when a limit cut it.
local function finish_epoch(t, started, images, whole)
  local row = { type = "epoch", epoch = t.position.epoch + 1, step = t.position.step }
  prefixed(row, "train/", t.scores.train:values())
  t:call("on_train_epoch_end", row)
  local seconds = Clock.now() - started
  if validation_due(t) then validate(t, row) end
  if t.stop_reason == "signal" then return end
  if not whole then row.partial = true end
  t.best_now = t.tracker:update(t, row)
  row.best = t.best_now or nil
  row.timing = { wall = os.time(), elapsed = t:elapsed(), seconds = Clock.now() - started,
    images_per_second = images / seconds }
  t:log_row(row)
  t.last_row = row
  if whole then
    t.position.epoch, t.position.batch = t.position.epoch + 1, 0
    t.scores.train:reset()
    local schedule = t.task.schedule
    if schedule and schedule.interval == "epoch" then schedule:step() end
  end
  t:call("on_epoch_end", row)
end

local function run_epoch(t)
  local started, before = Clock.now(), t.images_seen
  t:call "on_train_epoch_start"
  train_batches(t)
  if t.stop_reason == "signal" then return end
  local whole = t.position.batch >= t.feeds.train.batches
  if t.position.batch > 0 then finish_epoch(t, started, t.images_seen - before, whole) end
end

local function run(t)
  t:call "on_fit_start"
  t.task.model:train()
  while t.position.epoch < t.opt.max_epochs and not t.stop_reason do
    check_limits(t)
    if t.stop_reason then break end
    run_epoch(t)
  end
  t.stop_reason = t.stop_reason or "max_epochs"
end

-- A signal stopped a step or a validation inside: what it did is put back, and the run ends as if
-- the signal had come before it.
local function drop(t, e)
  local signal = t.listening and type(e) == "table" and e.kind == "interrupted"
    and signals.pending()
  if signal ~= "INT" and signal ~= "TERM" then return false end
  if t.in_step and not t.before_step then return false end
  core.signals.droppable(false)
  if t.in_step then step.drop(t) end
  t.task.model:train()
  t.in_step, t.stop_reason, t.signal = false, "signal", signal
  return true
end

function loop.fit(t)
  t.listening = t.run ~= nil or t.opt.repl or false -- nothing to save: Ctrl-C stops at once
  if t.listening then signals.listen(true) end
  local ok, e = xpcall(run, errors.handler, t)
  if not ok and drop(t, e) then ok = true end
  if not ok then e = stop.failed(t, e) end
  if ok and t.stop_reason == "signal" then
    ok, e = pcall(stop.by_signal, t)
  elseif ok then
    ok, e = pcall(t.call, t, "on_fit_end")
  end
  if t.listening then signals.listen(false) end
  t.listening, t.buffers = false, nil
  pcall(replayed.forget, t)
  if not ok then
    pcall(t.task.optimizer.zero_grad, t.task.optimizer) -- of a step that did not end
    t:call("on_exception", e)
    t.loggers.outcome = stop.outcome(e)
    t.loggers:flush()
    error(e, 0)
  end
end

return loop
