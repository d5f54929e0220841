-- Tables for the terminal.
local Scores = require "vgg.train.scores"

local tables = {}

local function names_of(matrix, classes)
  local names = {}
  for i = 1, #matrix do names[i] = classes and classes[i] or tostring(i - 1) end
  return names
end

local function longest(list)
  local n = 0
  for _, s in ipairs(list) do n = math.max(n, #s) end
  return n
end

-- Counts with true classes as rows, each row's accuracy behind it.
function tables.confusion(matrix, classes, title)
  local names, lines = names_of(matrix, classes), {}
  local left, cell = math.max(longest(names), 4), 5
  for _, row in ipairs(matrix) do
    for _, n in ipairs(row) do cell = math.max(cell, #tostring(n) + 1) end
  end
  local head = {}
  for i, name in ipairs(names) do head[i] = ("%" .. cell .. "s"):format(name:sub(1, cell - 1)) end
  lines[1] = ("confusion matrix, %s (rows: true class, columns: predicted)"):format(title)
  lines[2] = (" "):rep(left) .. table.concat(head) .. "      acc"
  for i, c in ipairs(Scores.per_class(matrix)) do
    local cells = {}
    for j, n in ipairs(matrix[i]) do cells[j] = ("%" .. cell .. "d"):format(n) end
    local acc = c.truth > 0 and ("%9.4f"):format(c.acc) or "        -"
    lines[#lines + 1] = ("%-" .. left .. "s"):format(names[i]) .. table.concat(cells) .. acc
  end
  return table.concat(lines, "\n")
end

return tables
