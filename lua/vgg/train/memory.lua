-- A batch did not fit: what it needs by the plan, and what would fit.
local core = require "vgg.core"
local plan = require "vgg.summary.plan"
local util = require "vgg.util"

local memory = {}

-- An optimizer like the task's for the plan.
local function twin(optimizer)
  local kind = getmetatable(optimizer)
  if not (kind and kind.defaults) then return nil end
  return function(model)
    local spec = { model }
    for name in pairs(kind.defaults) do spec[name] = (optimizer.param_groups[1] or {})[name] end
    return kind(spec)
  end
end

-- The shape of an image; reading one takes next to nothing.
local function image_shape(t)
  return core.scope(function()
    local loader = t.feeds.train.loader
    if loader.dataset and loader.dataset.shape then return loader.dataset.shape end
    local x = t.feeds.train:get(t.position.batch + 1, t.position.epoch)
    return { unpack(x.shape, 2) }
  end)
end

-- Bytes that are in use beside the model, its gradients and the optimizer's state.
local function beside(t)
  local slots = t.position.step > 0 and #(t.task.optimizer.slots or {}) or 0
  local own = 0
  for _, p in ipairs(t.parameters) do
    own = own + 4 * p.numel * (1 + (p.grad and 1 or 0) + slots)
  end
  return math.max(0, core.device.memory(t.opt.device).live - own * 1.125)
end

-- The message for an error of kind "memory" raised inside a step, or nil when it cannot be told.
function memory.explain(t)
  local limit = core.device.memory(t.opt.device).limit
  local size = t.feeds.train:size_of(t.position.batch + 1)
  if limit == 0 or size < 2 then return nil end
  collectgarbage()
  local o = { batch_size = size, input = image_shape(t), optimizer = twin(t.task.optimizer),
    accumulate = t.opt.accumulate_grad_batches, autocast = t.opt.autocast }
  local room = limit - beside(t)
  local needs = plan.training(t.task.model, o).peak
  local fits, parts = plan.largest_batch(t.task.model, o, room), 2
  local head = ("memory: batch %d of %s needs %s, limit %s."):format(size,
    t:model_name(), util.bytes(needs), util.bytes(limit))
  if fits < 1 then return head .. " Not even one image fits" end
  if fits >= size then return nil end
  while math.ceil(size / parts) > fits do parts = parts * 2 end
  return ("%s Largest that fits: %s. Or --batch-size %d --accumulate %d"):format(head,
    util.count(fits), math.ceil(size / parts), parts)
end

return memory
