-- The dict that Lightning keeps in a .ckpt: state_dict, optimizer_states as torch.optim has them,
-- loops as Trainer.fit(ckpt_path = ...) wants them, hyper_parameters.
local core = require "vgg.core"
local pickle = require "vgg.torch.pickle"
local util = require "vgg.util"

local lightning = {}

-- The version whose layout this is; newer Lightning migrates from it.
lightning.version = "2.5.0"

local function progress(names, now, total)
  local current, all = {}, {}
  for _, name in ipairs(names) do current[name], all[name] = now, total end
  return { current = current, total = all }
end

local batch = { "ready", "started", "processed", "completed" }
local step = { "ready", "completed" }
local zero_grad = { "ready", "started", "completed" }

local function evaluation()
  local p = progress(batch, 0, 0)
  p.is_last_batch = false
  return { state_dict = {}, batch_progress = p }
end

-- epoch: finished epochs; steps: of all of them; batches: of one.
local function loops(epoch, steps, batches)
  local batch_progress = progress(batch, batches, steps)
  batch_progress.is_last_batch = true
  local val = evaluation()
  return {
    fit_loop = {
      state_dict = {},
      ["epoch_loop.state_dict"] = { _batches_that_stepped = steps },
      ["epoch_loop.batch_progress"] = batch_progress,
      ["epoch_loop.scheduler_progress"] = progress(step, 0, 0),
      ["epoch_loop.automatic_optimization.state_dict"] = {},
      ["epoch_loop.automatic_optimization.optim_progress"] = { optimizer = {
        step = progress(step, batches, steps), zero_grad = progress(zero_grad, batches, steps) } },
      ["epoch_loop.manual_optimization.state_dict"] = {},
      ["epoch_loop.manual_optimization.optim_step_progress"] = progress(step, 0, 0),
      ["epoch_loop.val_loop.state_dict"] = val.state_dict,
      ["epoch_loop.val_loop.batch_progress"] = val.batch_progress,
      epoch_progress = progress(batch, epoch, epoch),
    },
    validate_loop = evaluation(), test_loop = evaluation(),
    predict_loop = { state_dict = {}, batch_progress = progress(batch, 0, 0) },
  }
end

-- ---- optimizers ----

local kinds = {}

local function adam(decoupled)
  return {
    slots = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },
    group = function(g)
      return {
        { "lr", pickle.float(g.lr) },
        { "betas", pickle.tuple { pickle.float(g.betas[1]), pickle.float(g.betas[2]) } },
        { "eps", g.eps }, { "weight_decay", pickle.float(g.weight_decay or 0) },
        { "amsgrad", g.amsgrad or false }, { "maximize", false }, { "foreach", pickle.none },
        { "capturable", false }, { "differentiable", false }, { "fused", pickle.none },
        { "decoupled_weight_decay", decoupled },
      }
    end,
  }
end

kinds.Adam, kinds.AdamW = adam(false), adam(true)
kinds.SGD = {
  slots = { "momentum_buffer" }, no_step = true,
  group = function(g)
    return {
      { "lr", pickle.float(g.lr) }, { "momentum", pickle.float(g.momentum or 0) },
      { "dampening", pickle.float(g.dampening or 0) },
      { "weight_decay", pickle.float(g.weight_decay or 0) }, { "nesterov", g.nesterov or false },
      { "maximize", false }, { "foreach", pickle.none }, { "differentiable", false },
      { "fused", pickle.none },
    }
  end,
}

local function parameter_state(writer, kind, dict, name)
  local list = {}
  local steps = dict.steps and dict.steps[name]
  if steps and not kind.no_step then
    list[1] = { "step", writer:tensor(core.full({}, steps)) }
  end
  for _, slot in ipairs(kind.slots) do
    local t = dict[slot .. "." .. name]
    if t then list[#list + 1] = { slot, writer:tensor(t) } end
  end
  return list
end

-- An optimizer's state dict in PyTorch's form: parameters by number, groups with every option.
function lightning.optimizer_state(writer, dict)
  local kind = kinds[dict.kind]
  if not kind then
    util.fail("usage", "save: the state of optimizer %s has no form in PyTorch%s",
      tostring(dict.kind), util.hint(tostring(dict.kind), kinds))
  end
  local states, groups, n = {}, {}, 0
  for i, g in ipairs(dict.groups) do
    local numbers = {}
    for _, name in ipairs(g.params) do
      local list = parameter_state(writer, kind, dict, name)
      if #list > 0 then states[#states + 1] = { n, pickle.dict(list) } end
      numbers[#numbers + 1], n = n, n + 1
    end
    local group = kind.group(g)
    if g.initial_lr then group[#group + 1] = { "initial_lr", pickle.float(g.initial_lr) } end
    group[#group + 1] = { "params", pickle.list(numbers) }
    groups[i] = pickle.dict(group)
  end
  return pickle.dict { { "state", pickle.dict(states) },
    { "param_groups", pickle.list(groups) } }
end

-- The whole object. o: tensors, names, prefix, optimizer (state dict or nil), epoch, global_step,
-- hyper_parameters.
function lightning.object(writer, o)
  local epoch, steps = o.epoch or 0, o.global_step or 0
  local batches = epoch > 0 and math.floor(steps / epoch) or steps
  local optimizers = o.optimizer and { lightning.optimizer_state(writer, o.optimizer) } or {}
  local object = {
    { "epoch", epoch }, { "global_step", steps },
    { "pytorch-lightning_version", lightning.version },
    { "state_dict", writer:state_dict(o.tensors, o.names, o.prefix or "model.") },
    { "loops", loops(epoch, steps, batches) }, { "callbacks", {} },
    { "optimizer_states", pickle.list(optimizers) }, { "lr_schedulers", pickle.list {} },
  }
  if o.hyper_parameters then
    object[#object + 1] = { "hparams_name", "kwargs" }
    object[#object + 1] = { "hyper_parameters", o.hyper_parameters }
  end
  return pickle.dict(object)
end

return lightning
