-- Classes as people write them: a name, the beginning of one, or a 0-based number.
local core = require "vgg.core"
local util = require "vgg.util"

local labels = {}

-- The 0-based label of `what` among `classes`. `who` begins the message when there is none.
function labels.class_of(what, classes, who)
  who = who or "class"
  classes = classes or core.data.cifar10_classes
  local number = tonumber(what)
  if number then
    if classes[number + 1] then return number end
    util.fail("usage", "%s: no class %s, want 0..%d or one of: %s", who, tostring(what),
      #classes - 1, table.concat(classes, " "))
  end
  local found = {}
  for i, name in ipairs(classes) do
    if name == what then return i - 1 end
    if what ~= "" and name:sub(1, #what) == what then found[#found + 1] = i - 1 end
  end
  if #found == 1 then return found[1] end
  local near = util.suggest(what, classes)
  if #found > 1 then
    util.fail("usage", "%s: '%s' may be %s or %s", who, what, classes[found[1] + 1],
      classes[found[2] + 1])
  end
  util.fail("usage", "%s: no class '%s'.%s Classes: %s", who, what,
    near and (" Did you mean '%s'?"):format(near) or "", table.concat(classes, " "))
end

-- N labels as an int64 tensor: from a tensor, an array, or one for all; names are CIFAR-10's.
function labels.tensor(value, n, who)
  if type(value) == "userdata" then
    if value.ndim ~= 1 or value.shape[1] ~= n or value.dtype ~= "int64" then
      error(("%s: want %d int64 classes, got %s"):format(who, n, tostring(value)), 0)
    end
    return value
  end
  local list = {}
  if type(value) == "table" and #value ~= n then
    error(("%s: want a class for each of %d images, got %d"):format(who, n, #value), 0)
  end
  for i = 1, n do
    local one = type(value) == "table" and value[i] or value
    list[i] = type(one) == "string" and labels.class_of(one, nil, who) or one
    if type(list[i]) ~= "number" then
      error(("%s: want a class (name or number), got a %s"):format(who, type(one)), 0)
    end
  end
  return core.tensor(list, "int64")
end

return labels
