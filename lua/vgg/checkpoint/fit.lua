-- Does a checkpoint fit a model, and if not, which model does it look like?
local util = require "vgg.util"

local fit = {}

-- Shapes by which a model is recognised; add to the list for models of your own.
fit.signatures = {
  { name = "CIFAR10Net", flag = "cifar10net", tensor = "classifier.0.weight",
    shape = { 4096, 2048 } },
  { name = "VGG16BN", flag = "vgg16_bn", tensor = "classifier.0.weight", shape = { 4096, 512 } },
  { name = "ImageNet VGG-16", tensor = "classifier.0.weight", shape = { 4096, 25088 } },
}

local function text_of(shape)
  return #shape == 0 and "scalar" or table.concat(shape, "x")
end

local function same_shape(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do if a[i] ~= b[i] then return false end end
  return true
end

-- The signature that fits a list of entries, or nil.
function fit.recognise(entries)
  local shapes = {}
  for _, e in ipairs(entries) do shapes[e.name] = e.shape end
  for _, s in ipairs(fit.signatures) do
    local shape = shapes[s.tensor]
    if shape and same_shape(shape, s.shape) then return s end
  end
end

local function looks_like(entries, model)
  local s = fit.recognise(entries)
  if not s or s.name == model then return "" end
  return (". The file looks like %s%s"):format(s.name, s.flag and "; use --model " .. s.flag or "")
end

-- The first name and words for what is wrong with it, or nil.
local function difference(there, tensors, what)
  for _, name in ipairs(util.keys(tensors)) do
    local e, shape = there[name], tensors[name].shape
    if not e then return ("%s is missing in the file"):format(name) end
    if not same_shape(e.shape, shape) then
      return ("%s is %s in the file, %s in %s"):format(name, text_of(e.shape), text_of(shape), what)
    end
  end
end

-- Compares a file's entries with a model's tensors { name = tensor }. true, or nil and the message
-- that names the first difference and the model the file looks like. options.model: the model's
-- name; options.only: the prefix of the names that count, otherwise all but "optimizer.".
function fit.check(entries, tensors, options)
  local only, model = options and options.only, options and options.model
  local there, what = {}, model or "the model"
  for _, e in ipairs(entries) do there[e.name] = e end
  local problem = difference(there, tensors, what)
  for _, e in ipairs(entries) do
    local counts = not e.name:find("^optimizer%.")
    if only then counts = e.name:sub(1, #only) == only end
    if counts and not tensors[e.name] then
      problem = problem or ("%s of the file is not in %s"):format(e.name, what)
    end
  end
  if not problem then return true end
  return nil, ("checkpoint: does not fit the model: %s%s"):format(problem,
    looks_like(entries, model))
end

return fit
