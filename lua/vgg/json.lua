-- JSON that is the same text for the same value: keys sorted, numbers exact. NaN and the infinities
-- travel as the strings "NaN", "Infinity", "-Infinity" and come back as numbers, unless they are
-- asked for as bare words. Reads with cjson.
local cjson = require("cjson").new()

local json = { null = cjson.null }

local special = { NaN = 0 / 0, Infinity = math.huge, ["-Infinity"] = -math.huge }

local quoted = { nan = '"NaN"', inf = '"Infinity"', minus = '"-Infinity"' }
local words = { nan = "NaN", inf = "Infinity", minus = "-Infinity" }
local odd = quoted

local function number(v)
  if v ~= v then return odd.nan end
  if v == math.huge then return odd.inf end
  if v == -math.huge then return odd.minus end
  if v == math.floor(v) and math.abs(v) < 2 ^ 53 then return ("%d"):format(v) end
  local short = ("%.15g"):format(v)
  return tonumber(short) == v and short or ("%.17g"):format(v)
end

-- cjson writes / as \/, which is right but nobody else does.
local function quote(s) return (cjson.encode(s):gsub("\\/", "/")) end

local encode

local function array(v, path)
  local out = {}
  for i, x in ipairs(v) do out[i] = encode(x, path .. "[" .. i .. "]") end
  return "[" .. table.concat(out, ",") .. "]"
end

local function object(v, path)
  local keys, out = {}, {}
  for k in pairs(v) do
    if type(k) ~= "string" then
      error(("json: %s has the key %s among others; keys are text, or 1 to n without holes")
        :format(path, tostring(k)), 0)
    end
    keys[#keys + 1] = k
  end
  table.sort(keys)
  for i, k in ipairs(keys) do
    out[i] = quote(k) .. ":" .. encode(v[k], path .. "." .. k)
  end
  return "{" .. table.concat(out, ",") .. "}"
end

local Array = {}

-- Marks a table as an array, which matters when it is empty.
function json.array(t) return setmetatable(t or {}, Array) end

local function is_array(v)
  if getmetatable(v) == Array then return true end
  local n = 0
  for _ in pairs(v) do n = n + 1 end
  return n > 0 and n == #v
end

function encode(v, path)
  local t = type(v)
  if v == cjson.null then return "null" end
  if t == "number" then return number(v) end
  if t == "string" then return quote(v) end
  if t == "boolean" then return tostring(v) end
  if t ~= "table" then error(("json: %s is a %s"):format(path, t), 0) end
  if #path > 1000 then error("json: nested too deeply (or a cycle): " .. path:sub(1, 60), 0) end
  return is_array(v) and array(v, path) or object(v, path)
end

-- One line of text; an empty table becomes {}. Raises for functions, userdata and mixed keys.
function json.encode(v) return encode(v, "value") end

-- The same with the words NaN, Infinity and -Infinity, as Python writes and reads them.
function json.encode_bare(v)
  odd = words
  local ok, text = pcall(encode, v, "value")
  odd = quoted
  if not ok then error(text, 0) end
  return text
end

local function restore(v)
  if type(v) == "string" then return special[v] or v end
  if type(v) == "table" then
    for k, x in pairs(v) do v[k] = restore(x) end
  end
  return v
end

-- The value, or nil, message.
function json.decode(text)
  local ok, v = pcall(cjson.decode, text)
  if not ok then return nil, "json: " .. tostring(v) end
  return restore(v)
end

return json
