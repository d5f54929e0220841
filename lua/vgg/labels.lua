-- Class labels as people write them: a name, a number for a whole batch, a list, a tensor.
local core = require "vgg.core"
local util = require "vgg.util"

local labels = {}

-- The names in use when nobody says otherwise, and only for ten classes.
function labels.names()
  local names = core.data.cifar10_classes
  return type(names) == "function" and names() or names
end

-- 0-based class of a name or number; fails with a suggestion.
function labels.class(value, names, who)
  if type(value) == "number" then return value end
  names = names or labels.names()
  for i, name in ipairs(names) do if name == value then return i - 1 end end
  error(("%s: no class '%s'%s"):format(who or "target", tostring(value),
    util.hint(tostring(value), names)), 0)
end

-- int64 tensor of n labels.
function labels.tensor(value, n, names, who)
  if type(value) == "userdata" then return value end
  if type(value) == "table" then
    local list = {}
    for i, v in ipairs(value) do list[i] = labels.class(v, names, who) end
    return core.tensor(list, "int64")
  end
  if type(value) ~= "string" and type(value) ~= "number" then
    error((who or "target") .. ": want a class name, a number or labels", 0)
  end
  return core.full({ n }, labels.class(value, names, who), "int64")
end

return labels
