-- PyTorch's order of parameter names, for files that are sorted otherwise: "features.2.weight"
-- before "features.10.weight", weights before biases before buffers.
local last = { weight = "0", bias = "1", running_mean = "2", running_var = "3",
  num_batches_tracked = "4" }

local function sort_key(name)
  local head, tail = name:match "^(.*%.)([^.]+)$"
  local key = head and head .. (last[tail] or "5" .. tail) or name
  return (key:gsub("%d+", function(n) return ("%09d"):format(n) end))
end

-- Sorts a list in place; name_of(item) gives an item's name, the item itself without it.
return function(list, name_of)
  local keys = {}
  for _, item in ipairs(list) do keys[item] = sort_key(name_of and name_of(item) or item) end
  table.sort(list, function(a, b) return keys[a] < keys[b] end)
  return list
end
