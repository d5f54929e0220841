-- Everything a run needs to go on exactly where it was, as tensors and one plain table. Nothing in
-- it depends on time, so equal positions give equal files.
local core = require "vgg.core"
local util = require "vgg.util"

local state = {}

local function random()
  local seed, position = core.rng_state()
  return { seed = seed, position = position }
end

local function algorithms(t)
  return core.dense and core.dense.conv_choices and core.dense.conv_choices(t.opt.device) or nil
end

-- "cuda:1" -> "cuda": what its algorithms are called is the backend's business.
local function backend(device) return (device or "cpu"):match "^%a+" end

-- Splits an optimizer's state dict into tensors (under "optimizer.") and the rest.
local function split(dict, tensors)
  local plain = {}
  for key, value in pairs(dict) do
    if type(value) == "userdata" then
      tensors["optimizer." .. key] = value
    else
      plain[key] = value
    end
  end
  return plain
end

local function join(plain, tensors)
  local dict = {}
  for key, value in pairs(plain) do dict[key] = value end
  for name, tensor in pairs(tensors) do dict[name:match "^optimizer%.(.*)$"] = tensor end
  return dict
end

local function callback_states(t)
  local states = {}
  for _, c in ipairs(t.callbacks) do
    if c.name and c.state then states[c.name] = c:state() end
  end
  return states
end

-- tensors, meta for checkpoint.save
function state.capture(t)
  require("vgg.train.replayed").flush(t)
  local tensors = {}
  for name, tensor in pairs(t.task.model:state_dict()) do tensors[name] = tensor end
  local p, schedule = t.position, t.task.schedule
  return tensors, {
    format = 1,
    config = t.config.fixed,
    position = { epoch = p.epoch, batch = p.batch, step = p.step, rows = t:rows() },
    random = random(),
    optimizer = split(t.task.optimizer:state_dict(), tensors),
    schedule = schedule and schedule:state_dict(),
    trainer = {
      train = p.batch > 0 and t.scores.train:state() or nil,
      best = t.best, callbacks = callback_states(t), grad_norm = t.last_norm,
    },
    algorithms = algorithms(t),
    algorithms_of = backend(t.opt.device) ~= "cpu" and backend(t.opt.device) or nil,
  }
end

-- Restores a checkpoint into the trainer's objects; raises when it does not fit.
function state.restore(t, path)
  local checkpoint = require "vgg.checkpoint"
  local model = t.task.model
  local meta, why = checkpoint.load_into(path, (model:state_dict()), { model = t:model_name() })
  if not meta then util.fail("data", "%s", why) end
  if not meta.position then
    util.fail("data", "resume: '%s' holds weights only, no position of a run", path)
  end
  local file = checkpoint.load(path, { only = "optimizer." })
  t.task.optimizer:load_state_dict(join(meta.optimizer or {}, file.tensors))
  if t.task.schedule and meta.schedule then t.task.schedule:load_state_dict(meta.schedule) end
  core.set_rng_state(meta.random.seed, meta.random.position)
  local same = (meta.algorithms_of or "cpu") == backend(t.opt.device)
  if meta.algorithms and same and core.dense and core.dense.set_conv_choices then
    core.dense.set_conv_choices(meta.algorithms, t.opt.device)
  end
  t.position = meta.position
  t.best, t.last_norm = meta.trainer.best, meta.trainer.grad_norm
  if meta.trainer.train then t.scores.train:load(meta.trainer.train) end
  for _, c in ipairs(t.callbacks) do
    local s = c.name and meta.trainer.callbacks[c.name]
    if s and c.load_state then c:load_state(s, t) end
  end
  return meta
end

return state
