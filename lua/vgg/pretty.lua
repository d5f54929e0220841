-- Values as text for the prompt: tensors and objects by their own __tostring, tables recursively
-- with limits, coloured by type on request.
--   pretty.format(value, { colour = true, depth = 4, items = 60, width = 100 })
local util = require "vgg.util"

local pretty = {}

local colours = { number = "cyan", string = "green", boolean = "magenta", ["nil"] = "dim",
  ["function"] = "blue", userdata = "yellow", thread = "yellow" }

local function meta_of(value)
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and meta or nil
end

-- "vgg.Tensor" -> "Tensor"; nil when the value does not say what it is.
function pretty.class_name(value)
  local t = type(value)
  if t ~= "table" and t ~= "userdata" then return nil end
  local meta = meta_of(value)
  local name = meta and rawget(meta, "__name")
  return type(name) == "string" and name:gsub("^vgg%.", "") or nil
end

local function own_text(value)
  local meta = meta_of(value)
  if type(value) ~= "string" and meta and rawget(meta, "__tostring") then
    local ok, text = pcall(tostring, value)
    return ok and tostring(text) or "(__tostring failed: " .. tostring(text) .. ")"
  end
end

local escapes = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\\"] = "\\\\", ['"'] = '\\"' }
local function quoted(s, limit)
  local cut = #s > limit and #s - limit or 0
  if cut > 0 then s = s:sub(1, limit) end
  s = s:gsub('[%c\\"]', function(c) return escapes[c] or ("\\%03d"):format(c:byte()) end)
  return '"' .. s .. '"' .. (cut > 0 and ("... (%s more bytes)"):format(util.count(cut)) or "")
end

local function number(n)
  if n ~= n then return "nan" end
  if n == math.huge then return "inf" elseif n == -math.huge then return "-inf" end
  return ("%.14g"):format(n)
end

local function function_text(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return "function (C)" end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

local function scalar(value, state)
  local t = type(value)
  local text
  if t == "string" then
    text = quoted(value, 200)
  elseif t == "number" then
    text = number(value)
  elseif t == "function" then
    text = function_text(value)
  else
    text = tostring(value)
  end
  return util.paint(colours[t] or "dim", text, state.colour)
end

local rank = { number = 1, string = 2, boolean = 3 }
local function key_order(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return (rank[ta] or 9) < (rank[tb] or 9) end
  if ta == "number" or ta == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local keywords = require("vgg.repl.lex").keywords
local function key_text(k, state)
  if type(k) == "string" then
    if k:match("^[%a_][%w_]*$") and not keywords[k] then return k end
    return "[" .. quoted(k, 60) .. "]"
  end
  return "[" .. (own_text(k) or scalar(k, { colour = state.colour })) .. "]"
end

local function plain_length(text) return #text:gsub("\27%[[%d;]*m", "") end

local render

local function table_parts(t, state, depth)
  local parts, n = {}, #t
  local more = 0
  for i = 1, n do
    if i > state.items then
      more = more + 1
    else
      parts[#parts + 1] = render(rawget(t, i), state, depth + 1)
    end
  end
  local keys = {}
  for k in next, t do
    local in_array = type(k) == "number" and k >= 1 and k <= n and k == math.floor(k)
    if not in_array then keys[#keys + 1] = k end
  end
  table.sort(keys, key_order)
  for i, k in ipairs(keys) do
    if i > state.items then
      more = more + 1
    else
      parts[#parts + 1] = key_text(k, state) .. " = " .. render(rawget(t, k), state, depth + 1)
    end
  end
  if more > 0 then parts[#parts + 1] = ("... %s more"):format(util.count(more)) end
  return parts
end

-- Short entries, as many a line as fit.
local function pack(parts, width)
  local lines, used = {}, math.huge
  for i, p in ipairs(parts) do
    local text = p .. (i < #parts and "," or "")
    if used + plain_length(text) + 1 > width then
      lines[#lines + 1], used = text, plain_length(text)
    else
      lines[#lines], used = lines[#lines] .. " " .. text, used + plain_length(text) + 1
    end
  end
  return lines
end

-- One line where it fits, else one entry a line, or several when they are short.
local function join(parts, state, depth)
  if #parts == 0 then return "{}" end
  local total, multiline, widest = 4 + 2 * depth, false, 0
  for _, p in ipairs(parts) do
    widest = math.max(widest, plain_length(p))
    total = total + plain_length(p) + 2
    multiline = multiline or p:find("\n", 1, true)
  end
  if total <= state.width and not multiline then
    return "{ " .. table.concat(parts, ", ") .. " }"
  end
  local pad = ("  "):rep(depth + 1)
  local lines = widest <= 16 and #parts > 10 and pack(parts, state.width - #pad)
  local body = lines and table.concat(lines, "\n" .. pad) or table.concat(parts, ",\n" .. pad)
  return "{\n" .. pad .. body .. "\n" .. ("  "):rep(depth) .. "}"
end

function render(value, state, depth)
  local text = own_text(value)
  if text then
    if depth > 0 then text = text:gsub("\n", "\n" .. ("  "):rep(depth)) end
    return text
  end
  if type(value) ~= "table" then return scalar(value, state) end
  if state.seen[value] then return util.paint("dim", "<the table around it>", state.colour) end
  if depth >= state.depth then
    return next(value) == nil and "{}" or util.paint("dim", "{...}", state.colour)
  end
  state.seen[value] = true
  local name = pretty.class_name(value)
  text = join(table_parts(value, state, depth), state, depth)
  state.seen[value] = nil
  return name and name .. " " .. text or text
end

-- The text of one value.
function pretty.format(value, options)
  options = options or {}
  return render(value, {
    colour = options.colour, depth = options.depth or 4, items = options.items or 60,
    width = options.width or 100, seen = {},
  }, 0)
end

-- One short line, for lists of variables.
function pretty.brief(value)
  local text
  if type(value) == "table" and not own_text(value) then
    local n, fields = #value, 0
    for _ in next, value do fields = fields + 1 end
    local name = pretty.class_name(value) or "table"
    text = fields == n and ("%s of %s"):format(name, util.count(n)) or
      ("%s with %s field%s"):format(name, util.count(fields), fields == 1 and "" or "s")
  elseif type(value) == "userdata" and type(value.summary) == "function" then
    text = value:summary()
  else
    text = own_text(value) or scalar(value, {})
  end
  text = text:match("^[^\n]*")
  return #text > 90 and text:sub(1, 87) .. "..." or text
end

-- Several results side by side as print would, or below each other when one has several lines;
-- `n` counts nils.
function pretty.results(n, values, options)
  local parts, multiline = {}, false
  for i = 1, n do
    parts[i] = pretty.format(values[i], options)
    multiline = multiline or parts[i]:find("\n", 1, true)
  end
  return table.concat(parts, multiline and "\n" or "   ")
end

return pretty
