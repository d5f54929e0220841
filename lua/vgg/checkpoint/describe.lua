-- What `vgglua inspect` prints about a file of weights: facts as one table, and as text.
local checkpoint = require "vgg.checkpoint"
local fit = require "vgg.checkpoint.fit"
local in_order = require "vgg.checkpoint.order"
local json = require "vgg.json"
local util = require "vgg.util"

local describe = {}

local formats = {
  safetensors = "safetensors", ["torch zip"] = "PyTorch, zip", ["torch legacy"] =
    "PyTorch, legacy (before 1.6)",
}

-- Names come from the file: nothing in them may steer a terminal.
local function clean(text) return (tostring(text):gsub("[%c\127]", "?")) end

local function values_of(e)
  local n = 1
  for _, d in ipairs(e.shape) do n = n * d end
  return n
end

local function list_of(entries)
  local list = {}
  for i, e in ipairs(entries) do
    list[i] = { name = e.name, raw = e.raw ~= e.name and e.raw or nil, dtype = e.dtype,
      shape = #e.shape > 0 and e.shape or nil, bytes = e.bytes, values = values_of(e) }
  end
  return list
end

local function totals(entries)
  local values, bytes, by_dtype = 0, 0, {}
  for _, e in ipairs(entries) do
    values, bytes = values + values_of(e), bytes + e.bytes
    by_dtype[e.dtype] = (by_dtype[e.dtype] or 0) + 1
  end
  return { tensors = #entries, values = values, bytes = bytes, dtypes = by_dtype }
end

local function kind_of(info)
  if info.meta.position then return "checkpoint of a vgglua run" end
  if next(info.meta) and info.format == "safetensors" then return "weights of a vgglua model" end
  return info.kind
end

-- The model's entries and the others, optimizer states of our own files among these.
local function divide(info)
  local own, others = {}, {}
  for _, e in ipairs(info.entries) do
    local list = e.name:find "^optimizer%." and others or own
    list[#list + 1] = e
  end
  for _, e in ipairs(info.rest) do others[#others + 1] = e end
  if info.format == "safetensors" then
    local function name(e) return e.name end
    in_order(own, name)
    in_order(others, name)
  end
  return own, others
end

-- Facts about a file: util.fail raised when it cannot be read.
function describe.facts(path)
  local info, why = checkpoint.inspect(path)
  if not info then util.fail("data", "%s", why) end
  local looks, spec = fit.recognise(info.entries), fit.model_of(info.entries)
  local meta = info.meta.config and info.meta.config.model
  local own, others = divide(info)
  return {
    path = info.path, bytes = info.bytes, format = info.format, kind = kind_of(info),
    prefix = info.prefix, looks_like = looks and looks.name, model = meta or spec,
    tensors = list_of(own), others = list_of(others),
    totals = totals(own), meta = next(info.meta) and info.meta or nil,
    plain = info.plain, metadata = info.format == "safetensors" and info.texts or nil,
  }
end

-- ---- text ----

local function shape_text(e) return e.shape and table.concat(e.shape, "x") or "scalar" end

local function rows(lines, list, limit)
  local width, n = 0, math.min(#list, limit or #list)
  for i = 1, n do width = math.max(width, #clean(list[i].name)) end
  width = math.min(width, 60)
  for i = 1, n do
    local e = list[i]
    lines[#lines + 1] = ("  %-" .. width .. "s  %-16s %-8s %s"):format(clean(e.name),
      shape_text(e), e.dtype, util.count(e.values))
  end
  if n < #list then lines[#lines + 1] = ("  ... and %d more (--all)"):format(#list - n) end
end

local function value_text(v, depth)
  if v == json.null or v == nil then return "None" end
  if type(v) == "string" then return clean(v) end
  if type(v) == "number" then return ("%.14g"):format(v) end
  if type(v) ~= "table" then return tostring(v) end
  if depth > 3 then return "..." end
  local parts = {}
  if v[1] ~= nil then
    for i, x in ipairs(v) do parts[i] = value_text(x, depth + 1) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for _, key in ipairs(util.keys(v)) do
    parts[#parts + 1] = clean(key) .. " " .. value_text(v[key], depth + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function shorten(text, width)
  return #text > width and text:sub(1, width - 3) .. "..." or text
end

-- One line a key; tensors and their containers are shown elsewhere.
local function plain_lines(lines, title, t, hidden)
  local shown = {}
  for _, key in ipairs(type(t) == "table" and util.keys(t) or {}) do
    local empty = t[key] == json.null or type(t[key]) == "table" and next(t[key]) == nil
    if not hidden[key] and not empty then
      shown[#shown + 1] = ("  %-26s %s"):format(shorten(clean(key), 40),
        shorten(value_text(t[key], 0), 200))
    end
  end
  if #shown == 0 then return end
  lines[#lines + 1] = "\n" .. title
  for _, line in ipairs(shown) do lines[#lines + 1] = line end
end

local function dtype_text(by_dtype)
  local parts = {}
  for _, name in ipairs(util.keys(by_dtype)) do
    parts[#parts + 1] = ("%d %s"):format(by_dtype[name], name)
  end
  return table.concat(parts, ", ")
end

local hidden = { state_dict = true, optimizer_states = true, loops = true, ["vgg.crc32"] = true,
  ["vgg.crc32.header"] = true, ["vgg.meta"] = true, config = true, optimizer = true, random = true,
  trainer = true, algorithms = true, format = true }

-- The facts as lines for people; `all`: also every tensor that is not the model's.
function describe.text(f, all)
  local t, lines = f.totals, {}
  local function line(name, value) lines[#lines + 1] = ("%-12s %s"):format(name, value) end
  line("file", ("%s, %s"):format(clean(f.path), util.bytes(f.bytes)))
  line("format", formats[f.format])
  local behind = f.prefix ~= "" and (", names behind '%s'"):format(clean(f.prefix)) or ""
  line("holds", f.kind .. behind)
  if f.model then
    line("model", clean(f.model.name) .. " " .. value_text(f.model.options, 0))
  end
  if f.looks_like then line("looks like", f.looks_like) end
  line("tensors", ("%d (%s): %s values, %s"):format(t.tensors, dtype_text(t.dtypes),
    util.count(t.values), util.bytes(t.bytes)))
  lines[#lines + 1] = ""
  rows(lines, f.tensors)
  if #f.others > 0 then
    lines[#lines + 1] = ("\nBeside the model's weights (%d tensors)"):format(#f.others)
    rows(lines, f.others, not all and 6 or nil)
  end
  local top = {}
  for _, e in ipairs(f.tensors) do top[e.name] = true end
  for key in pairs(hidden) do top[key] = true end
  top[f.prefix:match "^[^.]*"] = true
  plain_lines(lines, "Kept beside the tensors", f.plain, top)
  plain_lines(lines, "Metadata", f.metadata, hidden)
  plain_lines(lines, "Run", f.meta, hidden)
  plain_lines(lines, "Configuration", f.meta and f.meta.config and f.meta.config.flags or nil, {})
  return table.concat(lines, "\n")
end

return describe
