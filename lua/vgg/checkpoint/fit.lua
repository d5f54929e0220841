-- Does a checkpoint fit a model, and if not, which model does it look like?
local util = require "vgg.util"

local fit = {}

-- Shapes by which a model is recognised, the first that fits counts; false stands for any size. Add
-- models of your own. `flag` is what --model takes, `model` the options that build it here.
fit.signatures = {
  { name = "CIFAR10Net", flag = "cifar10net", model = "cifar10net",
    tensors = { ["classifier.0.weight"] = { 4096, 2048 } } },
  { name = "VGG16BN", flag = "vgg16_bn", model = "vgg16_bn", options = { head = "full" },
    tensors = { ["classifier.0.weight"] = { 4096, 512 } } },
  { name = "VGG16BN with the small head", flag = "vgg16_bn --head small", model = "vgg16_bn",
    options = { head = "small" },
    tensors = { ["features.40.weight"] = { 512, 512, 3, 3 },
      ["classifier.0.weight"] = { false, 512 } } },
  { name = "torchvision's vgg16_bn", model = "vgg16_bn", options = { head = "imagenet" },
    tensors = { ["classifier.0.weight"] = { 4096, 25088 },
      ["features.40.weight"] = { 512, 512, 3, 3 }, ["features.41.running_mean"] = { 512 } } },
  { name = "torchvision's vgg19_bn",
    tensors = { ["classifier.0.weight"] = { 4096, 25088 }, ["features.49.weight"] = { 512, 512, 3,
      3 } } },
  { name = "ImageNet VGG-16", tensors = { ["classifier.0.weight"] = { 4096, 25088 },
    ["features.28.weight"] = { 512, 512, 3, 3 } } },
  { name = "an ImageNet VGG", tensors = { ["classifier.0.weight"] = { 4096, 25088 } } },
  { name = "ResNet-18", tensors = { ["conv1.weight"] = { 64, 3, 7, 7 },
    ["layer4.1.conv2.weight"] = { 512, 512, 3, 3 }, ["fc.weight"] = { false, 512 } } },
  { name = "ResNet-50", tensors = { ["conv1.weight"] = { 64, 3, 7, 7 },
    ["layer4.2.conv3.weight"] = { 2048, 512, 1, 1 }, ["fc.weight"] = { false, 2048 } } },
  { name = "EfficientNet-B0 (timm)", tensors = { ["conv_stem.weight"] = { 32, 3, 3, 3 },
    ["conv_head.weight"] = { 1280, 320, 1, 1 } } },
  { name = "EfficientNet-B0 (torchvision)", tensors = { ["features.0.0.weight"] = { 32, 3, 3, 3 },
    ["features.8.0.weight"] = { 1280, 320, 1, 1 } } },
  { name = "AlexNet", tensors = { ["classifier.1.weight"] = { 4096, 9216 } } },
}

local function text_of(shape)
  return #shape == 0 and "scalar" or table.concat(shape, "x")
end

local function same_shape(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do if a[i] ~= b[i] then return false end end
  return true
end

local function fits(shape, pattern)
  if not shape or #shape ~= #pattern then return false end
  for i = 1, #shape do
    if pattern[i] and shape[i] ~= pattern[i] then return false end
  end
  return true
end

-- The signature that fits a list of entries, or nil.
function fit.recognise(entries)
  local shapes = {}
  for _, e in ipairs(entries) do shapes[e.name] = e.shape end
  for _, s in ipairs(fit.signatures) do
    local all = true
    for name, pattern in pairs(s.tensors) do all = all and fits(shapes[name], pattern) end
    if all then return s end
  end
end

local function last_linear(entries)
  local last, rows = -1, nil
  for _, e in ipairs(entries) do
    local i = tonumber(e.name:match "^classifier%.(%d+)%.weight$")
    if i and i > last and #e.shape == 2 then last, rows = i, e.shape[1] end
  end
  return rows
end

-- { name =, options = } that builds the model a list of entries is of, for models known here.
function fit.model_of(entries)
  local s, names = fit.recognise(entries), {}
  if not s or not s.model then return nil end
  for _, e in ipairs(entries) do names[e.name] = true end
  local options = { num_classes = last_linear(entries) }
  for key, value in pairs(s.options or {}) do options[key] = value end
  if s.model == "cifar10net" then options.batchnorm = names["features.1.running_mean"] or false end
  if options.head ~= "imagenet" and options.head ~= "small" then
    options.dropout = names["classifier.3.weight"] or false
  end
  return { name = s.model, options = options }
end

-- ". The file looks like X; use --model x", or "" for `model` itself and for unknown files.
function fit.looks_like(entries, model)
  local s = fit.recognise(entries)
  if not s or s.name == model then return "" end
  return (". The file looks like %s%s"):format(s.name, s.flag and "; use --model " .. s.flag or "")
end

local function some(names, limit)
  if #names <= limit then return table.concat(names, ", ") end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, limit), #names - limit)
end

-- Words for what does not fit, or nil: shapes first, they say most.
local function problem(report, there, tensors, what)
  local name = report.differing[1]
  if name then
    local more = #report.differing > 1 and
      (" (and %d more: %s)"):format(#report.differing - 1, some({ unpack(report.differing, 2) }, 3))
    return ("%s is %s in the file, %s in %s%s"):format(name, text_of(there[name].shape),
      text_of(tensors[name].shape), what, more or "")
  end
  local parts = {}
  if #report.missing > 0 then
    parts[1] = ("%s %s missing in the file"):format(some(report.missing, 4),
      #report.missing == 1 and "is" or "are")
  end
  if #report.unexpected > 0 then
    parts[#parts + 1] = ("%s of the file %s not in %s"):format(some(report.unexpected, 4),
      #report.unexpected == 1 and "is" or "are", what)
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

-- Compares a file's entries with a model's tensors { name = tensor }. Returns { missing =,
-- unexpected =, differing = (sorted names), skip = set of names to leave alone }, or nil and the
-- message that names what is wrong and the model the file looks like. options.model: the model's
-- name; options.only: the prefix of the names that count, otherwise all but "optimizer.";
-- options.strict = false: never nil.
function fit.check(entries, tensors, options)
  options = options or {}
  local only, there = options.only, {}
  local report = { missing = {}, unexpected = {}, differing = {}, skip = {} }
  for _, e in ipairs(entries) do there[e.name] = e end
  for _, name in ipairs(util.keys(tensors)) do
    local e = there[name]
    if not e then
      if not name:match "num_batches_tracked$" then report.missing[#report.missing + 1] = name end
    elseif not same_shape(e.shape, tensors[name].shape) then
      report.differing[#report.differing + 1] = name
      report.skip[name] = true
    end
  end
  for _, name in ipairs(util.keys(there)) do
    local counts = not name:find("^optimizer%.")
    if only then counts = name:sub(1, #only) == only end
    if counts and not tensors[name] then
      report.unexpected[#report.unexpected + 1] = name
    end
  end
  local words = options.strict ~= false and
    problem(report, there, tensors, options.model or "the model")
  if not words then return report end
  return nil, ("checkpoint: does not fit the model: %s%s"):format(words,
    fit.looks_like(entries, options.model))
end

return fit
