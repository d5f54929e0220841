-- What metrics share. A kind gives `name`, `defaults`, `higher_is_better`, `check(options)` and
-- `compute(self)`, and either works on a common accumulator (see counts.lua) or keeps its own.
local util = require "vgg.util"

local Metric = {}
Metric.__index = Metric

local aliases = { classes = "num_classes" }

-- Reads the constructor's table; `false` in defaults means "must be given", `none` "may be nil".
Metric.none = setmetatable({}, { __tostring = function() return "none" end })

function Metric.new(kind, spec)
  local options, known = {}, { classes = kind.defaults.num_classes ~= nil or nil }
  for key in pairs(kind.defaults) do known[key] = true end
  util.check_options(kind.name, spec or {}, known, 3)
  for key, value in pairs(spec or {}) do options[aliases[key] or key] = value end
  local self = setmetatable({ name = kind.name, options = options }, kind)
  for key, value in pairs(kind.defaults) do
    if options[key] ~= nil then value = options[key] end
    if value == false and kind.needs[key] then
      error(("%s: option '%s' is missing"):format(kind.name, key), 3)
    end
    if value == Metric.none then value = nil end
    self[key] = value
  end
  local ok, why = pcall(kind.check, self)
  if not ok then error(("%s: %s"):format(kind.name, tostring(why)), 3) end
  kind.start(self)
  return self
end

-- A metric with the same options and the same values so far.
function Metric:clone()
  local copy = Metric.new(getmetatable(self), self.options)
  copy:load_state(self:state())
  return copy
end

function Metric:__tostring()
  local parts = {}
  for _, key in ipairs(util.keys(getmetatable(self).defaults)) do
    if self[key] ~= nil then parts[#parts + 1] = key .. " = " .. tostring(self[key]) end
  end
  return ("%s { %s }"):format(self.name, table.concat(parts, ", "))
end

function Metric.kind(name, kind)
  kind.name = name
  kind.__index = kind
  kind.__tostring = Metric.__tostring
  kind.needs = kind.needs or { num_classes = true }
  return setmetatable(kind, {
    __index = kind.parent or Metric,
    __call = function(_, spec) return Metric.new(kind, spec) end,
    __tostring = function() return "metric." .. name end,
  })
end

-- ---- checks ----

function Metric.check_one_of(self, key, ...)
  for i = 1, select("#", ...) do if self[key] == select(i, ...) then return end end
  error(("%s must be one of %s, got '%s'"):format(key, table.concat({ ... }, ", "),
    tostring(self[key])), 0)
end

function Metric.check_whole(self, key, low, high)
  local v = self[key]
  if type(v) ~= "number" or v ~= math.floor(v) or v < low or v > (high or math.huge) then
    local range = high and ("from %d to %d"):format(low, high) or (">= %d"):format(low)
    error(("%s must be a whole number %s, got %s"):format(key, range, tostring(v)), 0)
  end
end

return Metric
