-- Which metric decides what "best" is, and in which direction.
local util = require "vgg.util"

local monitor = {}

-- Kinds by the last word of a name; metrics say themselves with `higher_is_better`.
local larger = { acc = true, accuracy = true, f1 = true, precision = true, recall = true,
  specificity = true, kappa = true, matthews = true, jaccard = true, top5 = true, top3 = true }
local smaller = { loss = true, error = true, ece = true, mse = true, mae = true }

-- "max", "min", or nil when neither the metric nor its name tells.
function monitor.direction(name, higher_is_better)
  if higher_is_better ~= nil then return higher_is_better and "max" or "min" end
  local word = name:match("([%w_]+)$") or name
  for part in word:gmatch("[%w]+") do
    if larger[part] then return "max" end
    if smaller[part] then return "min" end
  end
end

-- Checks a monitored name against what will be logged: names = { ["val/acc"] = higher_is_better or
-- "unknown" }. Returns the mode. Fails before any training.
function monitor.resolve(who, name, mode, names)
  if names[name] == nil then
    util.fail("usage", "%s: monitor '%s' is not logged (have: %s)%s", who, name,
      table.concat(util.keys(names), " "), util.hint(name, util.keys(names)))
  end
  local higher = names[name]
  if higher == "unknown" then higher = nil end
  local kind = monitor.direction(name, higher)
  if not kind and not mode then
    util.fail("usage", "%s: mode \"min\" or \"max\" is needed for '%s'", who, name)
  end
  if mode and mode ~= "min" and mode ~= "max" then
    util.fail("usage", "%s: no mode '%s'. Known: min, max", who, mode)
  end
  if mode and kind and mode ~= kind then
    util.fail("usage", "%s: mode '%s' contradicts '%s', where %s is better", who, mode, name,
      kind == "max" and "larger" or "smaller")
  end
  return mode or kind
end

-- Strictly better, by more than min_delta; NaN never is, anything beats nil.
function monitor.better(mode, value, than, min_delta)
  if value == nil or value ~= value then return false end
  if than == nil or than ~= than then return true end
  if mode == "max" then return value > than + (min_delta or 0) end
  return value < than - (min_delta or 0)
end

return monitor
