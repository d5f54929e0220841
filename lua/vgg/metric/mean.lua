-- Weighted mean and sum of numbers: the loss of an epoch is Mean with the batch sizes as weights.
-- Sums run in double. NaN goes through to the result (nan = "ignore" leaves such values out, which
-- is what torchmetrics does).
local Metric = require "vgg.metric.base"

local function add(self, value, weight)
  if value ~= value and self.nan == "ignore" then return end
  self.sum, self.weight = self.sum + value * weight, self.weight + weight
end

local function each(value, fn)
  if type(value) == "table" then
    for _, v in ipairs(value) do each(v, fn) end
  else
    fn(value)
  end
end

local function kind(name, compute)
  return Metric.kind(name, {
    defaults = { nan = "keep" },
    check = function(self) Metric.check_one_of(self, "nan", "keep", "ignore") end,
    start = function(self) self.sum, self.weight = 0, 0 end,
    -- value: a number, a table of numbers or a tensor; weight: a number, of each value
    update = function(self, value, weight)
      if type(value) == "userdata" then value = value:totable() end
      each(value, function(v)
        if type(v) ~= "number" then error(name .. ": want numbers, got a " .. type(v), 4) end
        add(self, v, weight or 1)
      end)
    end,
    compute = compute,
    reset = function(self) self.sum, self.weight = 0, 0 end,
    merge = function(self, other)
      self.sum, self.weight = self.sum + other.sum, self.weight + other.weight
    end,
    state = function(self) return { sum = self.sum, weight = self.weight } end,
    load_state = function(self, s) self.sum, self.weight = s.sum, s.weight end,
  })
end

return {
  Mean = kind("Mean", function(self) return self.sum / self.weight end),
  Sum = kind("Sum", function(self) return self.sum end),
}
