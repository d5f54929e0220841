-- What TensorBoard shows of every epoch: {train,val,test}/confmat, and 16 images of the first
-- batch as the network saw them (augmentation included) with what it took them for: .../samples and
-- .../samples_labels. At the first step also the model's graph. Does nothing in a run without that
-- logger.
local core = require "vgg.core"

local EpochPictures = { name = "epoch_pictures", replayable = true }
EpochPictures.__index = EpochPictures

local shown = 16
local words = { train = "training", val = "validation", test = "test" }

function EpochPictures.new() return setmetatable({ samples = {} }, EpochPictures) end

local function dataset_of(trainer, stage)
  local feed = trainer.feeds and trainer.feeds[stage] or trainer.feeds and trainer.feeds.train
  return feed and feed.loader.dataset
end

-- Pixels of a normalised image batch: floats in 0 .. 1 again.
local function pixels(x, set)
  local n = set.pipeline.normalize
  local shape = { 1, 3, 1, 1 }
  x = x:detach():cpu():float()
  return x * core.tensor(n.std):view(shape) + core.tensor(n.mean):view(shape)
end

-- Keeps the first images of a batch with their captions.
local function take(self, trainer, stage, x, outputs, y)
  local set = dataset_of(trainer, stage)
  if type(x) ~= "userdata" or not (set and set.pipeline and set.classes) then return end
  local count = math.min(shown, x.shape[1])
  local images, captions = {}, {}
  core.no_grad(core.scope, function()
    local guess = outputs:detach():narrow(1, 1, count):argmax(2):totable()
    local truth = y:narrow(1, 1, count):totable()
    local batch = pixels(x:narrow(1, 1, count), set)
    for i = 1, count do
      images[i] = batch:select(1, i):clone():keep()
      captions[i] = ("pred: %s\ntrue: %s"):format(set.classes[guess[i] + 1],
        set.classes[truth[i] + 1])
    end
  end)
  self.samples[stage] = { images = images, captions = captions }
end

local function log_samples(self, logger, stage, epoch)
  local s, log = self.samples[stage], require "vgg.log"
  self.samples[stage] = nil
  if not s then return end
  local images = {}
  for i, tensor in ipairs(s.images) do
    images[i] = log.Image(tensor, { caption = s.captions[i] })
  end
  logger:log_images { key = stage .. "/samples", images = images, columns = 4, epoch = epoch }
  for _, tensor in ipairs(s.images) do tensor:free() end
end

local function log_matrix(logger, stage, epoch, matrix, classes)
  if not matrix then return end
  logger:log_confusion_matrix { key = stage .. "/confmat", matrix = matrix, classes = classes,
    epoch = epoch, title = ("Confusion matrix, %s, epoch %d"):format(words[stage], epoch) }
end

local function finish(self, trainer, stage, epoch, matrix)
  local logger = trainer:logger "tensorboard"
  if not logger then return end
  log_samples(self, logger, stage, epoch)
  log_matrix(logger, stage, epoch, matrix, trainer:class_names())
end

function EpochPictures:on_train_epoch_start() self.waiting = true end

-- The first training step of a run shows its layers; what fails here is no reason to stop.
local function start_graph(self, trainer, x)
  self.graph_done = true
  local model = trainer.task.model
  if trainer.resume_from or type(x) ~= "userdata" or not model._order then return end
  self.graph = require("vgg.log.tensorboard.graph").listen(model, x)
end

local function finish_graph(self, trainer)
  local ok, graph = pcall(self.graph.finish, self.graph)
  self.graph = nil
  if ok and graph then trainer:logger "tensorboard":add(core.log.tb_graph(nil, graph)) end
end

function EpochPictures:on_train_batch_start(trainer, _, x)
  if not trainer:logger "tensorboard" then return end
  self.x = self.waiting and x or nil
  if not self.graph_done then start_graph(self, trainer, x) end
end

function EpochPictures:on_train_batch_end(trainer, _, _, outputs, y)
  if self.graph then finish_graph(self, trainer) end
  if self.x then take(self, trainer, "train", self.x, outputs, y) end
  self.x, self.waiting = nil, false
end

function EpochPictures:on_validation_batch_end(trainer, k, outputs, y, x)
  if k == 1 and trainer:logger "tensorboard" then take(self, trainer, "val", x, outputs, y) end
end

function EpochPictures:on_test_batch_end(trainer, k, outputs, y, x)
  if k == 1 and trainer.testing ~= "last" and trainer:logger "tensorboard" then
    take(self, trainer, "test", x, outputs, y)
  end
end

function EpochPictures:on_train_epoch_end(trainer)
  finish(self, trainer, "train", trainer.position.epoch + 1, trainer.scores.train:matrix())
end

function EpochPictures:on_validation_epoch_end(trainer)
  finish(self, trainer, "val", trainer.position.epoch + 1, trainer.scores.val:matrix())
end

function EpochPictures:on_test_epoch_end(trainer, result)
  if result.label ~= "last" then finish(self, trainer, "test", result.epoch, result.matrix) end
end

return EpochPictures
