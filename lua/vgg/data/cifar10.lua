-- CIFAR-10 and the generated set as datasets: vgg.data.cifar10 { root =, split = "val" }.
local core = require "vgg.core"
local util = require "vgg.util"
local dataset = require "vgg.data.dataset"
local transforms = require "vgg.data.transforms"

local M = {}

-- Validation images among n: val_split 0.1 of 50,000 -> 5000, 500 -> 500. A train_share wins; what
-- it leaves is for validation. Shares are cut off, as int() does in the Python programs.
function M.val_count(n, val_split, train_share)
  local v = tonumber(train_share or val_split)
  local flag = train_share and "--train-share" or "--val-split"
  if not v or v < 0 or (v >= 1 and v ~= math.floor(v)) or v > n or (v == n and not train_share) then
    util.fail("usage", "%s: want a share below 1 or a number of images below %s, got '%s'", flag,
      util.count(n), tostring(train_share or val_split))
  end
  if v < 1 then v = math.floor(n * v) end
  return train_share and n - v or v
end

-- "validation = 5,000 of 50,000 training images, seed 42"
function M.split_words(n_val, n, seed)
  return ("validation = %s of %s training images, seed %d"):format(util.count(n_val),
    util.count(n), seed)
end

-- Sources are read once a process and shared: key -> { source, place }.
local cache = setmetatable({}, { __mode = "v" })

local function cached(key, make)
  local hit = cache[key]
  if not hit then
    hit = make()
    cache[key] = hit
  end
  return hit
end

function M.read(root, train, partial)
  local key = table.concat({ "cifar10", root, tostring(train), tostring(partial) }, "\0")
  return cached(key, function()
    local source, place = core.data.cifar10(root, train, partial)
    return { source = source, place = place }
  end)
end

function M.generate(n, seed, train)
  local key = table.concat({ "synthetic", n, seed, tostring(train) }, "\0")
  return cached(key, function()
    return { source = core.data.synthetic(n, seed, train and 0 or 1) }
  end)
end

local splits = { train = true, val = true, test = true, all_train = true }

-- One of the splits of what `read(train)` gives; options are checked before anything is read.
local function pick(o, what, classes, read)
  local split, seed = o.split or "train", o.seed or 42
  if not splits[split] then
    error(("%s: no split '%s'%s"):format(what, tostring(split),
      util.hint(tostring(split), splits)), 3)
  end
  local pipeline = transforms.renormalized(o.augment or "none", o.normalize)
  local part = read(split ~= "test")
  local source, n = part.source, part.source:len()
  local note = ("%s images"):format(util.count(n))
  if split == "train" or split == "val" then
    local train, val = source:split(M.val_count(n, o.val_split or 0.1, o.train_share), seed)
    source = split == "val" and val or train
    note = ("%s images of %s (seed %d)"):format(util.count(source:len()), util.count(n), seed)
  end
  return dataset.new {
    whole = part, source = source, classes = classes, name = what, split = split, seed = seed,
    note = note, pipeline = pipeline,
  }
end

local cifar_known = { root = true, split = true, val_split = true, seed = true, augment = true,
  partial = true, train_share = true, normalize = true }

-- cifar10 { root = $VGG_DATA or "./data", split = "train", val_split = 0.1, seed = 42,
--           augment = "none", partial = false }
function M.cifar10(o)
  o = o or {}
  util.check_options("cifar10", o, cifar_known)
  local root = o.root or os.getenv "VGG_DATA" or "./data"
  return pick(o, "cifar10", core.data.cifar10_classes, function(train)
    return M.read(root, train, o.partial or false)
  end)
end

local synthetic_known = { split = true, val_split = true, seed = true, augment = true,
  train_images = true, test_images = true, data_seed = true, train_share = true,
  normalize = true }

-- synthetic { split = "train", train_images = 50000, test_images = 10000, data_seed = 0, ... }
function M.synthetic(o)
  o = o or {}
  util.check_options("synthetic", o, synthetic_known)
  return pick(o, "synthetic", core.data.synthetic_classes, function(train)
    local n = train and (o.train_images or 50000) or (o.test_images or 10000)
    return M.generate(n, o.data_seed or 0, train)
  end)
end

return M
