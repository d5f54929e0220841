-- The accumulator behind most metrics: counts[true class][predicted class] and, in a last column,
-- predictions lost to NaN. Metrics of a collection share one.
local core = require "vgg.core"

local Counts = {}
Counts.__index = Counts

-- rows, columns of the tensor; fill(tensor, preds, target) adds a batch.
function Counts.new(rows, columns, fill)
  return setmetatable({ rows = rows, columns = columns, fill = fill }, Counts)
end

-- The tensor, on the device that is asked for, if one is.
function Counts:tensor(device)
  if self.t and device and self.t.device ~= device then
    local moved = self.t:to(device):keep()
    self.t:free()
    self.t = moved
  elseif not self.t then
    self.t = core.metric.zeros(self.rows, self.columns, device):keep()
  end
  return self.t
end

function Counts:update(preds, target) self.fill(self:tensor(preds.device), preds, target) end

function Counts:reset() if self.t then core.metric.reset(self.t) end end

function Counts:merge(other)
  if other.t then core.metric.add(self:tensor(other.t.device), other.t) end
end

-- Plain numbers: an array of rows.
function Counts:state() return self:tensor():totable() end

function Counts:load_state(state)
  local fresh = core.tensor(state, "int64", "cpu")
  if fresh.shape[1] ~= self.rows or fresh.shape[2] ~= self.columns then
    error(("metric: state is %dx%d, want %dx%d"):format(fresh.shape[1], fresh.shape[2], self.rows,
      self.columns), 3)
  end
  self:reset()
  core.metric.add(self:tensor "cpu", fresh)
  fresh:free()
end

return Counts
