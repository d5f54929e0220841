-- What a training step will need, without taking it: the model's tensors move to the device "plan",
-- which takes no memory and computes nothing but goes through the same allocations as the CPU. Two
-- steps are played, since the optimizer's state exists from the first one on.
local core = require "vgg.core"

local plan = {}

-- Runs fn() with every tensor of the model on the device "plan" and puts all back, whatever
-- happens: memory, gradients, modes, the position of the random numbers.
function plan.on(model, fn)
  local tensors, grads, modes = {}, {}, {}
  local seed, position = core.rng_state()
  for _, t in model:named_parameters() do tensors[#tensors + 1] = t end
  for _, t in model:named_buffers() do tensors[#tensors + 1] = t end
  for _, module in model:named_modules() do modes[module] = module.training end
  local ok, result
  core.scope(function()
    local memory, moved = {}, 0
    ok, result = pcall(function()
      for i, t in ipairs(tensors) do
        grads[i] = t.grad
        memory[i] = t:detach()
        t:set_grad(nil)
        moved = i
        core.layer.become_(t, core.empty(t.shape, t.dtype, "plan"))
      end
      return fn()
    end)
    for i = 1, moved do
      local t = tensors[i]
      t:set_grad(nil)
      core.layer.become_(t, memory[i])
      if grads[i] then t:set_grad(grads[i]) end
    end
  end)
  for module, mode in pairs(modes) do module:set_training(mode) end
  core.set_rng_state(seed, position)
  collectgarbage() -- the optimizer's state is gone for the next plan
  collectgarbage()
  if not ok then error(result, 0) end
  return result
end

local function default_optimizer(model) return require("vgg.optim").Adam { model, lr = 0 } end

local function usual_loss(y, labels)
  return y.ndim == 2 and y:cross_entropy(labels) or y:sum()
end

-- One step as the trainer takes it.
local function step(model, o, optimizer)
  for _ = 1, o.accumulate or 1 do
    core.scope(function()
      local x = core.empty({ o.batch_size, unpack(o.input) }, "float32", "plan")
      local y = core.empty({ o.batch_size }, "int64", "plan")
      local loss = core.scope(core.autocast, o.autocast or "f32", function()
        return (o.loss or usual_loss)(model(x), y)
      end)
      loss:item()
      loss:backward()
    end)
  end
  if not optimizer then return model:zero_grad() end
  optimizer:step()
  optimizer:zero_grad()
end

-- Bytes the allocator will hold at most while training:
--   plan.training(model, { batch_size = 128, input = { 3, 32, 32 }, optimizer = function(model),
--                          loss =, accumulate =, autocast = "bf16" })
-- -> { peak =, forward =, fixed = } with `fixed` what stays between steps (parameters, buffers,
-- optimizer). optimizer = false: none, gradients only.
function plan.training(model, o)
  return plan.on(model, function()
    model:train()
    local make = o.optimizer == nil and default_optimizer or o.optimizer
    local optimizer = make and make(model)
    local parameters = core.device.memory("plan").live
    core.device.reset_peak("plan")
    step(model, o, optimizer)
    step(model, o, optimizer)
    local m = core.device.memory("plan")
    return { peak = m.peak, fixed = m.live, parameters = parameters }
  end)
end

-- The largest batch whose training stays within `budget` bytes, 0 when not even one image does.
function plan.largest_batch(model, o, budget)
  local function fits(n)
    local trial = setmetatable({ batch_size = n }, { __index = o })
    return plan.training(model, trial).peak <= budget
  end
  if not fits(1) then return 0 end
  local low, high = 1, 2
  while high <= 2 ^ 24 and fits(high) do low, high = high, high * 2 end
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if fits(middle) then low = middle else high = middle end
  end
  return low
end

return plan
