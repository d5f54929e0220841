-- Pooling and dropout as layers: nn.MaxPool2d { 2 }, nn.Dropout { 0.5 }, ...
local calls = require "vgg.nn.calls"
local simple = require "vgg.nn.simple"

local pooling = {}
local required, none = simple.required, simple.none

local function window(self)
  return {
    kernel = self.kernel, stride = self.stride or self.kernel, pad = self.pad,
    ceil_mode = self.ceil_mode,
  }
end

pooling.MaxPool2d = simple.layer("MaxPool2d", { "kernel" },
  { kernel = required, stride = none, pad = 0, ceil_mode = false },
  function(self, x) return x:max_pool2d(self._window) end)

local function is_pair(value, n)
  return value == n or type(value) == "table" and value[1] == n and value[2] == n
end

-- halves: the windows are 2x2 and lie side by side.
function pooling.MaxPool2d.check(self)
  local w = window(self)
  rawset(self, "_window", w)
  rawset(self, "halves", is_pair(w.kernel, 2) and is_pair(w.stride, 2) and is_pair(w.pad, 0)
    and not w.ceil_mode)
end

pooling.AvgPool2d = simple.layer("AvgPool2d", { "kernel" },
  { kernel = required, stride = none, pad = 0, ceil_mode = false, count_include_pad = true },
  function(self, x) return x:avg_pool2d(self._window) end)

function pooling.AvgPool2d.check(self)
  rawset(self, "_window", window(self))
  self._window.count_include_pad = self.count_include_pad
end

local function size_of(self)
  local size = type(self.size) == "table" and self.size or { self.size, self.size }
  return size[1], size[2]
end

pooling.AdaptiveAvgPool2d = simple.layer("AdaptiveAvgPool2d", { "size" }, { size = required },
  function(self, x) return x:adaptive_avg_pool2d(size_of(self)) end)

pooling.AdaptiveMaxPool2d = simple.layer("AdaptiveMaxPool2d", { "size" }, { size = required },
  function(self, x) return x:adaptive_max_pool2d(size_of(self)) end)

-- Zeroes a share p of the values while training and scales the rest by 1 / (1 - p).
pooling.Dropout = simple.layer("Dropout", { "p" }, { p = 0.5 }, function(self, x)
  if not self.training or self.p == 0 then return x end
  return x:dropout(self.p)
end)

function pooling.Dropout.check(self)
  if type(self.p) ~= "number" or not (self.p >= 0 and self.p <= 1) then
    calls.mistake("Dropout: want a probability from 0 to 1, got %s", tostring(self.p))
  end
end

for _, cls in pairs(pooling) do cls.transient = true end

return pooling
