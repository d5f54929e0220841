-- Batches of a dataset, in the order of an epoch. There are no loader threads: a batch is made by
-- the compute team when it is asked for, and is a pure function of (seed, epoch, position).
local core = require "vgg.core"
local util = require "vgg.util"

local Loader = {}

local known = { dataset = true, batch_size = true, shuffle = true, seed = true, drop_last = true,
  limit = true, overfit = true, device = true, num_workers = true }

-- 5 = five batches, 0.1 or "0.1" = a tenth of them, "1.0" = all.
local function limited(limit, batches, who)
  if limit == nil then return batches end
  local n = tonumber(limit)
  local share = type(limit) == "string" and limit:find(".", 1, true) or (n and n < 1)
  if not n or n < 0 or (share and n > 1) or (not share and n ~= math.floor(n)) then
    util.fail("usage", "%s: want a number of batches, or a share of them such as 0.1, got '%s'",
      who, tostring(limit))
  end
  if not share then return math.min(n, batches) end
  return math.min(batches, n == 0 and 0 or math.max(1, math.floor(n * batches)))
end

-- Size of every batch but the last, and of the last. A single left-over image joins the last batch
-- of a training set: batch statistics of one image do not exist.
local function plan(self)
  local n, size = self.dataset:len(), self.batch_size
  local batches, last = math.floor(n / size), n % size
  if last == 0 then
    last = size
  elseif self.drop_last then
    last = batches > 0 and size or 0
  elseif last == 1 and self.shuffle and batches > 0 then
    last = size + 1
    self.notice = ("the last batch has %d images: one left over alone was added"):format(last)
  else
    batches = batches + 1
  end
  self.all_batches, self.last_size = n == 0 and 0 or batches, last
  if n < size and self.drop_last then self.all_batches = 0 end
  local limit = self.overfit and self.overfit ~= 0 and self.overfit or self.limit
  self.batches = limited(limit, self.all_batches, self.overfit and "overfit_batches" or "limit")
end

-- Loader { dataset =, batch_size = 32, shuffle = false, seed = dataset's, drop_last = false,
--          limit =, overfit =, device = "cpu", num_workers = 0 (as many threads as compute) }
local function new(o)
  util.check_options("Loader", o, known)
  local size = o.batch_size or 32
  if type(size) ~= "number" or size < 1 or size ~= math.floor(size) then
    util.fail("usage", "--batch-size: want a whole number of at least 1, got %s", tostring(size))
  end
  local self = {
    dataset = o.dataset, batch_size = size, shuffle = o.shuffle or false,
    seed = o.seed or o.dataset.seed, drop_last = o.drop_last or false, limit = o.limit,
    overfit = o.overfit, device = o.device or "cpu",
    num_workers = o.num_workers or 0,
  }
  if self.overfit and self.overfit ~= 0 then self.shuffle = false end
  plan(self)
  local object = newproxy(true)
  local mt = getmetatable(object)
  mt.__name = "vgg.data.Loader"
  mt.__len = function() return self.batches end
  mt.__tostring = function()
    return ("Loader: %s batches of %s from %s"):format(util.count(self.batches),
      util.count(self.batch_size), tostring(self.dataset))
  end
  mt.__index = function(_, key)
    local value = self[key]
    if value == nil then value = Loader[key] end
    return value
  end
  mt.__newindex = function(_, key, value) self[key] = value end
  return object
end

function Loader:len() return self.batches end

-- Images in batch k, and in all batches that are delivered.
function Loader:size_of(k)
  return k == self.all_batches and self.last_size or self.batch_size
end

function Loader:images()
  local n = self.batches * self.batch_size
  if self.batches == self.all_batches and n > 0 then n = n - self.batch_size + self.last_size end
  return n
end

-- Position in the dataset of image j of batch k in an epoch.
function Loader:position(epoch, k, j)
  local i = (k - 1) * self.batch_size + j
  if not self.shuffle then return i end
  return self:order(epoch):at(i)
end

-- The permutation of an epoch (nil without shuffling); the latest is remembered.
function Loader:order(epoch)
  if not self.shuffle then return nil end
  if self.order_epoch ~= epoch then
    self.order_now = core.data.order(self.dataset:len(), self.seed, epoch)
    self.order_epoch = epoch
  end
  return self.order_now
end

-- On a device that makes batches itself the set's records lie in its memory, and the order of the
-- epoch beside them.
local function resident(self)
  if self.records == nil then
    self.records = self.device ~= "cpu" and core.data.augments(self.device)
    if self.records then
      self.records, self.samples = core.data.upload(self.dataset.source, self.device)
      self.records:keep()
      self.samples:keep()
    end
  end
  return self.records
end

local function resident_order(self, epoch)
  local order = self:order(epoch)
  if order and self.order_there ~= order then
    if self.order_tensor then self.order_tensor:free() end
    self.order_tensor, self.order_there = core.data.upload_order(order, self.device), order
    self.order_tensor:keep()
  end
  return order and self.order_tensor
end

-- Whether batches can be made in the memory of others (get's `into`).
function Loader:fills() return resident(self) and true or false end

-- Batch k of an epoch: x float32 (N, 3, H, W), y int64 (N); where the loader fills, into = { x, y }
-- gives the tensors to use.
function Loader:get(k, epoch, into)
  local set, first = self.dataset, (k - 1) * self.batch_size + 1
  epoch = epoch or 0
  if resident(self) then
    return core.data.batch_on(set.source, self.records, self.samples, resident_order(self, epoch),
      first, self:size_of(k), set.pipeline.core, self.seed, epoch, into and into[1],
      into and into[2])
  end
  return core.data.batch(set.source, self:order(epoch), first, self:size_of(k), set.pipeline.core,
    self.seed, epoch, self.device, self.num_workers)
end

-- for batch in loader:iter { epoch = 0, start_batch = 1 } do ... batch.x, batch.y, batch.index ...
-- The table is the same each time, and its tensors end when the next batch is asked for:
-- batch.x:clone() what should stay.
function Loader:iter(o)
  o = o or {}
  util.check_options("iter", o, { epoch = true, start_batch = true })
  local epoch, k = o.epoch or 0, (o.start_batch or 1) - 1
  local batch = { epoch = epoch }
  return function()
    if batch.x then
      batch.x:free()
      batch.y:free()
      batch.x, batch.y = nil, nil
    end
    k = k + 1
    if k > self.batches then return nil end
    batch.x, batch.y = self:get(k, epoch)
    batch.x:keep()
    batch.y:keep()
    batch.index, batch.size = k, self:size_of(k)
    return batch
  end
end

return { new = new, class = Loader, limited = limited }
