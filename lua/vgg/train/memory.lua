-- A batch did not fit: measures two smaller ones and says what would.
local core = require "vgg.core"
local util = require "vgg.util"

local memory = {}

-- Peak bytes of forward and backward of the first b images of a batch, or nil.
local function measure(t, b)
  local ok, peak = pcall(core.scope, function()
    core.device.reset_peak()
    local x, y = t.feeds.train:get(t.position.batch + 1, t.position.epoch)
    x, y = x:narrow(1, 1, b), y:narrow(1, 1, b)
    t.task:training_step(x, y, 0):backward()
    return core.device.memory().peak
  end)
  pcall(t.task.optimizer.zero_grad, t.task.optimizer)
  return ok and peak or nil
end

-- Bytes the optimizer will add at its first step.
local function optimizer_bytes(t)
  if t.position.step > 0 then return 0 end
  local slots, n = t.task.optimizer.slots or {}, 0
  for _, p in ipairs(t.parameters) do n = n + p.numel end
  return 4 * n * #slots
end

-- The message for an error of kind "memory" raised inside a step, or nil when it cannot be told.
function memory.explain(t)
  local size = t.feeds.train:size_of(t.position.batch + 1)
  local small, large = math.max(1, math.floor(size / 16)), math.max(2, math.floor(size / 8))
  local limit = core.device.memory().limit
  if limit == 0 or size < 4 then return nil end
  local a, b = measure(t, small), measure(t, large)
  if not (a and b) or b <= a then return nil end
  local per_image = (b - a) / (large - small)
  local fixed = a - per_image * small + optimizer_bytes(t)
  local fits, parts = math.floor((limit - fixed) / per_image), 2
  if fits < 1 or fits >= size then return nil end
  while math.ceil(size / parts) > fits do parts = parts * 2 end
  return ("memory: batch %d of %s needs %s, limit %s. Largest that fits: %s. "
    .. "Or --batch-size %d --accumulate %d"):format(size, t:model_name(),
    util.bytes(fixed + per_image * size), util.bytes(limit), util.count(fits),
    math.ceil(size / parts), parts)
end

return memory
