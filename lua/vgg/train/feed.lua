-- A loader as the trainer sees it: some number of its batches, each by its position in an epoch.
-- A loader is anything with get(k, epoch) -> x, y; len() or #; and size_of(k) where it is known.
local Loader = require("vgg.data.loader").class
local options = require "vgg.train.options"
local util = require "vgg.util"

local Feed = {}
Feed.__index = Feed

-- fields: loader, limit (see options.limited), who (the option's name), ordered (no shuffling),
-- device: where its batches go
function Feed.new(f)
  local loader = f.loader
  if loader == nil then return nil end
  local all = loader.len and loader:len() or #loader
  local self = setmetatable({ loader = loader, ordered = f.ordered, device = f.device }, Feed)
  self.batches = options.limited(f.limit, all, f.who)
  self.all = all
  if all == 0 then util.fail("data", "%s: the loader has no batches", f.who) end
  return self
end

local function get(self, k, epoch)
  local loader = self.loader
  if not self.ordered or not loader.shuffle then return loader:get(k, epoch) end
  loader.shuffle = false
  local x, y = loader:get(k, epoch)
  loader.shuffle = true
  return x, y
end

local function there(self, tensor)
  if not self.device or type(tensor) ~= "userdata" or tensor.device == self.device then
    return tensor
  end
  return tensor:to(self.device)
end

-- Batch k of an epoch (from 0).
function Feed:get(k, epoch)
  local x, y = get(self, k, epoch)
  return there(self, x), there(self, y)
end

-- A loader with a get of its own knows nothing of `into`.
local function fills(self)
  local loader = self.loader
  return not self.ordered and loader.get == Loader.get and loader.device == self.device
    and loader:fills()
end

-- The same in the memory of x and y, which are of its shape.
function Feed:get_into(x, y, k, epoch)
  if fills(self) then return self.loader:get(k, epoch, { x, y }) end
  local new_x, new_y = self:get(k, epoch)
  x:copy_(new_x)
  y:copy_(new_y)
end

function Feed:size_of(k, y)
  if self.loader.size_of then return self.loader:size_of(k) end
  return y.shape[1]
end

-- Images delivered in an epoch.
function Feed:images()
  local n = 0
  for k = 1, self.batches do n = n + self:size_of(k) end
  return n
end

-- The same batches without augmentation, where the loader's data set knows what that is.
function Feed:plain_loader()
  local loader, set = self.loader, self.loader.dataset
  if not (set and set.with and set.pipeline) then return loader end
  local data = require "vgg.data"
  return data.Loader { dataset = set:with(data.transforms.eval(set.pipeline)),
    batch_size = loader.batch_size, device = loader.device }
end

-- What the data is, in words, for comparisons on resume; nil when the loader cannot tell.
function Feed:describe()
  local set = self.loader.dataset
  if not set then return nil end
  local pipeline = set.pipeline and tostring(set.pipeline)
  return ("%s %s; %d batches of %s; %s"):format(tostring(set.name or "data"), tostring(set),
    self.batches, tostring(self.loader.batch_size), pipeline or "")
end

-- What the images are normalised with: { mean =, std = }, or nil when the loader cannot tell.
function Feed:normalization()
  local set = self.loader.dataset
  local n = set and set.pipeline and set.pipeline.normalize
  return n and { mean = n.mean, std = n.std } or nil
end

return Feed
