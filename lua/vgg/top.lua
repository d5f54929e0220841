-- scores:top(k, classes): the k largest of every row with their class names, as text:
--   m(x):softmax():top(3)   cat 0.61   dog 0.29   frog 0.04
-- A method of tensors, added when the library is loaded.
local Top = { __name = "vgg.Top" }
Top.__index = Top

local function names_for(n, classes)
  if classes then return classes end
  local names = require("vgg.labels").names()
  return #names == n and names or {}
end

-- classes: names, by default those of CIFAR-10 for ten columns. The result is a list of rows of
-- { class = 0-based, name =, value = } and prints itself.
local function top(x, k, classes)
  if x.ndim ~= 1 and x.ndim ~= 2 then error("top: want scores of one image or a batch", 2) end
  local n = x.shape[x.ndim]
  k = math.min(k or 5, n)
  local names, core = names_for(n, classes), require "vgg.core"
  local rows = core.scope(core.no_grad, function()
    local batch = x.ndim == 1 and x:unsqueeze(1) or x
    local values, indices = batch:detach():topk(k, 2)
    values, indices = values:totable(), indices:totable()
    for i, row in ipairs(values) do
      for j, value in ipairs(row) do
        local class = indices[i][j]
        row[j] = { class = class, name = names[class + 1] or tostring(class), value = value }
      end
    end
    return values
  end)
  return setmetatable(rows, Top)
end

function Top:__tostring()
  local lines = {}
  for i, row in ipairs(self) do
    local parts = {}
    for j, e in ipairs(row) do
      parts[j] = ("%s %s"):format(e.name, math.abs(e.value) < 10 and ("%.2f"):format(e.value)
        or ("%.4g"):format(e.value))
    end
    lines[i] = table.concat(parts, "   ")
  end
  return table.concat(lines, "\n")
end

debug.getregistry()["vgg.Tensor"].methods.top = top

return top
