-- Pictures in the run's directory: augmentation.png/.svg at the start of a run (originals and what
-- the first epochs make of them); samples.png (five validation images a class with what the best
-- weights take them for, also logged as the table "samples"), confusion_matrix.png and
-- curves.png/.svg at its end. What fails is told and never stops the training.
local core = require "vgg.core"
local util = require "vgg.util"

local Pictures = { name = "pictures", order = 95 }
Pictures.__index = Pictures

local known = { augmentation = true, samples = true, per_class = true }

-- Pictures { augmentation = true, samples = true, per_class = 5 }
function Pictures.new(o)
  o = o or {}
  util.check_options("Pictures", o, known)
  return setmetatable({ augmentation = o.augmentation ~= false, samples = o.samples ~= false,
    per_class = o.per_class or 5 }, Pictures)
end

-- Runs fn(...) when there is a directory to write to; an error becomes a warning.
local function try(what, trainer, fn, ...)
  if not trainer.run then return end
  local ok, why = pcall(fn, ...)
  if not ok then util.log("warn", "picture of %s not made: %s", what, tostring(why)) end
end

local function dataset_of(feed)
  local set = feed and feed.loader.dataset
  return set and set.of_class and set.pixels and set.classes and set or nil
end

-- Positions of the first `n` images of each class, class by class.
local function first_of_classes(set, n)
  local found = {}
  for i = 1, #set.classes do found[i] = {} end
  local missing = #set.classes
  for i = 1, set:len() do
    local list = found[set:label(i) + 1]
    if list and #list < n then
      list[#list + 1] = i
      if #list == n then missing = missing - 1 end
      if missing == 0 then break end
    end
  end
  return found
end

-- Undoes the normalisation: values in 0 .. 1 again.
local function shown(x, normalize)
  local shape = { 3, 1, 1 }
  return x * core.tensor(normalize.std):view(shape) + core.tensor(normalize.mean):view(shape)
end

local epochs_shown = 4

local function augmentation(trainer)
  local set = dataset_of(trainer.feeds.train)
  if not set or #set.pipeline.ops == 0 then return end
  local images, picked, names = {}, {}, {}
  for class, list in ipairs(first_of_classes(set, 1)) do
    if list[1] then
      picked[#picked + 1], names[#names + 1] = list[1], set.classes[class]
    end
  end
  local columns = #picked
  for i, at in ipairs(picked) do images[i] = set:pixels(at) end
  for epoch = 1, epochs_shown do
    for i, at in ipairs(picked) do
      local x = core.data.item(set.source, at, set.pipeline.core, set.seed, epoch - 1)
      images[epoch * columns + i] = shown(x, set.pipeline.normalize)
    end
  end
  local titles = { "original" }
  for epoch = 1, epochs_shown do titles[epoch + 1] = "epoch " .. epoch end
  local figure = require("vgg.plot").image_grid { images = images, columns = columns,
    column_titles = names, row_titles = titles, scale = 3, note = tostring(set.pipeline),
    title = "What augmentation does to training images" }
  figure:save(trainer.run:path "augmentation.png")
  figure:save(trainer.run:path "augmentation.svg", { theme = "auto" })
end

local function predictions(trainer, set, positions)
  local x = set:subset(positions):batch(1, #positions)
  local model, device = trainer.task.model, trainer.opt.device
  if device and device ~= "cpu" then x = x:to(device) end
  local training = model.training
  model:eval()
  local labels = core.no_grad(function() return model(x):argmax(2):totable() end)
  if training then model:train() end
  return labels
end

local function samples(trainer, result, per_class)
  local set = dataset_of(trainer.feeds and trainer.feeds.val) or dataset_of(trainer.feeds.train)
  if not set then return end
  local positions = {}
  for _, list in ipairs(first_of_classes(set, per_class)) do
    for _, at in ipairs(list) do positions[#positions + 1] = at end
  end
  local log, images, captions, tones, rows = require "vgg.log", {}, {}, {}, {}
  local right = 0
  for i, label in ipairs(predictions(trainer, set, positions)) do
    local truth, guess = set.classes[set:label(positions[i]) + 1], set.classes[label + 1]
    images[i] = set:pixels(positions[i])
    captions[i], tones[i] = guess == truth and truth or guess .. "\nnot " .. truth,
      guess ~= truth and "bad"
    right = right + (guess == truth and 1 or 0)
    rows[i] = { log.Image(images[i], { caption = truth }), truth, guess }
  end
  require("vgg.plot").image_grid({ images = images, captions = captions, tones = tones,
    columns = 2 * per_class, title = ("Predictions of epoch %s"):format(tostring(result.epoch)),
    note = ("%d of %d right; %d images a class of the %s data; red: wrong"):format(right, #images,
      per_class, set.split == "val" and "validation" or set.split),
  }):save(trainer.run:path "samples.png")
  trainer.loggers:log_table { key = "samples", epoch = result.epoch,
    columns = { "image", "ground_truth", "prediction" }, rows = rows }
end

local function curves(trainer)
  for _, logger in ipairs(trainer.loggers) do logger:flush() end
  local run = require("vgg.report.run").at(trainer.run.dir)
  if not run or #run.epochs == 0 then return end
  local figure = require("vgg.report.figures").curves(run)
  figure:save(trainer.run:path "curves.png")
  figure:save(trainer.run:path "curves.svg", { theme = "auto" })
end

function Pictures:on_fit_start(trainer)
  if not self.augmentation or trainer.resume_from then return end
  try("the augmentation", trainer, core.scope, augmentation, trainer)
end

function Pictures:on_test_epoch_end(trainer, result) -- luacheck: no self
  if result.label == "last" then return end
  if result.matrix then
    try("the confusion matrix", trainer, function()
      require("vgg.plot").confusion_matrix({ matrix = result.matrix, classes = result.classes,
        title = ("Confusion matrix, test images, epoch %s"):format(tostring(result.epoch)),
      }):save(trainer.run:path "confusion_matrix.png")
    end)
  end
  if self.samples and trainer.feeds then
    try("samples", trainer, core.scope, samples, trainer, result, self.per_class)
  end
end

function Pictures:on_fit_end(trainer) -- luacheck: no self
  try("the learning curves", trainer, curves, trainer)
end

function Pictures:on_exception(trainer) -- luacheck: no self
  try("the learning curves", trainer, curves, trainer)
end

return Pictures
