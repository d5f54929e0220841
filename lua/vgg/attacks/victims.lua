-- Which images are attacked, and which class is attacked when nobody says.
local core = require "vgg.core"
local util = require "vgg.util"

local M = {}

local function pixels(set, positions)
  local list = {}
  for i, at in ipairs(positions) do list[i] = set:pixels(at) end
  return core.stack(list, 1):float() / 255
end

local function device_of(model)
  local first = type(model) == "table" and model.parameters and model:parameters()[1]
  return first and first.device or core.get_default_device()
end

-- Predicted classes of the images at these positions, in their order.
local function predict(model, set, positions, on_step)
  local out, size, device = {}, 100, device_of(model)
  for first = 1, #positions, size do
    core.scope(core.no_grad, function()
      local part = { unpack(positions, first, math.min(first + size - 1, #positions)) }
      for _, class in ipairs(model(pixels(set, part):to(device)):argmax(2):totable()) do
        out[#out + 1] = class
      end
    end)
    if on_step then on_step(#out, #positions) end
  end
  return out
end

-- The class of which the network recognises the largest share of a set: label, recall, confusion
-- matrix (rows: true class).
function M.best_class(model, set, on_step)
  local frozen = require "vgg.attacks.frozen"
  local matrix, all = {}, {}
  for i = 1, #set.classes do
    matrix[i] = {}
    for j = 1, #set.classes do matrix[i][j] = 0 end
  end
  for i = 1, #set do all[i] = i end
  local predicted = frozen(model, predict, model, set, all, on_step)
  for i, class in ipairs(predicted) do
    local row = matrix[set:label(i) + 1]
    row[class + 1] = row[class + 1] + 1
  end
  local best, recall = 0, -1
  for i, row in ipairs(matrix) do
    local n = 0
    for _, count in ipairs(row) do n = n + count end
    local share = n > 0 and row[i] / n or 0
    if share > recall then best, recall = i - 1, share end
  end
  return best, recall, matrix
end

local function too_few(o, have, without)
  local class = o.class and o.set.classes[o.class + 1] or "all classes"
  local split = o.set.split == "test" and "test" or "validation"
  if o.only_correct then
    util.fail("data", "attack: wanted %d samples of '%s', the %s split has %d with --only-correct "
      .. "(%d without)", o.count, class, split, have, without)
  end
  util.fail("data", "attack: wanted %d samples of '%s', the %s split has %d", o.count, class, split,
    have)
end

-- All positions of a class (nil: of every class) in the order of the seed.
local function drawn(set, class, seed)
  local all, out = {}, {}
  if class then all = set:of_class(class) else for i = 1, #set do all[i] = i end end
  local before, position = core.rng_state()
  core.manual_seed(seed)
  for i, k in ipairs(core.randperm(#all):totable()) do out[i] = all[k + 1] end
  core.set_rng_state(before, position)
  return out
end

-- victims { model =, set =, class = nil for all, count =, seed = 0, only_correct = false }: images
-- drawn by the seed alone: { images = N x C x H x W in 0..1, positions =, labels =, predicted = }.
function M.victims(o)
  util.check_options("victims", o, { model = true, set = true, class = true, count = true,
    seed = true, only_correct = true })
  local frozen = require "vgg.attacks.frozen"
  local order = drawn(o.set, o.class, o.seed or 0)
  local v = { positions = {}, labels = {}, predicted = {}, set = o.set }
  local first = 1
  while first <= #order and #v.positions < o.count do
    local size = math.min(o.only_correct and 100 or o.count - #v.positions, 100)
    local part = { unpack(order, first, math.min(first + size - 1, #order)) }
    for i, class in ipairs(frozen(o.model, predict, o.model, o.set, part)) do
      local label, k = o.set:label(part[i]), #v.positions + 1
      if k <= o.count and (not o.only_correct or class == label) then
        v.positions[k], v.labels[k], v.predicted[k] = part[i], label, class
      end
    end
    first = first + #part
  end
  if #v.positions < o.count then too_few(o, #v.positions, #order) end
  v.images = pixels(o.set, v.positions):keep()
  return v
end

return M
