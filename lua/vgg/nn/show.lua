-- Printing: the methods of nn.Module behind tostring, the tree with parameter counts and, after the
-- first forward, output shapes.
local util = require "vgg.util"

local show = {}

-- 64x32x32: the shape without the batch.
local function per_image(shape)
  if not shape then return nil end
  if #shape < 2 then return #shape == 0 and "scalar" or "1" end
  return table.concat(shape, "x", 2)
end

local function text_width(text)
  local _, continuation = text:gsub("[\128-\191]", "")
  return #text - continuation
end

local function rows_of(module, name, level, rows)
  local what, how = module:describe()
  local left = ("  "):rep(level) .. (name and ("(%s) "):format(name) or "") .. what
  if how ~= "" then left = left .. ", " .. how end
  local out = per_image(module._out)
  local count = module:num_parameters()
  rows[#rows + 1] = {
    left = left,
    shape = out and ("%s -> %s"):format(per_image(module._in) or "?", out) or "",
    count = count > 0 and util.count(count) or "",
  }
  for child_name, child in module:named_children() do
    rows_of(child, child_name, level + 1, rows)
  end
  return rows
end

-- The tree as aligned text.
function show:tree()
  local rows = rows_of(self, nil, 0, {})
  local left, shape, count = 0, 0, 0
  for i, row in ipairs(rows) do
    if i > 1 or #rows == 1 then left = math.max(left, text_width(row.left)) end
    shape = math.max(shape, #row.shape)
    count = math.max(count, #row.count)
  end
  local lines = {}
  for i, row in ipairs(rows) do
    if i == 1 then
      lines[1] = self:headline()
    else
      local middle = shape > 0 and ("  " .. row.shape .. (" "):rep(shape - #row.shape)) or ""
      local line = row.left .. (" "):rep(left - text_width(row.left)) .. middle .. "  "
        .. (" "):rep(count - #row.count) .. row.count
      lines[i] = (line:gsub("%s+$", ""))
    end
  end
  return table.concat(lines, "\n")
end

-- "VGG16BN  33,646,666 parameters  train  cpu"
function show:headline()
  local what, how = self:describe()
  local all, trained = self:num_parameters()
  local parts = { how ~= "" and what .. ", " .. how or what }
  if all > 0 then
    parts[#parts + 1] = util.count(all) .. (all == 1 and " parameter" or " parameters")
    if trained < all then parts[#parts + 1] = util.count(trained) .. " trained" end
  end
  parts[#parts + 1] = self.training and "train" or "eval"
  local _, first = self:named_parameters()()
  if first then parts[#parts + 1] = first.device end
  if self._out and #self._order == 0 then
    parts[#parts + 1] = ("%s -> %s"):format(per_image(self._in) or "?", per_image(self._out))
  end
  return table.concat(parts, "  ")
end

show.__tostring = show.tree

return show
