-- Which images are attacked, and which class is attacked when nobody says.
local core = require "vgg.core"
local util = require "vgg.util"

local M = {}

local function pixels(set, positions)
  local list = {}
  for i, at in ipairs(positions) do list[i] = set:pixels(at) end
  return core.stack(list, 1):float() / 255
end

-- Predicted classes of the images at these positions, in their order.
local function predict(model, set, positions, on_step)
  local out, size = {}, 100
  for first = 1, #positions, size do
    core.scope(core.no_grad, function()
      local part = { unpack(positions, first, math.min(first + size - 1, #positions)) }
      for _, class in ipairs(model(pixels(set, part)):argmax(2):totable()) do
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
  local class, split = o.set.classes[o.class + 1], o.set.split == "test" and "test"
    or "validation"
  if o.only_correct then
    util.fail("data", "attack: wanted %d samples of '%s', the %s split has %d with --only-correct "
      .. "(%d without)", o.count, class, split, have, without)
  end
  util.fail("data", "attack: wanted %d samples of '%s', the %s split has %d", o.count, class, split,
    have)
end

-- victims { model =, set =, class =, count =, seed = 0, only_correct = false }: images of a class,
-- drawn by the seed alone: { images = N x C x H x W in 0..1, positions =, predicted =, class = }.
function M.victims(o)
  util.check_options("victims", o, { model = true, set = true, class = true, count = true,
    seed = true, only_correct = true })
  local frozen = require "vgg.attacks.frozen"
  local all = o.set:of_class(o.class)
  local seed, position = core.rng_state()
  core.manual_seed(o.seed or 0)
  local order = core.randperm(#all):totable()
  core.set_rng_state(seed, position)
  local drawn = {}
  for i, k in ipairs(order) do drawn[i] = all[k + 1] end
  local few = drawn
  if not o.only_correct then few = { unpack(drawn, 1, math.min(o.count, #drawn)) } end
  local predicted = #few > 0 and frozen(o.model, predict, o.model, o.set, few) or {}
  local positions, guesses = {}, {}
  for i, at in ipairs(few) do
    if not o.only_correct or predicted[i] == o.class then
      positions[#positions + 1], guesses[#guesses + 1] = at, predicted[i]
    end
  end
  if #positions < o.count then too_few(o, #positions, #all) end
  positions, guesses = { unpack(positions, 1, o.count) }, { unpack(guesses, 1, o.count) }
  return { images = pixels(o.set, positions):keep(), positions = positions, predicted = guesses,
    class = o.class, set = o.set }
end

return M
