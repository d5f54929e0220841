-- The table and the totals as torchinfo 1.8 prints them, with its ways of counting: biases are
-- MACs, a Linear layer counts once whatever its rows, memory is twice the outputs of layers
-- that own parameters.
local util = require "vgg.util"

local torchinfo = {}

local NAME_WIDTH, WIDTH, ALIGN = 40, 25, 5

torchinfo.titles = {
  input_size = "Input Shape", output_size = "Output Shape", num_params = "Param #",
  params_percent = "Param %", kernel_size = "Kernel Shape", groups = "Groups",
  mult_adds = "Mult-Adds", trainable = "Trainable",
}

local function product(shape, from)
  local n = 1
  for i = from or 1, #shape do n = n * shape[i] end
  return n
end

-- MACs by torchinfo's rule, for the whole batch.
local function macs(row)
  if not row.leaf or not row.output then return 0 end
  if not row.type:find "Conv" then return row.output[1] * row.params end
  return row.params * row.output[1] * product(row.output, 3)
end

-- Adds to every row what torchinfo would say: mult_adds, leftover parameters.
local function annotate(rows)
  for _, row in ipairs(rows) do row.mult_adds = macs(row) end
  for i = #rows, 1, -1 do
    local row, all, trained, work = rows[i], 0, 0, 0
    for j = i + 1, #rows do
      local child = rows[j]
      if child.depth <= row.depth then break end
      if child.leaf then work = work + child.mult_adds end
      if not child.recursive then
        all = all + (child.leaf and child.params or child.leftover)
        trained = trained + (child.leaf and child.trained or child.leftover_trained)
      end
    end
    row.leftover, row.leftover_trained = row.params - all, row.trained - trained
    row.below = work
  end
end

-- { total_params, trainable_params, mult_adds, input_bytes, output_bytes, param_bytes }
function torchinfo.totals(rows, input_bytes)
  annotate(rows)
  local t = { total_params = 0, trainable_params = 0, mult_adds = 0, output_bytes = 0,
    param_bytes = 0, input_bytes = input_bytes + 56 } -- the object around the storage
  for _, row in ipairs(rows) do
    if row.leaf then
      t.mult_adds = t.mult_adds + row.mult_adds
      if row.params > 0 and row.output then
        t.output_bytes = t.output_bytes + 8 * product(row.output)
      end
    end
    if not row.recursive then
      local all = row.leaf and row.params or row.leftover
      local trained = row.leaf and row.trained or row.leftover_trained
      t.total_params = t.total_params + math.max(all, 0)
      t.trainable_params = t.trainable_params + math.max(trained, 0)
      if row.leaf then t.param_bytes = t.param_bytes + row.param_bytes end
    end
  end
  return t
end

-- ---- text ----

local function pad(text, width)
  local _, continuation = text:gsub("[\128-\191]", "")
  return text .. (" "):rep(width - #text + continuation)
end

local function list_text(value)
  if not value then return "--" end
  if type(value) ~= "table" then return ("%d"):format(value) end
  return "[" .. table.concat(value, ", ") .. "]"
end

local cells = {}
function cells.input_size(row) return list_text(row.input) end
function cells.output_size(row) return list_text(row.output) end
function cells.kernel_size(row) return list_text(row.kernel) end
function cells.groups(row) return list_text(row.groups) end

function cells.num_params(row, at_depth)
  if row.params == 0 then return "--" end
  if row.recursive then return "(recursive)" end
  if at_depth or row.leaf then
    local text = util.count(row.params)
    return row.trained > 0 and text or "(" .. text .. ")"
  end
  return row.leftover > 0 and util.count(row.leftover) or "--"
end

function cells.params_percent(row, at_depth, total)
  if total == 0 then return "     --" end
  if row.recursive then return "(recursive)" end
  local n = (at_depth or row.leaf) and row.params or row.leftover
  return n == 0 and "     --" or ("%6.2f%%"):format(100 * n / total)
end

function cells.mult_adds(row, at_depth)
  local n = row.leaf and row.mult_adds or at_depth and row.below or 0
  return n > 0 and util.count(n) or "--"
end

function cells.trainable(row)
  if row.params == 0 then return "--" end
  if row.trained == 0 then return "False" end
  return row.trained == row.params and "True" or "Partial"
end

local function title(row)
  if row.depth == 0 then return row.type end
  return ("%s: %d-%d"):format(row.type, row.depth, row.index)
end

local function branch(depth)
  if depth == 0 then return "" end
  return depth == 1 and "├─" or ("│    "):rep(depth - 1) .. "└─"
end

local function format_row(width, name, texts)
  local parts = { pad(name, width) }
  for i, text in ipairs(texts) do parts[i + 1] = pad(text, WIDTH) end
  return (table.concat(parts, " "):gsub("%s+$", ""))
end

-- The rows as a table: columns (names of torchinfo.titles), depth.
function torchinfo.table(rows, columns, depth, total)
  local width = NAME_WIDTH
  for _, row in ipairs(rows) do
    width = math.max(width, math.ceil((#title(row) + row.depth * ALIGN + 1) / ALIGN) * ALIGN)
  end
  local line = ("="):rep(width + #columns * WIDTH)
  local titles = {}
  for i, c in ipairs(columns) do titles[i] = torchinfo.titles[c] end
  local out = { line, format_row(width, "Layer (type:depth-idx)", titles), line }
  for _, row in ipairs(rows) do
    if row.depth <= depth then
      local texts = {}
      for i, c in ipairs(columns) do texts[i] = cells[c](row, row.depth == depth, total) end
      out[#out + 1] = format_row(width, branch(row.depth) .. title(row), texts)
    end
  end
  out[#out + 1] = line
  return table.concat(out, "\n"), line
end

local function scaled(n)
  local unit, by = "M", 1e6
  if n >= 1e12 then unit, by = "T", 1e12 elseif n >= 1e9 then unit, by = "G", 1e9 end
  local v = n / by
  if v == math.floor(v) then return unit, util.count(v) end
  local whole = util.count(math.floor(v + 0.005))
  return unit, whole .. ("%.2f"):format(v):match "%.%d+$"
end

function torchinfo.footer(t, line)
  local mb = 1e6
  local unit, work = scaled(t.mult_adds)
  return table.concat({
    "Total params: " .. util.count(t.total_params),
    "Trainable params: " .. util.count(t.trainable_params),
    "Non-trainable params: " .. util.count(t.total_params - t.trainable_params),
    ("Total mult-adds (%s): %s"):format(unit, work), line,
    ("Input size (MB): %.2f"):format(t.input_bytes / mb),
    ("Forward/backward pass size (MB): %.2f"):format(t.output_bytes / mb),
    ("Params size (MB): %.2f"):format(t.param_bytes / mb),
    ("Estimated Total Size (MB): %.2f"):format((t.input_bytes + t.output_bytes + t.param_bytes)
      / mb), line }, "\n")
end

return torchinfo
