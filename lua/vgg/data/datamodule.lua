-- CIFAR-10 as Lightning users know it: prepare_data, setup(stage), and a loader for each split.
local core = require "vgg.core"
local util = require "vgg.util"
local cifar10 = require "vgg.data.cifar10"
local dataset = require "vgg.data.dataset"
local loader = require "vgg.data.loader"
local resolve = require "vgg.data.resolve"
local transforms = require "vgg.data.transforms"

local Module = { __name = "vgg.data.CIFAR10DataModule" }

-- Two fields are known only once the data has been looked at: reading one does that.
function Module.__index(self, key)
  if key == "classes" then
    Module.prepare_data(self)
  elseif key == "split_words" then
    Module.setup(self, "fit")
  end
  local value = rawget(self, key)
  if value == nil then value = Module[key] end
  return value
end

local defaults = {
  data_dir = false, data = "auto", data_url = false, batch_size = 128, val_split = 0.1,
  train_share = false, seed = 42, split_seed = false,
  augment = "dlcv", normalize = false, data_split = "val", partial_data = false,
  drop_last = false, num_workers = 0, img_size = 32, device = "cpu", progress = false,
  limit_train_batches = false, limit_val_batches = false, limit_test_batches = false,
  overfit_batches = 0, train_images = 50000, test_images = 10000,
}

local function check(self)
  if self.img_size ~= 32 then
    util.fail("usage", "--img-size: the images are 32 pixels wide; other sizes are not offered")
  end
  if self.data_split ~= "val" and self.data_split ~= "test" then
    util.fail("usage", "--data-split: want val (a part of the training set) or test, got '%s'",
      tostring(self.data_split))
  end
end

-- CIFAR10DataModule { data_dir =, batch_size = 128, val_split = 0.1, seed = 42, augment = "dlcv" }
-- seed: order and augmentation; split_seed: what validates (seed where it is not given).
-- normalize: "cifar", "imagenet", "half" or { mean =, std = } in place of the pipeline's own.
-- num_workers: threads that make a batch, 0 for as many as compute; they change no image.
local function new(o)
  o = o or {}
  util.check_options("CIFAR10DataModule", o, defaults)
  local self = setmetatable({}, Module)
  for k, v in pairs(defaults) do
    if o[k] ~= nil then v = o[k] end
    self[k] = v
  end
  check(self)
  self.split_seed = self.split_seed or self.seed
  self.train_pipeline = transforms.renormalized(self.augment, self.normalize or nil)
  self.eval_pipeline = transforms.eval(self.train_pipeline)
  self.normalize = self.eval_pipeline.normalize
  self.num_classes = 10
  return self
end

-- Finds or downloads the data, or decides for the generated set; safe to repeat.
function Module:prepare_data()
  if self.choice then return end
  self.choice = resolve { data = self.data, root = self.data_dir or nil,
    url = self.data_url or nil, progress = self.progress or nil }
  self.classes = self.choice.kind == "cifar10" and core.data.cifar10_classes or
    core.data.synthetic_classes
  if self.choice.why then util.log("warn", "data: %s", self.choice.words) end
end

local function read(self, train)
  if self.choice.kind == "cifar10" then
    return cifar10.read(self.choice.root, train, self.partial_data)
  end
  return cifar10.generate(train and self.train_images or self.test_images, 0, train)
end

local function make(self, whole, src, split, pipeline, note)
  local name = self.choice.kind == "cifar10" and "CIFAR-10" or "synthetic shapes (not CIFAR-10)"
  return dataset.new { whole = whole, source = src, classes = self.classes, name = name,
    split = split, pipeline = pipeline, seed = self.seed, note = note }
end

local function setup_fit(self)
  local whole = read(self, true)
  local all = whole.source
  local n, n_val = all:len(), 0
  local train = all
  if self.data_split == "val" then
    n_val = cifar10.val_count(n, self.val_split, self.train_share or nil)
    local val
    train, val = all:split(n_val, self.split_seed)
    self.split_words = cifar10.split_words(n_val, n, self.split_seed)
    self.val = make(self, whole, val, "val", self.eval_pipeline,
      (self.split_words:gsub("^validation = ", "")))
  else
    local test = read(self, false)
    self.split_words = ("validation = the %s test images (--data-split test), so the best epoch " ..
      "is chosen on the test set"):format(util.count(test.source:len()))
    self.val = make(self, test, test.source, "test", self.eval_pipeline,
      (self.split_words:gsub("^validation = ", "")))
  end
  self.train = make(self, whole, train, "train", self.train_pipeline,
    ("%s images of %s"):format(util.count(n - n_val), util.count(n)))
end

-- stage: "fit", "validate", "test" or nil for all. The test stage alone reads no training file.
function Module:setup(stage)
  if stage ~= nil and stage ~= "fit" and stage ~= "validate" and stage ~= "test" then
    error("setup: no stage '" .. tostring(stage) .. "' (fit, validate, test or nil)", 2)
  end
  self:prepare_data()
  if stage ~= "test" and not self.train then setup_fit(self) end
  if (stage == "test" or stage == nil) and not self.test then
    local test = read(self, false)
    self.test = make(self, test, test.source, "test", self.eval_pipeline,
      ("%s test images"):format(util.count(test.source:len())))
  end
end

local function load(self, set, shuffle, limit, overfit)
  return loader.new { dataset = set, batch_size = self.batch_size, shuffle = shuffle,
    seed = self.seed, drop_last = shuffle and self.drop_last or false, limit = limit or nil,
    overfit = overfit ~= 0 and overfit or nil, device = self.device,
    num_workers = self.num_workers }
end

function Module:train_dataloader()
  self:setup "fit"
  return load(self, self.train, true, self.limit_train_batches, self.overfit_batches)
end

-- With overfit_batches the training batches themselves, without augmentation.
function Module:val_dataloader()
  self:setup "validate"
  if self.overfit_batches ~= 0 then
    return load(self, self.train:with(self.eval_pipeline), false, nil, self.overfit_batches)
  end
  return load(self, self.val, false, self.limit_val_batches, 0)
end

function Module:test_dataloader()
  self:setup "test"
  return load(self, self.test, false, self.limit_test_batches, 0)
end

-- The header line: where the data comes from, the split in words, the augmentation in words.
function Module:describe()
  self:prepare_data()
  local parts = { self.choice.words }
  if rawget(self, "split_words") then parts[#parts + 1] = self.split_words end
  local name = type(self.augment) == "string" and self.augment .. ": " or ""
  parts[#parts + 1] = "augmentation " .. name .. tostring(self.train_pipeline)
  return table.concat(parts, "; ")
end

-- What a checkpoint keeps of the data.
function Module:config()
  self:prepare_data()
  return {
    data = self.choice.kind, data_split = self.data_split, val_split = self.val_split,
    train_share = self.train_share, seed = self.seed, split_seed = self.split_seed,
    batch_size = self.batch_size,
    augment = type(self.augment) == "string" and self.augment or tostring(self.train_pipeline),
    classes = self.classes, mean = self.normalize.mean, std = self.normalize.std,
  }
end

return new
