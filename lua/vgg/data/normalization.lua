-- Mean and standard deviation of each channel, for values in 0..1, by name. What a network was
-- trained with belongs to its weights.
local util = require "vgg.util"

local normalization = {
  cifar = { mean = { 0.4914, 0.4822, 0.4465 }, std = { 0.2470, 0.2435, 0.2616 } },
  imagenet = { mean = { 0.485, 0.456, 0.406 }, std = { 0.229, 0.224, 0.225 } },
  half = { mean = { 0.5, 0.5, 0.5 }, std = { 0.5, 0.5, 0.5 } },
}
local names = { "cifar", "imagenet", "half" }
local titles = { cifar = "CIFAR-10's", imagenet = "ImageNet's", half = "" }

function normalization.same(a, b)
  for c = 1, 3 do
    if math.abs(a.mean[c] - b.mean[c]) > 1e-6 or math.abs(a.std[c] - b.std[c]) > 1e-6 then
      return false
    end
  end
  return true
end

-- "cifar", "imagenet", "half", or nil for other values.
function normalization.name_of(n)
  for _, name in ipairs(names) do
    if normalization.same(n, normalization[name]) then return name end
  end
end

local function list(values)
  return ("%.4g %.4g %.4g"):format(values[1], values[2], values[3])
end

-- "ImageNet's mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
function normalization.words(n)
  local name = normalization.name_of(n)
  local title = name and titles[name] ~= "" and titles[name] .. " " or ""
  return ("%smean %s, std %s"):format(title, list(n.mean), list(n.std))
end

-- From a name or { mean =, std = }.
function normalization.find(what)
  if type(what) == "table" and what.mean and what.std then return what end
  local found = type(what) == "string" and titles[what] and normalization[what]
  if not found then
    util.fail("usage", "--normalize: no '%s'%s. Known: %s", tostring(what),
      util.hint(tostring(what), titles), table.concat(names, " "))
  end
  return found
end

-- What a checkpoint's configuration says about the images it was trained on: { mean =, std = }, or
-- nil when it says nothing. Runs from before the field are known by their augmentation.
function normalization.of_config(config)
  local flags = config.flags or {}
  if config.normalize then return config.normalize end
  if flags.normalize then return normalization.find(flags.normalize) end
  if not flags.augment then return nil end
  return flags.augment == "course" and normalization.half or normalization.cifar
end

return normalization
