-- Where in an image a class comes from: by the gradient of its score, and by covering parts.
local core = require "vgg.core"
local labels = require "vgg.labels"
local probe = require "vgg.probe"
local util = require "vgg.util"

local maps = {}

local function batch_of(x)
  if type(x) ~= "userdata" or (x.ndim ~= 3 and x.ndim ~= 4) then
    error("want an image 3 x H x W or a batch of them", 3)
  end
  return x.ndim == 3 and x:unsqueeze(1) or x, x.ndim == 3
end

-- The classes looked at: given, or what the model says.
local function targets(model, x, target)
  if target ~= nil then return labels.tensor(target, x.shape[1]) end
  return core.no_grad(function() return model(x):argmax(2) end)
end

-- Runs fn in evaluation mode; puts the modes back.
local function evaluating(model, fn)
  local modes = {}
  for _, module in model:named_modules() do modes[module] = module.training end
  model:eval()
  local ok, result = pcall(core.scope, fn)
  for module, mode in pairs(modes) do module:set_training(mode) end
  if not ok then error(result, 0) end
  return result
end

local saliency_known = { target = true, times_input = true, samples = true, noise = true }

-- saliency(model, x, { target = predicted, times_input = false, samples = 1, noise = 0.15 }): the
-- size of the gradient of the class's score at every pixel, the largest over the colours: H x W, or
-- N x H x W for a batch. samples > 1: the mean over noisy copies (SmoothGrad), noise as a share of
-- the image's range. times_input: gradient times input, with its sign, summed over the colours.
function maps.saliency(model, x, options)
  local o = options or {}
  util.check_options("saliency", o, saliency_known, 2)
  local images, single = batch_of(x)
  local seed, position = core.rng_state()
  local result = evaluating(model, function()
    local y, sum = targets(model, images, o.target), nil
    local range = images:amax():item() - images:amin():item()
    for _ = 1, o.samples or 1 do
      local input = images:detach():clone()
      if (o.samples or 1) > 1 then
        input = input + core.randn(input.shape) * ((o.noise or 0.15) * range)
      end
      input:requires_grad_(true)
      probe.without_parameters(model, function()
        model(input):gather(2, y:unsqueeze(2)):sum():backward()
      end)
      local g = input.grad
      sum = sum and sum + g or g
    end
    local g = sum / (o.samples or 1)
    local map = o.times_input and (g * images):sum(2) or g:abs():amax(2)
    return (single and map[1] or map):clone()
  end)
  core.set_rng_state(seed, position)
  return result
end

local function starts(size, window, stride)
  local list, at = {}, 0
  while at + window < size do
    list[#list + 1] = at
    at = at + stride
  end
  list[#list + 1] = math.max(0, size - window)
  return list
end

local function probability(model, x, y)
  return model(x):softmax(-1):gather(2, y:unsqueeze(2)):totable()
end

local function squares_of(image, window, stride)
  local squares = {}
  for _, r in ipairs(starts(image.shape[3], window, stride)) do
    for _, c in ipairs(starts(image.shape[4], window, stride)) do
      squares[#squares + 1] = { r + 1, c + 1 }
    end
  end
  return squares
end

-- Copies of the image, each with one of the squares covered.
local function cover(image, squares, first, last, window, value)
  local covered = image:expand({ last - first + 1, unpack(image.shape, 2) }):clone()
  for i = first, last do
    local row, column = unpack(squares[i])
    covered[i - first + 1]:narrow(2, row, window):narrow(3, column, window):fill_(value)
  end
  return covered
end

local function fall_map(model, image, o, squares, window)
  local height, width = image.shape[3], image.shape[4]
  local y = targets(model, image, o.target)
  local before = probability(model, image, y)[1][1]
  local value, n = o.value or image:mean():item(), o.batch_size or 64
  local fall, count = core.zeros({ height, width }), core.zeros({ height, width })
  for first = 1, #squares, n do
    core.scope(function()
      local last = math.min(first + n - 1, #squares)
      local covered = cover(image, squares, first, last, window, value)
      local p = probability(model, covered, core.full({ last - first + 1 }, y[1]:item(), "int64"))
      for i = first, last do
        local row, column = unpack(squares[i])
        local function place(t) return t:narrow(1, row, window):narrow(2, column, window) end
        place(fall):add_(before - p[i - first + 1][1])
        place(count):add_(1)
      end
    end)
  end
  return fall / count:clamp(1, math.huge)
end

local occlusion_known = { target = true, window = true, stride = true, value = true,
  batch_size = true }

-- occlusion(model, x, { target = predicted, window = 8, stride = 4, value = mean of the image }):
-- how much the class's probability falls when a square is covered, averaged over the squares that
-- cover a pixel: H x W. One image.
function maps.occlusion(model, x, options)
  local o = options or {}
  util.check_options("occlusion", o, occlusion_known, 2)
  local image = batch_of(x)
  if image.shape[1] ~= 1 then error("occlusion: want one image", 2) end
  local window, stride = o.window or 8, o.stride or 4
  local height, width = image.shape[3], image.shape[4]
  if window < 1 or stride < 1 or window > height or window > width then
    error(("occlusion: a window of %d, stride %d does not fit %dx%d"):format(window, stride, height,
      width), 2)
  end
  return evaluating(model, function()
    return core.no_grad(fall_map, model, image, o, squares_of(image, window, stride), window)
  end)
end

return maps
