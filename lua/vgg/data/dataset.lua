-- A labelled image set: #d, d[i] (normalised image), d(i) (image, label), d:label(i), d:describe().
-- Positions count from 1, labels are the 0-based classes of the files.
local core = require "vgg.core"
local transforms = require "vgg.data.transforms"

local Dataset = {}

-- options: source (of core.data), classes, name, split, pipeline, seed, note, whole (what the
-- source is a part of; kept so that other parts share its memory)
local function new(o)
  local self = {
    source = o.source, classes = o.classes, name = o.name, split = o.split, note = o.note,
    whole = o.whole, seed = o.seed or 42, epoch = 0,
    pipeline = transforms.pipeline(o.pipeline or "none"),
  }
  local object = newproxy(true) -- a table has no length of its own in Lua 5.1
  local mt = getmetatable(object)
  mt.__name = "vgg.data.Dataset"
  mt.__len = function() return self.source:len() end
  mt.__tostring = function() return Dataset.describe(object) end
  mt.__call = function(_, i) return Dataset.item(object, i) end
  mt.__index = function(_, key)
    if type(key) == "number" then return (Dataset.item(object, key)) end
    local value = self[key]
    if value == nil then value = Dataset[key] end
    return value
  end
  mt.__newindex = function(_, key, value)
    if self[key] == nil then error("Dataset: no field '" .. tostring(key) .. "'", 2) end
    self[key] = value
  end
  return object
end

function Dataset:len() return self.source:len() end

local function position(self, i)
  if i < 0 then i = self.source:len() + 1 + i end
  return i
end

-- Image i as a 3 x H x W tensor, normalised (and augmented, as in self.epoch, if the set is), and
-- its label. Negative positions count from the end.
function Dataset:item(i)
  return core.data.item(self.source, position(self, i), self.pipeline.core, self.seed, self.epoch)
end

-- The stored pixels: a 3 x H x W uint8 tensor.
function Dataset:pixels(i) return core.data.pixels(self.source, position(self, i)) end

function Dataset:label(i) return self.source:label(position(self, i)) end

-- Position of image i in the files the set was read from (the key of its augmentation).
function Dataset:record(i) return self.source:record(position(self, i)) end

-- Images of each class; position 1 is class 0.
function Dataset:counts() return self.source:counts(#self.classes) end

-- Images first..first+count-1 as one batch, in order: x (N, 3, H, W), y (N).
function Dataset:batch(first, count)
  return core.data.batch(self.source, nil, first, count, self.pipeline.core, self.seed, self.epoch)
end

-- Copies of this set: with another pipeline, or with the given positions only.
function Dataset:with(pipeline)
  return new { source = self.source, classes = self.classes, name = self.name, split = self.split,
    pipeline = pipeline, seed = self.seed, note = self.note, whole = self.whole }
end

function Dataset:subset(positions)
  return new { source = self.source:subset(positions), classes = self.classes, name = self.name,
    split = self.split, pipeline = self.pipeline, seed = self.seed, whole = self.whole,
    note = ("%d of: %s"):format(#positions, self.note) }
end

-- Positions of all images of a 0-based class, in order.
function Dataset:of_class(label)
  local found = {}
  for i = 1, self.source:len() do
    if self.source:label(i) == label then found[#found + 1] = i end
  end
  return found
end

function Dataset:describe() return self.note or ("%d images"):format(self.source:len()) end

return { new = new, class = Dataset }
