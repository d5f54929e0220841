-- Several metrics at once: Collection { acc = Accuracy {...}, f1 = F1 {...} }. Those that follow
-- from the same counts share them, so that a batch is counted once; after that the members should
-- be updated through the collection only.
local Collection = {}
Collection.__index = Collection

local function share(self)
  local first = {}
  self.distinct = {}
  for _, name in ipairs(self.names) do
    local m = self.metrics[name]
    local key = m.share_key and m:share_key()
    if key and first[key] then
      m.counts = first[key].counts
    else
      if key then first[key] = m end
      self.distinct[#self.distinct + 1] = m
    end
  end
  return self
end

local function new(_, metrics)
  local self = setmetatable({ metrics = {}, names = {} }, Collection)
  for name, m in pairs(metrics) do
    if type(name) ~= "string" or type(m) ~= "table" or not m.compute then
      error("Collection: want { name = metric, ... }", 2)
    end
    self.metrics[name] = m:clone()
    self.names[#self.names + 1] = name
  end
  table.sort(self.names)
  return share(self)
end

function Collection:update(...) for _, m in ipairs(self.distinct) do m:update(...) end end
function Collection:reset() for _, m in ipairs(self.distinct) do m:reset() end end

-- { name = value, ... }
function Collection:compute()
  local values = {}
  for name, m in pairs(self.metrics) do values[name] = m:compute() end
  return values
end

function Collection:merge(other)
  for i, m in ipairs(self.distinct) do m:merge(other.distinct[i]) end
end

function Collection:clone() return new(nil, self.metrics) end

function Collection:state()
  local state = {}
  for i, m in ipairs(self.distinct) do state[i] = m:state() end
  return state
end

function Collection:load_state(state)
  for i, m in ipairs(self.distinct) do m:load_state(state[i]) end
end

return setmetatable(Collection, { __call = new })
