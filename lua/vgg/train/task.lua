-- What is trained: model, loss, optimizer, metrics and the two steps. A task is either plain fields
-- or a table that brings its own training_step, validation_step and hooks (on_train_batch_end...).
local util = require "vgg.util"

local task = {}

local Task = {}

-- loss (mean over the batch), outputs
function Task:training_step(x, y)
  local logits = self.model(x)
  return self.loss(logits, y), logits
end

function Task:validation_step(x, y) return self:training_step(x, y) end

-- Returns the total norm of the gradients before clipping. value nil: measures only.
function Task.clip_gradients(_, parameters, value, algorithm)
  local optim = require "vgg.optim"
  if value and algorithm == "norm" then return optim.clip_grad_norm(parameters, value) end
  local norm = optim.grad_norm(parameters)
  if value then optim.clip_grad_value(parameters, value) end
  return norm
end

local function default_loss()
  return require("vgg.nn").CrossEntropyLoss {}
end

-- The optimizer (and schedule) is an object, a function of the model, or the task's method
-- configure_optimizers.
local function configure(t)
  local optimizer, schedule = t.optimizer, t.schedule
  if t.configure_optimizers then
    optimizer, schedule = t:configure_optimizers()
  elseif type(optimizer) == "function" then
    optimizer, schedule = optimizer(t.model)
  end
  t.optimizer = optimizer
  t.schedule = type(schedule) == "function" and schedule(optimizer) or schedule
end

-- Whether its steps are the ones above.
function task.is_plain(t)
  return t.training_step == Task.training_step and t.clip_gradients == Task.clip_gradients
end

-- Builds a task from the trainer's options and fit's arguments; fit's win.
function task.new(o, args)
  local t = args.task or args.module or o.task or {}
  if type(t) ~= "table" then error("fit: a task is a table", 3) end
  for _, field in ipairs { "model", "loss", "optimizer", "schedule", "metrics", "classes" } do
    local value = args[field]
    if value == nil then value = o[field] end
    if t[field] == nil then t[field] = value end
  end
  for name, method in pairs(Task) do
    if t[name] == nil then t[name] = method end
  end
  if not t.model then util.fail("usage", "fit: no model (Trainer { model = ... })") end
  t.loss = t.loss or default_loss()
  return t
end

-- Makes the optimizer; fails when there is none.
function task.prepare(t)
  configure(t)
  if not t.optimizer then
    util.fail("usage", "fit: no optimizer (Trainer { optimizer = ... })")
  end
end

return task
